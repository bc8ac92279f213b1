//! kubespray's inventories through the program: what is printed, and whether it is right once it is filled in.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use assert_cmd::Command;

struct Told {
    out: String,
    err: String,
    code: Option<i32>,
}

fn requorum(words: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_requorum"));
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told { out: text(output.stdout), err: text(output.stderr), code: output.status.code() }
}

fn import(words: &[&str]) -> Told {
    let told = requorum(&[&["inventory", "import", "kubespray"], words].concat());
    assert!(!told.out.contains("hunter2") && !told.err.contains("hunter2"), "a password was shown");
    told
}

/// What the reader says of it.
fn checked(text: &str) -> Told {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("inventory.yaml");
    std::fs::write(&file, text).unwrap();
    requorum(&["inventory", "check", file.to_str().unwrap()])
}

#[test]
fn stacked_etcd_is_taken_over_whole() {
    let zones = ["--zone-group", "hall-a", "--zone-group", "hall-b", "--environment", "staging"];
    let told = import(&[&["tests/kubespray/stacked"], &zones[..]].concat());
    insta::assert_snapshot!(told.out, @r##"
    # yaml-language-server: $schema=../schemas/inventory.schema.json
    # From tests/kubespray/stacked/inventory.ini. "?" marks what it does not say; `requorum inventory check` finds it.

    cluster: cluster.local   # cluster_name in tests/kubespray/stacked/group_vars/k8s_cluster/k8s-cluster.yml
    environment: staging

    ssh:
      user: ubuntu
    etcd:
      data_dir: /var/lib/etcd

    zones:
      hall-a:
        masters:
          node1: { address: 95.54.0.12 }   # etcd at 10.3.0.1; member etcd1
          node2: { address: 95.54.0.13 }   # etcd at 10.3.0.2; member etcd2
      hall-b:
        masters:
          node3: { address: 95.54.0.14 }   # etcd at 10.3.0.3; member etcd3
    "##);
    insta::assert_snapshot!(told.err, @"remark: cluster.local is kubespray's default cluster_name: give each cluster a name of its own");
    assert_eq!(told.code, Some(0));
    assert_eq!(checked(&told.out).code, Some(0));
}

#[test]
fn the_old_names_are_known_and_what_is_missing_is_marked() {
    let told = import(&["tests/kubespray/old/hosts.ini"]);
    insta::assert_snapshot!(told.out, @r##"
    # yaml-language-server: $schema=../schemas/inventory.schema.json
    # From tests/kubespray/old/hosts.ini. "?" marks what it does not say; `requorum inventory check` finds it.

    cluster: "?"   # what an operator types to consent: cluster_name is not given
    environment: "?"   # production, staging or lab: kubespray does not say

    ssh:
      user: core
      port: 2222
      become: sudo

    zones:
      "?":   # the zone these masters stand in; make one key for each zone
        masters:
          node1: { address: 95.54.0.12 }   # etcd at 10.3.0.1
          node2: { address: 95.54.0.13 }   # etcd at 10.3.0.2
          node3: { address: 95.54.0.14 }   # etcd at 10.3.0.3
    "##);
    insta::assert_snapshot!(told.err, @r#"
    remark: all masters: bin_dir is `/opt/bin`: etcd's tools are looked for in the directory of the program that the unit starts
    remark: `node2`, `node3`: etcd without a control plane; a master here is a host that runs etcd
    remark: `node4`: a control plane without etcd; left out
    3 values left to fill in, each a "?": `requorum inventory check` names its line
    "#);
    assert_eq!(told.code, Some(2));
    let checked = checked(&told.out);
    assert_eq!(checked.code, Some(65));
    assert_eq!(checked.err.matches("error[left-open]").count(), 3, "{}", checked.err);
}

#[test]
fn what_the_builder_wrote_is_right_once_it_is_filled_in() {
    let told = import(&["tests/kubespray/built", "--zone-var", "topology_zone"]);
    insta::assert_snapshot!(told.out, @r##"
    # yaml-language-server: $schema=../schemas/inventory.schema.json
    # From tests/kubespray/built/hosts.yaml. "?" marks what it does not say; `requorum inventory check` finds it.

    cluster: site   # cluster_name in tests/kubespray/built/group_vars/all/all.yml
    environment: "?"   # production, staging or lab: kubespray does not say

    ssh:
      identity: ~/.ssh/site
      jump: "?"   # user@host:port, or null: ansible_ssh_common_args goes through another host

    zones:
      north:
        ssh:
          user: ops
        masters:
          m1:   # etcd at 192.0.2.11
            address: 10.20.1.11
            etcd:
              data_dir: /var/lib/etcd
          m2:
            address: 10.20.1.12
            etcd:
              data_dir: /data/etcd
      south:
        ssh:
          user: "?"   # the user to log in as: ansible_user is `{{ lookup('env', 'LOGIN') }}`
          port: 2222
        etcd:
          data_dir: /var/lib/etcd
        masters:
          m3: { address: 10.20.2.11 }

    clusters:
      events:
        etcd:
          unit: etcd-events
          data_dir: /var/lib/etcd-events
          config: { env_file: /etc/etcd-events.env }
    "##);
    insta::assert_snapshot!(told.err, @r#"
    remark: all masters: etcd_events_cluster_enabled: a second etcd (unit etcd-events, data in /var/lib/etcd-events, settings in /etc/etcd-events.env) runs beside this one; it stands under `clusters`, where all masters have it alike
    remark: tests/kubespray/built/group_vars/all/vault.yml is encrypted: what it sets is not known
    remark: there is a group `bastion`: run requorum there, or name it as ssh.jump
    3 values left to fill in, each a "?": `requorum inventory check` names its line
    "#);
    assert_eq!(told.code, Some(2));
    let filled = told.out.replace("environment: \"?\"", "environment: production");
    let filled = filled.replace("jump: \"?\"", "jump: ops@192.0.2.1").replace("user: \"?\"", "user: ops");
    let checked = checked(&filled);
    assert_eq!(checked.code, Some(0), "{}", checked.err);
    assert!(checked.out.contains("north lost (2 of 3 masters): quorum lost, 1 survivor"), "{}", checked.out);
}

#[test]
fn what_cannot_be_imported_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let write = |name: &str, text: &str| {
        let file = directory.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    let refused = |said: &str| {
        let told = import(&[path]);
        assert_eq!((told.code, told.out.as_str()), (Some(65), ""));
        assert!(told.err.contains(said), "{}", told.err);
    };
    refused("it holds no inventory: none of hosts.yaml, ");
    write("hosts.ini", "[etcd]\n# node1\n[kube_node]\nnode2\n");
    refused("hosts.ini: the group `etcd` has no hosts; the groups are `etcd`, `kube_node`");
    write("hosts.ini", "[etcd]\nnode1\n../../secret\n");
    write("secret.yml", "ansible_user: [hunter2\n");
    assert_eq!(import(&[path]).code, Some(2));
    write("group_vars/etcd.yml", "password: 'hunter2\n");
    refused("group_vars/etcd.yml:1: not YAML");
    write("hosts.yml", "all:\n");
    refused("it holds several inventories: name one of hosts.yml, hosts.ini");
    assert_eq!(import(&[path, "--zone-var", "z", "--zone-group", "g"]).code, Some(64));
    let unknown = import(&["tests/kubespray/built", "--zone-var", "topology_zon"]);
    let said = "no master has a variable `topology_zon`: --zone-var names the variable that holds the zone";
    assert!(unknown.code == Some(65) && unknown.err.contains(said), "{}", unknown.err);
}
