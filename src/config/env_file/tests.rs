//! Tests of `config/env_file`.

use proptest::prelude::*;

use super::*;

/// As kubespray writes it, shortened.
const KUBESPRAY: &str = "\
# Environment file for etcd 3.6.16
ETCD_DATA_DIR=/var/lib/etcd
ETCD_ADVERTISE_CLIENT_URLS=https://10.77.2.11:2379
ETCD_INITIAL_CLUSTER_STATE=existing
ETCD_NAME=etcd3

# CLI settings
ETCDCTL_ENDPOINTS=https://127.0.0.1:2379
ETCD_INITIAL_CLUSTER=etcd1=https://10.77.1.11:2380,etcd2=https://10.77.1.12:2380
";

#[test]
fn values_are_what_systemd_takes_them_for() {
    for (text, value) in [
        ("K=plain", "plain"),
        ("K=a=b,c=d\n", "a=b,c=d"),
        ("  K = spaced out \t\n", "spaced out"),
        ("K='single \\n $x'\n", "single \\n $x"),
        ("K=\"a \\\"b\\\" \\$c \\d\"\n", "a \"b\" $c \\d"),
        ("K=one \\\ntwo\n", "one two"),
        ("K=\"one\ntwo\"\n", "one\ntwo"),
        ("K=a#b ;c\n", "a#b ;c"),
        ("K=it's\n", "it's"),
        ("K='a' b\n", "ab"),
        ("K=\\ x\n", " x"),
        ("K=\n", ""),
        ("K=x\r\n", "x"),
        ("K=first\nK=last\n", "last"),
    ] {
        assert_eq!(EnvFile::parse(text).get("K"), Some(value), "{text:?}");
    }
}

#[test]
fn what_systemd_ignores_sets_nothing_and_is_kept() {
    for text in ["", "\n\n", "# K=x\n", "; K=x", "K\n", "1K=x\n", "K-2=x\n", "=x\n", "# goes on \\\nK=x\n"] {
        let file = EnvFile::parse(text);
        assert_eq!(file.settings().count(), 0, "{text:?}");
        assert_eq!(file.to_string(), text);
    }
}

#[test]
fn setting_rewrites_one_line_in_place() {
    let mut file = EnvFile::parse(KUBESPRAY);
    file.set("ETCD_INITIAL_CLUSTER", "etcd3=https://10.77.2.11:2380").unwrap();
    let expected = KUBESPRAY
        .replace("etcd1=https://10.77.1.11:2380,etcd2=https://10.77.1.12:2380", "etcd3=https://10.77.2.11:2380");
    assert_eq!(file.to_string(), expected);
}

#[test]
fn of_two_settings_the_last_counts_and_is_rewritten() {
    let mut file = EnvFile::parse("K=1\nL=2\nK=3\n");
    file.set("K", "4").unwrap();
    assert_eq!(file.to_string(), "K=1\nL=2\nK=4\n");
}

#[test]
fn breaks_within_a_value_go_with_it() {
    for (text, after) in [
        ("K=1\r\nL=2\n", "K=v\r\nL=2\n"),
        ("K=1\rL=2\n", "K=v\rL=2\n"),
        ("K=1\\\n\nL=2\n", "K=v\nL=2\n"),
        ("K='open\n\n", "K=v\n"),
    ] {
        let mut file = EnvFile::parse(text);
        file.set("K", "v").unwrap();
        assert_eq!(file.to_string(), after, "{text:?}");
        assert_eq!(EnvFile::parse(after), file, "{text:?}");
    }
}

#[test]
fn a_new_setting_is_appended_where_nothing_swallows_it() {
    for (text, after) in [
        ("", "K=v\n"),
        ("L=1", "L=1\nK=v\n"),
        ("L=1\\", "L=1\\\n\nK=v\n"),
        ("# end \\\n", "# end \\\n\nK=v\n"),
        ("# old \\\nK=x\n", "# old \\\nK=x\nK=v\n"),
    ] {
        let mut file = EnvFile::parse(text);
        file.set("K", "v").unwrap();
        assert_eq!(file.to_string(), after, "{text:?}");
    }
    assert_eq!(EnvFile::parse("L='open").set("K", "v"), Err(BadSetting::OpenQuote("K".to_owned())));
}

#[test]
fn what_could_start_another_setting_is_refused() {
    let mut file = EnvFile::parse(KUBESPRAY);
    for value in ["a\nETCD_NAME=x", "a\rb", "a\0b", "\u{1b}[2J"] {
        assert_eq!(file.set("K", value), Err(BadSetting::Value("K".to_owned())), "{value:?}");
    }
    for key in ["", "1K", "K K", "K=", "K\n"] {
        assert!(file.set(key, "v").is_err(), "{key:?}");
    }
    assert_eq!(file.to_string(), KUBESPRAY);
}

#[test]
fn quotes_are_used_only_where_they_are_needed() {
    for (value, written) in [
        ("m3=https://1.2.3.4:2380,m1=https://1.2.3.5:2380", "m3=https://1.2.3.4:2380,m1=https://1.2.3.5:2380"),
        ("two words", "two words"),
        ("", ""),
        (" edge", "' edge'"),
        ("\"q\"", "'\"q\"'"),
        ("back\\slash", "'back\\slash'"),
        ("'both\"$", "\"'both\\\"\\$\""),
    ] {
        assert_eq!(quoted(value).as_deref(), Some(written));
    }
}

fn texts() -> impl Strategy<Value = String> {
    // Few characters that mean something, so that they meet often.
    proptest::collection::vec(
        prop::sample::select(vec!["A", "B", "=", "\n", "\r", " ", "\t", "#", ";", "'", "\"", "\\", "$", "é", "A=1\n"]),
        0..40,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn reading_keeps_every_byte(text in texts()) {
        prop_assert_eq!(EnvFile::parse(&text).to_string(), text);
    }

    #[test]
    fn what_is_set_is_read_back_and_nothing_else_changes(
        text in texts(),
        key in "[AB]",
        value in "[ A=#;'\"\\\\$`é-]{0,12}",
    ) {
        let before = EnvFile::parse(&text);
        let mut after = before.clone();
        if after.set(&key, &value).is_ok() {
            let read = EnvFile::parse(&after.to_string());
            prop_assert_eq!(&read, &after);
            prop_assert_eq!(read.get(&key), Some(value.as_str()));
            let counts = before.lines().iter().rposition(|line| line.setting.as_ref().is_some_and(|s| s.0 == key));
            let others = before.lines().iter().enumerate().filter(|(at, _)| Some(*at) != counts);
            for (at, line) in others {
                // The last line may have gained an ending.
                let same = after.lines()[at].text.trim_end_matches('\n') == line.text.trim_end_matches('\n');
                prop_assert!(same && after.lines()[at].setting == line.setting, "{:?}", line);
            }
        }
    }
}

#[test]
fn a_line_that_docker_reads_otherwise_is_told() {
    let told = |text: &str| EnvFile::parse(text).otherwise_for_docker().map(|(line, _)| line);
    for same in [
        "ETCD_NAME=m1\n# a note\n\nETCD_X=a=b,c\n",
        "  ETCD_NAME=m1",
        "ETCD_NAME=\nETCD_DATA_DIR=/var/lib/etcd\r\n",
        "ETCD_INITIAL_CLUSTER=m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380\n",
    ] {
        assert_eq!(told(same), None, "{same:?}");
    }
    for (text, line) in [
        ("A=1\nETCD_NAME=\"m1\"\n", 2),
        ("ETCD_NAME='m1'\n", 1),
        ("# a\n\nETCD_NAME=m1 \n", 3),
        ("ETCD_NAME= m1\n", 1),
        ("export ETCD_NAME=m1\n", 1),
        ("ETCD_NAME\n", 1),
        ("; a note\n", 1),
        ("A=1\nB=a\\\nb\nC=3\n", 2),
        ("A=1\nB='a\nb'\nC=3\n", 2),
        ("A=x\\\\y\n", 1),
        ("# goes on \\\nA=1\n", 1),
    ] {
        assert_eq!(told(text), Some(line), "{text:?}");
    }
}

/// Docker's `pkg/kvfile`, `parseKeyValueFile`: the settings, or nothing where it refuses the file.
fn as_docker_reads(text: &str) -> Option<Vec<(String, String)>> {
    let mut read = Vec::new();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=')?;
        if name.is_empty() || name.contains([' ', '\t']) {
            return None;
        }
        read.push((name.to_owned(), value.to_owned()));
    }
    Some(read)
}

proptest! {
    /// A file of which no line is told means the same to both, and what is written into it does too.
    #[test]
    fn what_is_not_told_both_read_alike(
        lines in prop::collection::vec("[ ]?[AB#;]?[A-C]{0,2}[ ]?=?[ ]?['\"]?[a-c,=:]{0,3}['\"\\\\ \r]?\n?", 0..5),
        value in "[a-z0-9=:/,.-]{1,20}",
    ) {
        let text = lines.concat();
        let file = EnvFile::parse(&text);
        if file.otherwise_for_docker().is_none() {
            let known: Vec<_> = file.settings().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            prop_assert_eq!(as_docker_reads(&text), Some(known));
            let mut written = file.clone();
            written.set("ETCD_INITIAL_CLUSTER", &value).unwrap();
            let written = written.to_string();
            prop_assert_eq!(EnvFile::parse(&written).otherwise_for_docker(), None, "{:?}", written);
            let last = as_docker_reads(&written).unwrap().into_iter().rfind(|(name, _)| name == "ETCD_INITIAL_CLUSTER");
            prop_assert_eq!(last, Some(("ETCD_INITIAL_CLUSTER".to_owned(), value)));
        }
    }
}
