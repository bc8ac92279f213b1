//! Tests of `model/inventory`.

use std::time::Duration;

use super::*;
use crate::model::cluster::Become;
use crate::model::cluster::ConfigAt;
use crate::playbook::shipped;

/// An inventory without a mistake; a test spoils one line of it.
const GOOD: &str = "\
cluster: lab
environment: staging
ssh: { user: ops, become: sudo }
etcd:
  unit: etcd
  data_dir: /var/lib/etcd
  config: { env_file: /etc/etcd.env }
kubernetes: null
objectives: { rto: 60s, rpo: 0 }
zones:
  zone1:
    masters:
      m1: { address: 10.77.1.11 }
      m2: { address: 10.77.1.12 }
  zone2:
    masters:
      m3: { address: 10.77.2.11 }
";

fn source(text: &str) -> Source {
    Source::new("inventory.yaml", text)
}

fn good(text: &str) -> Cluster {
    read(&source(text)).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn master<'c>(cluster: &'c Cluster, name: &str) -> &'c Master {
    cluster.master(&MasterName::new(name).unwrap()).unwrap()
}

/// Every mistake as `line:column message (hint)`.
fn mistakes(text: &str) -> Vec<String> {
    let told = |d: &Diagnostic| {
        let hint = d.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}:{} {}{hint}", d.place.line, d.place.column, d.message)
    };
    read(&source(text)).map_or_else(|found| found.iter().map(told).collect(), |_| Vec::new())
}

#[test]
fn the_shipped_inventories_are_read() {
    for file in shipped::FILES.iter().filter(|file| file.path.starts_with("inventory/")) {
        read(&file.source()).unwrap_or_else(|found| panic!("{}: {found:#?}", file.path));
    }
}

#[test]
fn the_example_shows_every_key() {
    let example = shipped::FILES.iter().find(|file| file.path == "inventory/example.yaml").unwrap().text;
    let keys = "cluster environment ssh user port become identity known_hosts jump etcd unit data_dir config env_file \
                template client kubernetes objectives rto rpo zones masters address";
    for key in keys.split(' ') {
        assert!(example.contains(&format!("{key}:")), "{key}");
    }
}

#[test]
fn what_nobody_said_is_as_kubespray_has_it() {
    let text = "cluster: c\nenvironment: lab\nzones: { a: { masters: { m1: { address: h1 } } }, b: { masters: { m2: { address: h2 } } } }";
    let cluster = good(text);
    let m1 = master(&cluster, "m1");
    assert_eq!((m1.ssh.user.as_str(), m1.ssh.port, m1.ssh.elevate), ("root", 22, Become::None));
    assert_eq!((&m1.ssh.identity, &m1.ssh.known_hosts, &m1.ssh.jump), (&None, &None, &None));
    assert_eq!((m1.etcd.unit.as_str(), m1.etcd.data_dir.as_str()), ("etcd", "/var/lib/etcd"));
    assert_eq!((&m1.etcd.config, &m1.etcd.template), (&ConfigAt::AsUnitSays, &None));
    assert_eq!(cluster.objectives, None);
    assert_eq!(master(&good(GOOD), "m1").ssh.elevate, Become::Sudo);
}

#[test]
fn the_nearer_setting_wins_key_by_key() {
    let text = "\
cluster: c
environment: production
ssh: { user: ops, port: 2222, jump: 'ops@bastion:22', identity: ~/.ssh/key }
zones:
  a:
    ssh: { port: 22, jump: null }
    etcd: { data_dir: /data/etcd, unit: etcd-a }
    masters:
      m1: { address: h1, ssh: { user: root }, etcd: { unit: etcd-m1 } }
  b:
    masters:
      m2: { address: h2, ssh: { jump: { address: 'fd00::1', user: hop } } }
      m3: { address: h3, ssh: { jump: 'hop@[fd00::1]:2200' } }
";
    let cluster = good(text);
    let (m1, m2, m3) = (master(&cluster, "m1"), master(&cluster, "m2"), master(&cluster, "m3"));
    assert_eq!((m1.ssh.user.as_str(), m1.ssh.port, m1.ssh.elevate, &m1.ssh.jump), ("root", 22, Become::None, &None));
    assert_eq!((m1.etcd.unit.as_str(), m1.etcd.data_dir.as_str()), ("etcd-m1", "/data/etcd"));
    assert_eq!(m1.ssh.identity.as_deref(), Some("~/.ssh/key"));
    assert_eq!((m2.ssh.user.as_str(), m2.ssh.port), ("ops", 2222));
    let through =
        |master: &Master| master.ssh.jump.as_ref().map(|jump| format!("{}@{} {}", jump.user, jump.address, jump.port));
    assert_eq!(through(m2).as_deref(), Some("hop@fd00::1 22"));
    assert_eq!(through(m3).as_deref(), Some("hop@fd00::1 2200"));
}

#[test]
fn an_api_server_is_looked_for_unless_somebody_says_where_it_is() {
    let absent = GOOD.replace("kubernetes: null\n", "");
    let own = absent.replace("m1: { address: 10.77.1.11 }", "m1: { address: 10.77.1.11, kubernetes: null }");
    let own = own.replace("  zone2:\n", "  zone2:\n    kubernetes: { unit: apiserver }\n");
    let of = |text: &str| -> Vec<String> {
        good(text).masters().map(|master| master.kubernetes.shown().unwrap_or_else(|| "null".into())).collect()
    };
    assert_eq!(of(&absent), ["as found on the node"; 3]);
    assert_eq!(of(GOOD), ["null"; 3]);
    assert_eq!(of(&own), ["null", "as found on the node", "{ unit: apiserver }"]);
}

#[test]
fn words_that_other_yaml_takes_for_numbers_and_truth_are_names() {
    let text = "cluster: NO\nenvironment: lab\nzones: { 1: { masters: { on: { address: h1 } } }, 010: { masters: { 3.10: { address: h2 } } } }";
    let cluster = good(text);
    assert_eq!(cluster.name.as_str(), "NO");
    assert_eq!(cluster.masters().map(|master| master.name.as_str()).collect::<Vec<_>>(), ["3.10", "on"]);
}

#[test]
fn objectives_are_lengths_of_time() {
    let objectives = good(GOOD).objectives.unwrap();
    assert_eq!((objectives.rto, objectives.rpo), (Some(Duration::from_secs(60)), Some(Duration::ZERO)));
}

#[test]
fn what_each_zones_loss_means_is_remarked() {
    let told = |text: &str| -> Vec<String> {
        let line = |d: Diagnostic| format!("{}:{} {}: {}", d.place.line, d.place.column, d.code, d.message);
        remarks(&source(text), &good(text)).into_iter().map(line).collect()
    };
    let zones = [
        "11:3 quorum-lost: zone1 lost (2 of 3 masters): quorum lost, 1 survivor",
        "15:3 quorum-kept: zone2 lost (1 of 3 masters): quorum kept, 2 survivors",
    ];
    assert_eq!(told(GOOD), zones);
    let nobody = told(&GOOD.replace("become: sudo", "become: none"));
    assert!(nobody[2].starts_with("13:7 not-root: m1: logs in as ops and does not become root"));
    let even = told(&format!("{GOOD}      m4: {{ address: 10.77.2.12 }}\n"));
    assert_eq!(
        even[2],
        "10:1 even-count: 4 masters tolerate the loss of 1, as 3 do: the last one does not make it safer"
    );
}

/// One line of the good inventory, what it is spoilt to, and what is said of it.
const SPOILT: [(&str, &str, &str); 58] = [
    ("cluster: lab", "", "2:1 the inventory lacks `cluster` (write `cluster: NAME`)"),
    ("cluster: lab", "cluster:", "1:1 `cluster` is nothing, not a single value (write `cluster: NAME`)"),
    ("cluster: lab", "cluster: ''", "1:10 `` is empty"),
    ("cluster: lab", "cluster: [lab]", "1:10 `cluster` is a list, not a single value"),
    ("cluster: lab", "cluster: $(reboot)", "1:10 `$(reboot)` may hold only letters"),
    ("cluster: lab", "cluster: -rf", "1:10 `-rf` begins with a dash"),
    ("cluster: lab", "cluster: \"a\\nb\"", "1:10 `a\u{fffd}b` may hold only letters"),
    ("cluster: lab", "cluster: lab\ncluster: lab", "2:1 `cluster` is set twice"),
    ("cluster: lab", "clutser: lab", "1:1 `clutser` is not a key of an inventory (did you mean `cluster`?)"),
    ("cluster: lab", "cluster: lab\ncolour: red", "2:1 `colour` is not a key of an inventory (known here: `cluster`, "),
    (
        "environment: staging",
        "environment: '?'",
        "2:14 `environment` is not filled in: `?` marks what could not be found out",
    ),
    (
        "user: ops",
        "jump: '?'",
        "3:14 `jump` is not filled in: `?` marks what could not be found out (write the actual value",
    ),
    ("  zone1:", "  '?':", "11:3 a name is not filled in: `?` marks what could not be found out"),
    ("m1: { address: 10.77.1.11 }", "'?1': { address: 10.77.1.11 }", "13:7 a name is not filled in: `?` marks"),
    ("environment: staging", "", "1:1 the inventory lacks `environment` (write `environment: production`)"),
    ("environment: staging", "environment: prod", "2:14 `environment` cannot be `prod` (did you mean `production`?)"),
    (
        "environment: staging",
        "environment: Staging",
        "2:14 `environment` cannot be `Staging` (did you mean `staging`?)",
    ),
    ("environment: staging", "environment: x", "(write `production`, `staging` or `lab`)"),
    ("user: ops", "user: o p s", "3:14 `o p s` could not be a user name"),
    ("user: ops", "user: null", "3:14 `user` is nothing, not a single value (write `user: ops`)"),
    ("user: ops", "users: ops", "3:8 `users` is not a key of `ssh` (did you mean `user`?)"),
    ("user: ops", "port: 0", "3:14 `0` is not a port (a port is a number from 1 to 65535)"),
    ("user: ops", "port: 65536", "3:14 `65536` is not a port"),
    ("user: ops", "port: ssh", "3:14 `ssh` is not a port"),
    (
        "user: ops",
        "identity: id_rsa",
        "3:18 `id_rsa` is not a path on the bastion (write an absolute path, or one that",
    ),
    ("user: ops", "known-hosts: null", "3:8 `known-hosts` is not a key of `ssh` (did you mean `known_hosts`?)"),
    ("user: ops", "jump: bastion", "3:14 `bastion` is not a valid jump host (write `jump: ops@bastion.example:22`)"),
    ("user: ops", "jump: ops@fd00::1", "3:14 `ops@fd00::1` does not end with a port"),
    ("user: ops", "jump: '-oProxyCommand=x@h'", "3:14 `-oProxyCommand=x` begins with a dash"),
    ("user: ops", "jump: { address: h }", "3:8 `jump` lacks `user`"),
    ("become: sudo", "become: true", "3:27 `become` cannot be `true` (write `sudo` or `none`)"),
    ("ssh: { user: ops, become: sudo }", "ssh: ops", "3:6 `ssh` is a single value, not a set of keys"),
    ("unit: etcd", "unit: etcd.service", "5:9 `etcd.service` must be written without .service"),
    ("data_dir: /var/lib/etcd", "data_dir: var/lib/etcd", "6:13 `var/lib/etcd` is not an absolute path"),
    ("data_dir: /var/lib/etcd", "data_dir: /var/../etc", "6:13 `/var/../etc` is `/` itself, ends with a slash"),
    ("data_dir: /var/lib/etcd", "template: ../etcd.env", "6:13 `../etcd.env` is not a file name"),
    ("env_file: /etc/etcd.env", "static_pod: etc/x.yaml", "7:25 `etc/x.yaml` is not an absolute path"),
    ("env_file: /etc/etcd.env", "", "7:3 `config` says nothing"),
    ("env_file: /etc/etcd.env", "unit_flags: yes", "7:25 `unit_flags` cannot be `yes`"),
    (
        "env_file: /etc/etcd.env",
        "env_file: /etc/etcd.env, unit_flags: true",
        "7:38 etcd reads its settings from one place, and `config` names two (keep one of",
    ),
    ("kubernetes: null", "kubernetes: { manifest: x }", "8:25 `x` is not an absolute path"),
    (
        "kubernetes: null",
        "kubernetes: {}",
        "8:1 `kubernetes` says nothing (leave it out where it is at its usual place, or write `kubernetes: { manifest: ",
    ),
    (
        "kubernetes: null",
        "kubernetes: { manifest: /x, unit: x }",
        "8:29 an API server is started by a kubelet or by a unit, and `kubernetes` names both (keep one of them)",
    ),
    ("  zone1:\n", "  zone1:\n    power: { off: reboot }\n", "12:19 `off` is a single value, not a list of words"),
    ("  zone1:\n", "  zone1:\n    power: { off: [x] }\n", "`power` lacks `on`"),
    ("  zone1:\n", "  zone1:\n    power: { off: [], on: [x] }\n", "12:19 `off` is not a command"),
    ("  zone1:\n", "  zone1:\n    power: { off: [[x]], on: [x] }\n", "12:19 `off` is not a command"),
    ("rto: 60s", "rto: 60", "9:20 `60` is not a duration (write a number with its unit, such as `60s` or `5m`)"),
    ("rto: 60s", "rto: -5s", "9:20 `-5s` is not a duration"),
    (
        "m1: { address: 10.77.1.11 }",
        "m1: 10.77.1.11",
        "13:11 master `m1` is a single value, not a set of keys (write `m1: { address: ",
    ),
    (
        "m1: { address: 10.77.1.11 }",
        "m1: { adress: 10.77.1.11 }",
        "13:13 `adress` is not a key of master `m1` (did you mean `address`?)",
    ),
    ("m1: { address: 10.77.1.11 }", "m1: { address: 'h:22' }", "13:22 `h:22` is neither an IP address nor a host name"),
    (
        "m1: { address: 10.77.1.11 }",
        "m1: { address: 10.77.1.11, etcd: { client: { cert: /a.crt } } }",
        "`client` lacks `key` (write `key: /etc/etcd/root.key`)",
    ),
    ("m1: { address: 10.77.1.11 }", "m2: { address: 10.77.1.11 }", "14:7 `m2` is set twice"),
    ("m1: { address: 10.77.1.11 }", "m1: { address: 10.77.1.12 }", "14:22 `10.77.1.12` is the address of `m1` too"),
    ("m3: { address: 10.77.2.11 }", "m1: { address: 10.77.2.11 }", "17:7 `m1` is in two zones"),
    ("  zone2:", "  zone1:", "15:3 `zone1` is set twice"),
    ("      m3: { address: 10.77.2.11 }", "      {}", "15:3 zone `zone2` has no masters"),
];

#[test]
fn every_mistake_is_told_at_its_place() {
    for (line, spoilt, said) in SPOILT {
        assert_eq!(GOOD.matches(line).count(), 1, "{line} stands once");
        let found = mistakes(&GOOD.replace(line, spoilt));
        assert!(found.iter().any(|mistake| mistake.contains(said)), "{spoilt:?} should say {said:?}, says {found:#?}");
    }
    assert_eq!(mistakes(GOOD), [""; 0]);
}

#[test]
fn one_zone_is_told_and_so_is_a_list_of_zones() {
    let one = &GOOD[..GOOD.find("  zone2").unwrap()];
    assert_eq!(mistakes(one), ["10:1 `zones` holds 1 zone (a cluster that can lose a zone has at least two)"]);
    let list = &GOOD.replace("  zone1:\n", "  - zone1:\n").replace("  zone2:\n", "  - zone2:\n");
    assert!(mistakes(list)[0].starts_with("11:3 `zones` is a list, not a set of keys (write `zones: { zone1"));
}

#[test]
fn one_address_in_two_spellings_is_one_address() {
    for (one, other) in [("'fd00::1'", "'fd00:0::01'"), ("M1.example", "m1.Example"), ("10.0.0.1", "'::ffff:10.0.0.1'")]
    {
        let text = GOOD.replace("10.77.1.11", one).replace("10.77.2.11", other);
        assert!(mistakes(&text)[0].contains("is the address of `m1` too"), "{one} {other}");
    }
}

#[test]
fn both_places_of_a_duplicate_are_shown() {
    let found = read(&source(&GOOD.replace("10.77.2.11", "10.77.1.11"))).unwrap_err();
    assert_eq!((found[0].place.line, found[0].related[0].place.line), (17, 13));
    assert_eq!(found[0].related[0].message, "first here");
}

#[test]
fn all_mistakes_are_told_in_the_files_order() {
    let text = GOOD
        .replace("staging", "prod")
        .replace("ops", "o/p")
        .replace("m1: {", "m1: { adress: x,")
        .replace("/var", "var");
    let lines: Vec<_> = read(&source(&text)).unwrap_err().iter().map(|d| d.place.line).collect();
    assert_eq!(lines, [2, 3, 6, 13]);
}

/// How long this thread has computed: another's work beside it does not count.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

#[test]
fn hostile_files_are_refused_at_once() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]\n";
    let many_keys: String = (0..9_000).map(|key| format!("k{key}: {{}}\n")).collect();
    for (name, text, said) in [
        ("brackets", "[".repeat(100_000), "nested deeper than 32 levels"),
        (
            "blocks",
            (0..500).map(|level| format!("{}a:\n", " ".repeat(level))).collect(),
            "nested deeper than 32 levels",
        ),
        ("dashes", "- ".repeat(100_000), "nested deeper than 32 levels"),
        ("bomb", bomb.to_owned(), "anchors (&), aliases (*) and tags (!) are not read here"),
        ("alias", "a: *nothing\n".to_owned(), "anchors (&), aliases (*) and tags (!) are not read here"),
        ("tag", "a: !!python/object:os.system x\n".to_owned(), "anchors (&), aliases (*) and tags (!)"),
        ("merge", "<<: { cluster: x }\n".to_owned(), "`<<` is not a key of an inventory"),
        ("size", "a: b\n".repeat(500_000), "at most 1048576 are read"),
        ("nodes", format!("[{}]", "x,".repeat(30_000)), "more than 20000 keys and values"),
        ("keys", many_keys, "is not a key of an inventory"),
        ("same key", "cluster: x\n".repeat(9_000), "`cluster` is set twice"),
        ("one long line", format!("[{}", "\"x\",".repeat(15_000)), "not YAML: unclosed bracket"),
        ("control", "cluster: a\u{7}\u{0}b\n".to_owned(), "not YAML"),
        ("documents", "cluster: a\n---\ncluster: b\n".to_owned(), "a second document begins here"),
        ("key", "{ [a]: b }\n".to_owned(), "a key must be a single word"),
        ("directive", "%YAML 1.1\n---\ncluster: x\n".to_owned(), "not YAML"),
        ("empty", "# nothing\n".to_owned(), "the file is empty"),
        ("colours", "cluster: \"\\e[31m\\u202Ered\"\n".to_owned(), "`\u{fffd}[31m\u{fffd}red` may hold only"),
    ] {
        let begun = worked();
        let found = mistakes(&text);
        let took = worked().saturating_sub(begun);
        assert!(took < Duration::from_secs(1), "{name} took {took:?}");
        assert!(found.iter().any(|mistake| mistake.contains(said)), "{name} says {:#?}", found.first());
        assert!(found.len() <= 50, "{name}");
        let harmless = |c: char| !c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c);
        assert!(found.iter().all(|mistake| mistake.chars().all(harmless)), "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_stops_the_reader(cuts in proptest::collection::vec((0usize..500, "[a-z:{}\\[\\]&*!|>'\"#,\\- \\n\\t\u{e9}\u{feff}]{0,4}"), 0..6)) {
        let mut text = GOOD.to_owned();
        for (at, put) in cuts {
            let at = text.floor_char_boundary(at);
            let end = text.ceil_char_boundary(at + put.len());
            text.replace_range(at..end, &put);
        }
        if let Err(found) = read(&source(&text)) {
            proptest::prop_assert!(!found.is_empty());
        }
        let _ = crate::playbook::text::read(&source(&text));
    }
}

/// Every key is in the schema that editors use, with a word about it, and nothing else is.
#[test]
fn the_schema_knows_what_the_reader_knows() {
    let schema: serde_json::Value = serde_json::from_str(shipped::schema("inventory").unwrap().text).unwrap();
    let defs = &schema["$defs"];
    for (at, known) in [
        (&schema, &KEYS[..]),
        (&defs["ssh"], &settings::SSH_KEYS),
        (&defs["etcd"], &settings::ETCD_KEYS),
        (&defs["kubernetes"], &settings::KUBERNETES_KEYS),
        (&defs["zone"], &ZONE_KEYS),
        (&defs["master"], &MASTER_KEYS),
    ] {
        let properties = at["properties"].as_object().unwrap();
        let keys: std::collections::BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(keys, known.iter().copied().collect());
        for (key, said) in properties {
            let named = said["$ref"].as_str().map(|path| &defs[path.trim_start_matches("#/$defs/")]);
            let told = said["description"].is_string() || named.is_some_and(|named| named["description"].is_string());
            assert!(told, "{key}");
        }
    }
}
