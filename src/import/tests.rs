//! Tests of `import`.

use proptest::prelude::*;

use super::*;
use crate::model::{inventory, yaml};

fn imported(name: &str, text: &str, zones: &Zones) -> Result<Import, Refusal> {
    let groups = read(&Source::new(name, text), zones)?;
    import(name, &groups, &Beside::default(), zones, Some("lab"))
}

/// What an import of this INI says, without the two lines at its head.
fn ini(text: &str) -> String {
    let import = imported("hosts.ini", text, &Zones::Var("zone".into())).unwrap();
    import.text.splitn(4, '\n').nth(3).unwrap_or_default().to_owned()
}

fn refused(name: &str, text: &str) -> String {
    imported(name, text, &Zones::Var("zone".into())).unwrap_err().to_string()
}

#[test]
fn a_deeper_group_wins_and_a_host_wins_over_groups() {
    let text = "\
[etcd]
m1 zone=a
m2 zone=b ansible_port=24
[outer:children]
inner
[inner:children]
etcd
[zebra]
m1
[zebra:vars]
ansible_user=zebra
[inner:vars]
ansible_user = inner
ansible_port = 23
[all:vars]
ansible_user=all
[outer:vars]
ansible_user=outer
";
    insta::assert_snapshot!(ini(text), @r#"
    cluster: "?"   # what an operator types to consent: cluster_name is not given
    environment: lab

    ssh:
      user: inner

    zones:
      a:
        ssh:
          port: 23
        masters:
          m1: { address: m1 }
      b:
        ssh:
          port: 24
        masters:
          m2: { address: m2 }
    "#);
}

#[test]
fn files_beside_the_inventory_weigh_more_than_it() {
    let zones = Zones::Groups(vec!["etcd".into()]);
    let source = Source::new("hosts.ini", "[etcd]\nm1 ansible_port=1\nm2\n[etcd:vars]\nansible_user=file\n");
    let groups = read(&source, &zones).unwrap();
    let mut beside = Beside::default();
    beside.group("all", &Source::new("all.yml", "ansible_user: all\netcd_data_dir: /a\n"), &zones).unwrap();
    let before = import("hosts.ini", &groups, &beside, &zones, None).unwrap().text;
    assert!(before.contains("user: all") && before.contains("data_dir: /a"), "{before}");
    beside.group("etcd", &Source::new("etcd.yml", "ansible_user: etcd\nansible_port: 2\n"), &zones).unwrap();
    beside.group("etcd", &Source::new("etcd/z.yml", "ansible_user: later\n"), &zones).unwrap();
    beside.host("m2", &Source::new("m2.yml", "ansible_port: 3\n"), &zones).unwrap();
    let after = import("hosts.ini", &groups, &beside, &zones, None).unwrap().text;
    assert!(after.contains("user: later") && after.contains("port: 1") && after.contains("port: 3"), "{after}");
}

#[test]
fn an_etcd_that_kubeadm_runs_is_a_static_pod() {
    for said in ["etcd_deployment_type=kubeadm", "etcd_kubeadm_enabled=true"] {
        let text = format!("[etcd]\nm1 ansible_user=root zone=a\nm2 ansible_user=root zone=b\n[etcd:vars]\n{said}\n");
        let page = imported("hosts.ini", &text, &Zones::Var("zone".into())).unwrap();
        let text = page.text.replace("cluster: \"?\"", "cluster: c");
        assert!(text.contains("  config: { static_pod: /etc/kubernetes/manifests/etcd.yaml }\n"), "{text}");
        assert!(!text.contains("not handled"), "{text}");
        let cluster = crate::model::inventory::read(&Source::new("i.yaml", text.as_str())).unwrap();
        assert!(cluster.masters().all(|master| master.etcd.supervisor().pod().is_some()));
    }
}

#[test]
fn a_kind_of_etcd_that_is_not_handled_is_told() {
    for (kind, told) in [("host", false), ("docker", false), ("rkt", true)] {
        let text = format!("[etcd]\nm1 zone=a\nm2 zone=b\n[etcd:vars]\netcd_deployment_type={kind}\n");
        let page = imported("hosts.ini", &text, &Zones::Var("zone".into())).unwrap();
        assert_eq!(format!("{page:?}").contains("in docker or as a static pod is handled yet"), told, "{kind}");
    }
}

#[test]
fn what_cannot_be_known_is_marked_with_what_belongs_there() {
    let text = "\
[etcd]
m1 zone=a ansible_host=\"10.0.0.1; reboot\" ansible_port=ssh ansible_become_method=su ansible_ssh_private_key_file=id
m_2 zone='{{ here }}' ansible_user='$(reboot)' etcd_data_dir=../etcd ansible_ssh_common_args='-J hop -o X=hunter2'
-m3 ansible_host=10.0.0.3 ansible_become=false ansible_user=root access_ip=\"10.0.0.4\u{2028}x\"
";
    insta::assert_snapshot!(ini(text), @r#"
    cluster: "?"   # what an operator types to consent: cluster_name is not given
    environment: lab

    zones:
      a:
        ssh:
          user: "?"   # the user to log in as: the inventory does not say
          port: "?"   # a port: ansible_port is `ssh`
          become: "?"   # sudo or none: ansible_become_method is `su`
          identity: "?"   # a file on the bastion, from / or ~/, or null: ansible_ssh_private_key_file is `id`
        masters:
          m1: { address: "?" }   # a host name or an IP address: ansible_host is `10.0.0.1; reboot`
      "?":   # the zone these masters stand in; make one key for each zone
        masters:
          m_2:
            address: "?"   # a host name or an IP address: ansible_host is not set, and `m_2` is not an address
            ssh:
              user: "?"   # the user to log in as: ansible_user is `$(reboot)`
              jump: "?"   # user@host:port, or null: ansible_ssh_common_args goes through another host
            etcd:
              data_dir: "?"   # an absolute path: etcd_data_dir is `../etcd`
          "?1":   # a name: the inventory says `-m3`; etcd at `10.0.0.4�x`
            address: 10.0.0.3
            ssh:
              user: root
              become: none
    "#);
}

#[test]
fn words_are_split_as_ansible_splits_them() {
    let text = "\
[etcd] # who votes
n[1:2] ansible_user=\"o\"ps zone=a ansible_port='\"22\"' # ansible_user=no
[o:p]1 zone=\"b\" ansible_user=ops#2
; n9
[etcd:vars]
cluster_name = \"x\"  # ours
";
    let text = ini(text);
    for said in ["cluster: x ", "user: ops\n", "      n1: {", "      n2: {", "      o1: {", "port: 22\n"] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn references_in_yaml_are_followed() {
    let text = "\
all:
  vars: { ansible_user: &who ops, ansible_host: !vault abc }
  children:
    etcd:
      hosts:
        m1: &m { zone: a, cluster_name: *who }
        m[2:3]: { <<: *m, zone: b }
";
    let text = imported("hosts.yml", text, &Zones::Var("zone".into())).unwrap().text;
    for said in [
        "cluster: ops ",
        "user: ops\n",
        "m3: { address: \"?\" }   # a host name or an IP address: ansible_host is a tagged value",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(text.find("  a:\n") < text.find("  b:\n"), "{text}");
}

#[test]
fn what_cannot_be_read_is_refused_at_its_line_without_showing_it() {
    for (name, text, said) in [
        ("h.ini", "[kube_node]\nm1\n", "h.ini: there is no group `etcd`; the groups are `kube_node`"),
        ("h.ini", "[etcd]\n", "h.ini: the group `etcd` has no hosts; the groups are `etcd`"),
        ("h.ini", "[etcd]\nm1 hunter2\n", "h.ini:2: a host's variable is not written as name=value"),
        ("h.ini", "[etcd]\nm1 a='hunter2\n", "h.ini:2: a quote is not closed"),
        ("h.ini", "[etcd:vars]\nhunter2\n", "h.ini:2: a variable is not written as name=value"),
        ("h.ini", "[etcd:hunters]\n", "h.ini:1: `hunters` is not a kind of section; use hosts, children or vars"),
        ("h.ini", "[etcd]\nm[1:100000]\n", "h.ini:2: a host range has more than 10000 hosts"),
        ("h.ini", "[etcd]\nm[1:9999]\nn[1:9999]\n", "h.ini:3: more than 10000 hosts"),
        (
            "h.ini",
            &format!("[etcd]\n{}[1:9]\n", "x".repeat(400)),
            "h.ini:2: a host's name is longer than 300 characters",
        ),
        ("h.ini", "[a:children]\nb\n[b:children]\na\n", "h.ini: its groups contain each other in a circle"),
        ("h", "#!/bin/sh\n", "h:1: an executable, which is not run; give its output instead: "),
        ("h.yml", "etcd: { hosts: [m1] }\n", "h.yml:1: `hosts` of `etcd` is a list, not a set of keys"),
        ("h.yml", "- hunter2\n", "h.yml:1: an inventory is a set of groups, not a list"),
        ("h", "all:\n  vars:\n\tpassword: hunter2\n", "h:3: not YAML: "),
        ("h.ini", "[etcd]\nm1 zone=a/b\n", "h.ini: zone of `m1`: the zone `a/b` may hold only letters"),
    ] {
        let found = refused(name, text);
        assert!(found.starts_with(said) && !found.contains("hunter2"), "{text:?} should say {said:?}, says {found:?}");
    }
    let both = Zones::Groups(vec!["a".into(), "b".into()]);
    let found = imported("h.ini", "[etcd]\nm1\n[a]\nm1\n[b]\nm1\n", &both).unwrap_err();
    assert_eq!(found.to_string(), "h.ini: `m1` is in two zones: a and b");
    let found = imported("h.ini", "[etcd]\nm1\n[a]\nm1\n", &both).unwrap_err();
    assert_eq!(found.to_string(), "h.ini: there is no group `b`; the groups are `a`, `etcd`");
}

/// How many keys and values say that something is open.
fn left_open(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => usize::from(text.starts_with('?')),
        serde_json::Value::Array(values) => values.iter().map(left_open).sum(),
        serde_json::Value::Object(keys) => {
            keys.iter().map(|(key, value)| usize::from(key.starts_with('?')) + left_open(value)).sum()
        }
        _ => 0,
    }
}

proptest! {
    /// Whatever the variables say, they make no other structure, and nothing wrong that is not marked.
    #[test]
    fn no_variable_breaks_out_of_its_place(
        hosts in proptest::collection::btree_map("[a-z0-9_.?\"#\u{e9}-]{1,6}|\\PC{1,4}", proptest::collection::vec(("\\PC{0,12}|[a-z0-9.:/~?#'\"{}\\n\\t\u{2028}\u{202e}-]{0,16}", 0usize..24), 0..8), 1..5),
    ) {
        let vars = |said: &[(String, usize)]| -> BTreeMap<&str, String> {
            said.iter().map(|(text, at)| (WANTED[*at], text.clone())).collect()
        };
        let said: BTreeMap<&String, _> = hosts.iter().map(|(host, said)| (host, vars(said))).collect();
        let text = serde_json::json!({ "etcd": { "hosts": said } }).to_string();
        let groups = match read(&Source::new("hosts.json", text), &Zones::Unsaid) {
            Ok(groups) => groups,
            // A name may be a range that is none.
            Err(refusal) => return Err(TestCaseError::reject(refusal.to_string())),
        };
        let masters = groups.hosts_of("etcd").len();
        let import = import("hosts.json", &groups, &Beside::default(), &Zones::Unsaid, None).unwrap();
        let source = Source::new("inventory.yaml", import.text.clone());
        yaml::parse(&source).unwrap();
        let other: serde_json::Value = serde_yaml::from_str(&import.text).unwrap();
        prop_assert_eq!(other["zones"]["?"]["masters"].as_object().map(serde_json::Map::len), Some(masters));
        for mistake in inventory::read(&source).unwrap_err() {
            let marked = ["left-open", "one-zone", "duplicate-address"].contains(&mistake.code);
            prop_assert!(marked, "{}: {}\n{}", mistake.code, mistake.message, import.text);
        }
        prop_assert_eq!(import.open, left_open(&other));
    }

    #[test]
    fn no_text_stops_the_reader(text in "([a-z\\[\\]:='\"#;0-9 {}\\n&*!-]|\\[etcd\\]\\n|\\PC){0,60}") {
        for name in ["hosts.ini", "hosts.yaml", "hosts"] {
            let _ = imported(name, &text, &Zones::Unsaid);
        }
    }
}
