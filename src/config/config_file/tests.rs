//! Tests of `config/config_file`.

use proptest::prelude::*;

use super::*;
use crate::config::OWNED;

fn file(text: &str) -> ConfigFile {
    ConfigFile::parse(Source::new("/etc/etcd/etcd.yml", text)).unwrap()
}

fn refusal(text: &str) -> Box<Diagnostic> {
    match ConfigFile::parse(Source::new("f", text)) {
        Ok(file) => file.with_identity(&new()).unwrap_err(),
        Err(refusal) => refusal,
    }
}

fn new() -> Identity {
    Identity {
        initial_cluster: "m3=https://10.0.2.3:2380,m4=https://10.0.2.4:2380".into(),
        state: "existing".into(),
        token: "requorum-7".into(),
    }
}

/// As etcd's sample has it: every key, most of them without a value.
const SAMPLE: &str = "\
# The server's own file.

# A name for people.
name: 'default'

data-dir:
wal-dir:

snapshot-count: 10000
heartbeat-interval: 100
election-timeout: 1000
quota-backend-bytes: 0
listen-peer-urls: http://localhost:2380
listen-client-urls: http://localhost:2379
max-snapshots: 5
max-wals: 5
cors:
initial-advertise-peer-urls: http://localhost:2380
advertise-client-urls: http://localhost:2379
discovery:
discovery-fallback: 'proxy'
discovery-proxy:
discovery-srv:

# For example: initial-cluster: \"a=http://10.0.0.1:2380\"
initial-cluster:
# Tells clusters apart.
initial-cluster-token: 'etcd-cluster'
initial-cluster-state: 'new'
strict-reconfig-check: false
enable-pprof: true

client-transport-security:
  # The server's own.
  cert-file: /pki/server.crt
  key-file: /pki/server.key
  client-cert-auth: yes
  trusted-ca-file: /pki/ca.crt
  auto-tls: false
  allowed-hostname: client

peer-transport-security:
  cert-file: /pki/peer.crt
  key-file: /pki/peer.key
  client-cert-auth: True
  trusted-ca-file: /pki/peer-ca.crt
  auto-tls: false
  allowed-cn:
  allowed-hostname: peer

self-signed-cert-validity: 1
log-level: debug
logger: zap
log-outputs: [stderr, /var/log/etcd.log]
force-new-cluster: false
auto-compaction-mode: periodic
auto-compaction-retention: \"1\"
cipher-suites: [
  TLS_A,
  TLS_B
]
tls-min-version: 'TLS1.2'
";

#[test]
fn values_are_called_as_the_flags_are() {
    let file = file(SAMPLE);
    let value = |flag: &str| file.values().get(flag).map(String::as_str);
    for (flag, expected) in [
        ("name", Some("default")),
        ("data-dir", None),
        ("heartbeat-interval", Some("100")),
        ("initial-cluster", None),
        ("initial-cluster-token", Some("etcd-cluster")),
        ("cert-file", Some("/pki/server.crt")),
        ("trusted-ca-file", Some("/pki/ca.crt")),
        ("client-cert-auth", Some("true")),
        ("client-cert-allowed-hostname", Some("client")),
        ("peer-cert-file", Some("/pki/peer.crt")),
        ("peer-trusted-ca-file", Some("/pki/peer-ca.crt")),
        ("peer-client-cert-auth", Some("true")),
        ("peer-cert-allowed-cn", None),
        ("peer-cert-allowed-hostname", Some("peer")),
        ("log-outputs", Some("stderr,/var/log/etcd.log")),
        ("cipher-suites", Some("TLS_A,TLS_B")),
        ("auto-compaction-retention", Some("1")),
        ("force-new-cluster", Some("false")),
        ("client-transport-security", None),
    ] {
        assert_eq!(value(flag), expected, "{flag}");
    }
    assert_eq!(file.place_of("peer-cert-file").unwrap().line_text, "  cert-file: /pki/peer.crt");
    assert_eq!(file.place_of("initial-cluster").unwrap().line, 26);
}

#[test]
fn the_identity_is_rewritten_in_place() {
    let expected = SAMPLE
        .replace("\ninitial-cluster:\n", "\ninitial-cluster: m3=https://10.0.2.3:2380,m4=https://10.0.2.4:2380\n")
        .replace("'etcd-cluster'", "'requorum-7'")
        .replace("'new'", "'existing'");
    assert_eq!(file(SAMPLE).with_identity(&new()).unwrap(), expected);
    assert_eq!(file(&expected).with_identity(&new()).unwrap(), expected);
}

#[test]
fn what_stands_around_a_value_stays() {
    const CLUSTER: &str = "m3=https://10.0.2.3:2380,m4=https://10.0.2.4:2380";
    const OTHERS: &str = "initial-cluster-state: existing\ninitial-cluster-token: requorum-7\n";
    for (before, after) in [
        ("initial-cluster: a=b # note\n", "initial-cluster: C # note\n"),
        ("\"initial-cluster\" :   \"a=b\"\t# note\n", "\"initial-cluster\" :   \"C\"\t# note\n"),
        ("initial-cluster:\n  a=b,\n  c=d\n", "initial-cluster:\n  C\n"),
        ("initial-cluster: ~\n", "initial-cluster: C\n"),
        ("initial-cluster: # none yet\n", "initial-cluster: C # none yet\n"),
        ("initial-cluster: 'a\n\n  b'\nname: x\n", "initial-cluster: 'C'\nname: x\n"),
        ("---\ninitial-cluster: a\n", "---\ninitial-cluster: C\n"),
        ("Initial-Cluster: a\n", "Initial-Cluster: C\n"),
    ] {
        let expected = format!("{after}{OTHERS}").replace('C', CLUSTER);
        let expected = expected.replace(&format!("Initial-{CLUSTER}luster"), "Initial-Cluster");
        assert_eq!(file(before).with_identity(&new()).unwrap(), expected, "{before:?}");
    }
}

#[test]
fn what_is_missing_goes_to_the_end_of_the_document() {
    const LINES: [&str; 3] = [
        "initial-cluster: m3=https://10.0.2.3:2380,m4=https://10.0.2.4:2380",
        "initial-cluster-state: existing",
        "initial-cluster-token: requorum-7",
    ];
    let unix = LINES.map(|line| format!("{line}\n")).concat();
    let dos = LINES.map(|line| format!("{line}\r\n")).concat();
    let within = LINES.map(|line| format!("  {line}\n")).concat();
    for (before, after) in [
        ("name: x", format!("name: x\n{unix}")),
        ("name: x\n# the end", format!("name: x\n# the end\n{unix}")),
        ("name: x\r\n", format!("name: x\r\n{dos}")),
        ("name: x\r\nlogger: zap", format!("name: x\r\nlogger: zap\r\n{dos}")),
        ("---\nname: x\n...\n# after\n", format!("---\nname: x\n{unix}...\n# after\n")),
        ("---\nname: x\n...", format!("---\nname: x\n{unix}...")),
        ("  name: x\n", format!("  name: x\n{within}")),
        ("name: |\n  a\n  b\n", format!("name: |\n  a\n  b\n{unix}")),
        ("name: >-\n  a", format!("name: >-\n  a\n{unix}")),
        ("log-outputs:\n- a\n- b\n", format!("log-outputs:\n- a\n- b\n{unix}")),
        ("peer-transport-security:\n  cert-file: x\n\n", format!("peer-transport-security:\n  cert-file: x\n\n{unix}")),
    ] {
        assert_eq!(file(before).with_identity(&new()).unwrap(), after, "{before:?}");
    }
}

#[test]
fn what_is_not_certain_is_refused_with_its_line() {
    for (text, line, code) in [
        ("name: x\ninitial-cluster: a\nInitial-cluster: b\n", 3, "config-twice"),
        ("name: x\ninitial-cluster: |\n  a\n", 2, "config-form"),
        ("name: x\ninitial-cluster: >-\n  a\n", 2, "config-form"),
        ("name: x\ninitial-cluster: &a b\n", 2, "config-form"),
        ("name: &a x\ninitial-cluster: *a\n", 2, "config-form"),
        ("name: x\ninitial-cluster: !!str b\n", 2, "config-tag"),
        ("name: x\ninitial-cluster: [a, b]\n", 2, "config-form"),
        ("name: x\ninitial-cluster:\n  a: b\n", 2, "config-form"),
        ("name: x\n? initial-cluster\n: a\n", 2, "config-form"),
        ("name: x\ninitial-cluster: # note\n  a\n", 2, "config-form"),
        ("name: x\nold: &o { initial-cluster: a }\n<<: *o\n", 3, "config-merge"),
        ("{ \"name\": \"x\" }\n", 1, "config-json"),
        ("# only a note\n", 1, "empty-file"),
        ("- a\n", 1, "config-keys"),
        ("name: x\n---\nname: y\n", 2, "second-document"),
        ("name: 'x\n", 1, "not-yaml"),
        ("x:\n  <<: *o\n", 2, "no-references"),
    ] {
        let refusal = refusal(text);
        assert_eq!((refusal.place.line, refusal.code), (line, code), "{text:?}: {}", refusal.message);
    }
}

#[test]
fn a_value_that_would_be_nothing_or_two_lines_is_refused() {
    for bad in ["", "a\nforce-new-cluster: true", "a\rb", "a\0", "\u{1b}[2J"] {
        let identity = Identity { token: bad.into(), ..new() };
        assert_eq!(file(SAMPLE).with_identity(&identity).unwrap_err().code, "config-value");
    }
}

#[test]
fn discovery_is_seen_wherever_it_is_written() {
    let file = file("discovery: https://d\ndiscovery-config:\n  token: t\n  client:\n    endpoints: [a, b]\n");
    let found: Vec<_> = file.values().iter().map(|(flag, value)| format!("{flag}={value}")).collect();
    assert_eq!(found, ["discovery=https://d", "discovery-endpoints=a,b", "discovery-token=t"]);
}

/// Few parts that mean something, so that they meet often.
const PARTS: [&str; 36] = [
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "Initial-cluster",
    "peer-transport-security",
    "cert-file",
    "name",
    ":",
    ": ",
    "\n",
    "\r\n",
    " ",
    "  ",
    "- ",
    "? ",
    "'",
    "\"",
    "#",
    " # ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "&a ",
    "*a",
    "!!str ",
    "|",
    ">-",
    "---\n",
    "...\n",
    "\\",
    "\u{feff}",
    "\u{e9}",
    "x",
    "~",
];

fn texts() -> impl Strategy<Value = String> {
    let part = || prop::sample::select(PARTS.to_vec());
    // Lines that are right, lines that are nearly right, and anything.
    let key =
        prop::sample::select(vec!["initial-cluster", "initial-cluster-state", "initial-cluster-token", "name", "x"]);
    let value =
        prop::sample::select(vec!["", "a=b", "'a'", "\"b\" # note", "~", "\n  a\n  b", "|\n  a", "[a, b]", "\n  b: c"]);
    let right = (key, value).prop_map(|(key, value)| format!("{key}: {value}\n"));
    let nearly = (part(), part(), part()).prop_map(|(a, b, c)| format!("{a}: {b}{c}\n"));
    let anything = proptest::collection::vec(part(), 0..4).prop_map(|parts| parts.concat());
    proptest::collection::vec(prop_oneof![12 => right, 2 => nearly, 1 => anything], 0..6)
        .prop_map(|parts| parts.concat())
}

fn identities() -> impl Strategy<Value = Identity> {
    let value = "[ a-c=:/,#'\"\\\\%$&*!|>{}\\[\\]-]{1,10}|yes|1e3|null|~|0x1f|\u{e9}";
    (value, value, value).prop_map(|(initial_cluster, state, token)| Identity { initial_cluster, state, token })
}

proptest! {
    #[test]
    fn only_the_identity_changes_and_a_second_time_nothing(text in texts(), identity in identities()) {
        let Ok(before) = ConfigFile::parse(Source::new("f", text.clone())) else { return Ok(()) };
        let Ok(written) = before.with_identity(&identity) else { return Ok(()) };
        let after = ConfigFile::parse(Source::new("f", written.clone())).unwrap();
        for (name, value) in identity.settings() {
            prop_assert_eq!(after.values().get(name).map(String::as_str), Some(value));
        }
        prop_assert_eq!(after.with_identity(&identity).unwrap(), written.clone());
        // Every line that names none of the three is there, in its order.
        let owned = |line: &&str| OWNED.iter().any(|name| line.to_ascii_lowercase().contains(name));
        let mut left = written.lines();
        for line in text.lines().filter(|line| !owned(line)) {
            // A value of several lines becomes one.
            let continued = line.starts_with(' ') || line.trim().is_empty();
            prop_assert!(continued || left.any(|kept| kept == line), "{:?} of {:?} in {:?}", line, text, written);
        }
    }

    #[test]
    fn a_real_file_takes_any_identity(identity in identities()) {
        let written = file(SAMPLE).with_identity(&identity).unwrap();
        let after = file(&written);
        for (name, value) in identity.settings() {
            prop_assert_eq!(after.values().get(name).map(String::as_str), Some(value));
        }
        let others = |file: &ConfigFile| -> Vec<(String, String)> {
            let all = file.values().clone().into_iter();
            all.filter(|(name, _)| !OWNED.contains(&name.as_str())).collect()
        };
        prop_assert_eq!(others(&after), others(&file(SAMPLE)));
    }
}
