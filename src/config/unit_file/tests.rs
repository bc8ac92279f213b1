//! Tests of `config/unit_file`.

use crate::config::{Identity, OWNED};
use crate::model::diagnostic::Diagnostic;

use super::*;

mod properties;

const UNIT: &str = "/etc/systemd/system/etcd.service";
const ENV: &str = "/etc/etcd/etcd.conf";
const CLUSTER: &str = "m3=https://10.0.2.3:2380,m4=https://10.0.2.4:2380";

fn new() -> Identity {
    Identity { initial_cluster: CLUSTER.into(), state: "existing".into(), token: "requorum-7".into() }
}

fn files(unit: &str, env: &str) -> Files {
    let env_files = if env.is_empty() { Vec::new() } else { vec![Source::new(ENV, env)] };
    Files { unit: "etcd".into(), unit_files: vec![Source::new(UNIT, unit)], env_files, specifiers: BTreeMap::new() }
}

fn read(unit: &str, env: &str) -> UnitFiles {
    UnitFiles::parse(files(unit, env)).unwrap()
}

fn service(line: &str) -> String {
    format!("[Service]\n{line}\n")
}

fn value<'a>(unit: &'a UnitFiles, flag: &str) -> Option<&'a str> {
    unit.values().get(flag).map(String::as_str)
}

/// What is refused: the reading, or else the rewriting.
fn refusal(files: Files) -> Box<Diagnostic> {
    match UnitFiles::parse(files) {
        Ok(unit) => unit.with_identity(&new()).unwrap_err(),
        Err(refusal) => refusal,
    }
}

/// As guides have it that set everything up by hand: a flag a line, both ways of writing a value.
const BY_HAND: &str = "\
[Unit]
Description=the key-value store

[Service]
Type=notify
ExecStart=/usr/local/bin/etcd \\
  --name m3 \\
  --cert-file=/etc/etcd/kubernetes.pem \\
  --key-file=/etc/etcd/kubernetes-key.pem \\
  --peer-client-cert-auth \\
  --client-cert-auth \\
  --initial-advertise-peer-urls https://10.0.2.3:2380 \\
  # the client's own port
  --listen-client-urls https://10.0.2.3:2379,https://127.0.0.1:2379 \\
  --initial-cluster-token etcd-cluster-0 \\
  --initial-cluster m1=https://10.0.1.1:2380,m3=https://10.0.2.3:2380 \\
  --initial-cluster-state new \\
  --data-dir=/var/lib/etcd
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
";

#[test]
fn a_flag_a_line() {
    let unit = read(BY_HAND, "");
    for (flag, expected) in [
        ("name", Some("m3")),
        ("cert-file", Some("/etc/etcd/kubernetes.pem")),
        ("peer-client-cert-auth", Some("true")),
        ("client-cert-auth", Some("true")),
        ("listen-client-urls", Some("https://10.0.2.3:2379,https://127.0.0.1:2379")),
        ("initial-cluster-state", Some("new")),
        ("data-dir", Some("/var/lib/etcd")),
        ("wal-dir", None),
    ] {
        assert_eq!(value(&unit, flag), expected, "{flag}");
    }
    let place = unit.place_of("initial-cluster-state").unwrap();
    assert_eq!((place.file.as_str(), place.line), (UNIT, 17));
    let after = BY_HAND
        .replace("--initial-cluster-token etcd-cluster-0", "--initial-cluster-token requorum-7")
        .replace("m1=https://10.0.1.1:2380,m3=https://10.0.2.3:2380", CLUSTER)
        .replace("-state new", "-state existing");
    assert_eq!(unit.with_identity(&new()).unwrap(), BTreeMap::from([(UNIT.to_owned(), after.clone())]));
    assert_eq!(read(&after, "").with_identity(&new()).unwrap(), BTreeMap::new());
}

/// What becomes of one line of the section `[Service]`; `CLUSTER` stands for the new one.
#[test]
fn a_value_is_rewritten_where_it_stands() {
    for (before, after) in [
        (
            "ExecStart=/usr/bin/etcd --initial-cluster=a --initial-cluster-state=new --initial-cluster-token=t",
            "ExecStart=/usr/bin/etcd --initial-cluster=CLUSTER --initial-cluster-state=existing --initial-cluster-token=requorum-7",
        ),
        (
            "ExecStart=@/usr/bin/etcd etcd -initial-cluster a -initial-cluster-state \"new\" -initial-cluster-token 't'",
            "ExecStart=@/usr/bin/etcd etcd -initial-cluster CLUSTER -initial-cluster-state \"existing\" -initial-cluster-token 'requorum-7'",
        ),
        (
            "ExecStart = /usr/bin/etcd  \"--initial-cluster=a\"  --initial-cluster-state=\"new\"  '--initial-cluster-token=t'  ",
            "ExecStart = /usr/bin/etcd  \"--initial-cluster=CLUSTER\"  --initial-cluster-state=\"existing\"  '--initial-cluster-token=requorum-7'  ",
        ),
        // What is missing is added as the last flag is written.
        (
            "ExecStart=/usr/bin/etcd --name m3 --initial-cluster=a --pre-vote",
            "ExecStart=/usr/bin/etcd --name m3 --initial-cluster=CLUSTER --pre-vote --initial-cluster-state=existing --initial-cluster-token=requorum-7",
        ),
        (
            "ExecStart=-/usr/bin/etcd -name m3",
            "ExecStart=-/usr/bin/etcd -name m3 -initial-cluster CLUSTER -initial-cluster-state existing -initial-cluster-token requorum-7",
        ),
        (
            "ExecStart=/usr/bin/etcd \\\n\t--name=m3 \\\n\t--pre-vote\nUser=etcd",
            "ExecStart=/usr/bin/etcd \\\n\t--name=m3 \\\n\t--pre-vote \\\n\t--initial-cluster=CLUSTER \\\n\t--initial-cluster-state=existing \\\n\t--initial-cluster-token=requorum-7\nUser=etcd",
        ),
        (
            "ExecStart=/usr/bin/etcd --name m3 \\\r\n --pre-vote \\\r\n\r\nUser=etcd\r",
            "ExecStart=/usr/bin/etcd --name m3 \\\r\n --pre-vote \\\r\n --initial-cluster CLUSTER \\\r\n --initial-cluster-state existing \\\r\n --initial-cluster-token requorum-7 \\\r\n\r\nUser=etcd\r",
        ),
        (
            "ExecStart=/usr/bin/etcd",
            "ExecStart=/usr/bin/etcd --initial-cluster=CLUSTER --initial-cluster-state=existing --initial-cluster-token=requorum-7",
        ),
        // The unit's own variables.
        (
            "Environment=ETCD_NAME=%m\nExecStart=/usr/bin/etcd",
            "Environment=ETCD_NAME=%m ETCD_INITIAL_CLUSTER=CLUSTER ETCD_INITIAL_CLUSTER_STATE=existing ETCD_INITIAL_CLUSTER_TOKEN=requorum-7\nExecStart=/usr/bin/etcd",
        ),
        (
            "Environment=\"ETCD_INITIAL_CLUSTER=a\" 'ETCD_INITIAL_CLUSTER_STATE=new' ETCD_INITIAL_CLUSTER_TOKEN='t'\nExecStart=/usr/bin/etcd --pre-vote",
            "Environment=\"ETCD_INITIAL_CLUSTER=CLUSTER\" 'ETCD_INITIAL_CLUSTER_STATE=existing' ETCD_INITIAL_CLUSTER_TOKEN='requorum-7'\nExecStart=/usr/bin/etcd --pre-vote",
        ),
        (
            "Environment=C=a S=new T=t\nExecStart=/usr/bin/etcd --initial-cluster ${C} --initial-cluster-state=${S} --initial-cluster-token $T",
            "Environment=C=CLUSTER S=existing T=requorum-7\nExecStart=/usr/bin/etcd --initial-cluster ${C} --initial-cluster-state=${S} --initial-cluster-token $T",
        ),
    ] {
        let expected =
            service(&after.replace("=CLUSTER", &format!("={CLUSTER}")).replace(" CLUSTER", &format!(" {CLUSTER}")));
        let written =
            read(&service(before), "").with_identity(&new()).unwrap_or_else(|why| panic!("{before}: {why:?}"));
        assert_eq!(written.get(UNIT), Some(&expected), "{before}");
    }
}

#[test]
fn what_stands_in_an_env_file_is_set_there() {
    let env = "ETCD_NAME=m3\nETCD_INITIAL_CLUSTER=\"a\"\nETCD_INITIAL_CLUSTER_STATE=new\n";
    let after = format!(
        "ETCD_NAME=m3\nETCD_INITIAL_CLUSTER={CLUSTER}\nETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER_TOKEN=requorum-7\n"
    );
    let shell = "ExecStart=/bin/bash -c \"GOMAXPROCS=$(nproc) /usr/bin/etcd --name=\\\"${ETCD_NAME}\\\" \
                 --initial-cluster=\\\"${ETCD_INITIAL_CLUSTER}\\\" --listen-client-urls=\\\"${URLS}\\\"\"";
    for line in [
        "ExecStart=/usr/bin/etcd",
        "ExecStart=/usr/bin/etcd --pre-vote",
        "ExecStart=/usr/bin/etcd --initial-cluster=${ETCD_INITIAL_CLUSTER}",
        shell,
    ] {
        let unit = read(&service(line), env);
        assert_eq!(value(&unit, "name"), Some("m3"), "{line}");
        assert_eq!(value(&unit, "initial-cluster"), Some("a"), "{line}");
        assert_eq!(unit.setting("initial-cluster").unwrap().place.line, 2, "{line}");
        assert_eq!(unit.with_identity(&new()).unwrap(), BTreeMap::from([(ENV.to_owned(), after.clone())]), "{line}");
    }
    let unit = read(&service(shell), env);
    assert!(unit.in_shell());
    let unknown: Vec<_> = unit.unknown().map(|(flag, _)| flag).collect();
    assert_eq!(unknown, ["listen-client-urls"]);
}

/// The list in one variable, state and token in others.
const IN_VARIABLES: &str = "# of this site\nLIST=\"a\"\nSTATE=new\nNODE=m3\nTOKEN=t\nETCD_DATA_DIR='/var/lib/etcd'\n";

#[test]
fn variables_of_any_name_are_set_where_they_stand() {
    let after = format!(
        "# of this site\nLIST={CLUSTER}\nSTATE=existing\nNODE=m3\nTOKEN=requorum-7\nETCD_DATA_DIR='/var/lib/etcd'\n"
    );
    for line in [
        "ExecStart=/usr/bin/etcd --name ${NODE} --initial-cluster=${LIST} --initial-cluster-state=${STATE} --initial-cluster-token=${TOKEN}",
        "ExecStart=/usr/bin/etcd -name ${NODE} -initial-cluster $LIST -initial-cluster-state \"${STATE}\" '-initial-cluster-token=${TOKEN}'",
        "ExecStart=/usr/bin/etcd --name ${NODE} \\\n  --initial-cluster ${LIST} \\\n  --initial-cluster-state ${STATE} \\\n  --initial-cluster-token ${TOKEN}",
        "ExecStart=/bin/sh -c 'exec etcd --name=${NODE} --initial-cluster=\"${LIST}\" --initial-cluster-state=${STATE} --initial-cluster-token=\"$TOKEN\"'",
        // What a later line takes back is used by nobody.
        "ExecStart=/bin/echo $LIST\nExecStart=\nExecStart=/usr/bin/etcd --name ${NODE} --initial-cluster=${LIST} --initial-cluster-state=${STATE} --initial-cluster-token=${TOKEN}",
        "ExecStartPre=/bin/echo $LISTED ${NODE}\nExecStart=/usr/bin/etcd --name ${NODE} --initial-cluster=${LIST} --initial-cluster-state=${STATE} --initial-cluster-token=${TOKEN}",
    ] {
        let unit = read(&service(line), IN_VARIABLES);
        assert_eq!((value(&unit, "initial-cluster"), value(&unit, "name")), (Some("a"), Some("m3")), "{line}");
        assert_eq!(unit.with_identity(&new()).unwrap(), BTreeMap::from([(ENV.to_owned(), after.clone())]), "{line}");
    }
    // What is missing is added there, as a variable of etcd's own.
    let unit = read(&service("ExecStart=/usr/bin/etcd --initial-cluster=${LIST}"), "LIST=a\n");
    let after = format!("LIST={CLUSTER}\nETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER_TOKEN=requorum-7\n");
    assert_eq!(unit.with_identity(&new()).unwrap(), BTreeMap::from([(ENV.to_owned(), after)]));
}

#[test]
fn what_stands_in_several_places_is_written_out_in_the_unit() {
    let written = "--initial-cluster=CLUSTER --initial-cluster-state=existing --initial-cluster-token=requorum-7";
    for (before, rest) in [
        ("--initial-cluster=${LIST} --initial-cluster-state=new --initial-cluster-token=t", ""),
        ("--initial-cluster=${LIST} --initial-cluster-state=existing --initial-cluster-token=${TOKEN}", ""),
        ("--initial-cluster=${LIST} --initial-cluster-state=${STATE} --initial-cluster-token=t", ""),
        // A variable with another use, here or in another command.
        (
            "--initial-cluster=${LIST} --initial-cluster-state=${STATE} --initial-cluster-token=${NODE}",
            " --name=${NODE}",
        ),
        (
            "--initial-cluster=${LIST} --initial-cluster-state=${STATE} --initial-cluster-token=${TOKEN}",
            "\nExecStartPost=/bin/sh -c 'echo $$TOKEN'",
        ),
        // A part of a value.
        ("--initial-cluster=m1=http://${NODE}:2380 --initial-cluster-state=${STATE} --initial-cluster-token=t", ""),
    ] {
        let lines = |flags: &str| service(&format!("ExecStart=/usr/bin/etcd {flags}{rest}"));
        let unit = read(&lines(before), IN_VARIABLES);
        let after = lines(&written.replace("CLUSTER", CLUSTER));
        let changed = unit.with_identity(&new()).unwrap_or_else(|why| panic!("{before}: {why:?}"));
        assert_eq!(changed, BTreeMap::from([(UNIT.to_owned(), after)]), "{before}");
    }
}

#[test]
fn a_flag_beside_its_own_variable_is_told() {
    let told = |line: &str, env: &str| read(&service(line), env).without_shadow().err();
    for (line, env, at) in [
        ("ExecStart=/usr/bin/etcd --name=${ETCD_NAME}", "A=b\nETCD_NAME=m3\n", (ENV, 2)),
        ("ExecStart=/usr/bin/etcd --name=m3", "ETCD_NAME=\n", (ENV, 1)),
        ("Environment=ETCD_NAME=m3\nExecStart=/bin/sh -c 'etcd --name=$ETCD_NAME'", "", (UNIT, 2)),
    ] {
        let why = told(line, env).unwrap();
        assert_eq!((why.place.file.as_str(), why.place.line), at, "{line}");
    }
    assert!(told("ExecStart=/usr/bin/etcd --name=${NODE}", "NODE=m3\nETCD_DATA_DIR=/d\n").is_none());
}

#[test]
fn drop_ins_come_after_and_an_empty_line_takes_back() {
    let mut files = files(&service("ExecStart=/usr/bin/etcd --name a"), "");
    let drop_in = "[Service]\nExecStart=\nExecStart=/usr/bin/etcd --name b --initial-cluster x\n";
    files.unit_files.push(Source::new("/etc/systemd/system/etcd.service.d/10.conf", drop_in));
    let unit = UnitFiles::parse(files.clone()).unwrap();
    assert_eq!(value(&unit, "name"), Some("b"));
    let changed: Vec<String> = unit.with_identity(&new()).unwrap().into_keys().collect();
    assert_eq!(changed, ["/etc/systemd/system/etcd.service.d/10.conf"]);
    files.unit_files[1].text = drop_in.replace("ExecStart=\n", "");
    assert_eq!(refusal(files).code, "unit-commands");
}

#[test]
fn words_are_what_systemd_and_go_make_of_them() {
    for (written, flag, expected) in [
        ("--name=a --name b", "name", Some("b")),
        ("--name -x", "name", Some("-x")),
        ("--force-new-cluster --name x", "force-new-cluster", Some("true")),
        ("--force-new-cluster=1", "force-new-cluster", Some("true")),
        ("-force-new-cluster=F", "force-new-cluster", Some("false")),
        ("--name=\"a b\"c'd'", "name", Some("a bcd")),
        ("--name=a\\x20b\\tc\\\\d\\qe", "name", Some("a b\tc\\d\\qe")),
        ("--name=\\u00e9\\303\\251", "name", Some("\u{e9}\u{e9}")),
        ("--name=50%%", "name", Some("50%")),
        ("--name=%p-%i-%n-%", "name", Some("etcd--etcd.service-%")),
        ("--name=a$b$$c", "name", Some("a$b$c")),
        ("--name=${N}", "name", Some("from env")),
        ("--name=a\\\\\nUser=etcd", "name", Some("a\\")),
        ("--name=a${b$$c", "name", Some("a${b$$c")),
        ("--name='a\\\n  b'", "name", Some("a   b")),
        ("--name=a\\\n # note\n --pre-vote", "name", Some("a")),
        ("--name=x${N}y", "name", Some("xfrom envy")),
        ("$OPTS --pre-vote", "name", Some("in opts")),
        ("$GONE --name x", "name", Some("x")),
        ("--name=\\;", "name", Some("\\;")),
        ("--name \\;", "name", Some(";")),
        ("--name=%H", "name", None),
        ("--name=%2", "name", None),
        ("--name=${GONE}", "name", None),
        ("--name=a ;", "name", Some("a")),
    ] {
        let unit =
            read(&service(&format!("ExecStart=/usr/bin/etcd {written}")), "N=from env\nOPTS=--name=\"in opts\"\n");
        assert_eq!(value(&unit, flag), expected, "{written}");
        assert!(unit.setting(flag).is_some(), "{written}");
    }
    let verbatim = read(&service("ExecStart=:/usr/bin/etcd --name=${N}$$"), "N=x\n");
    assert_eq!(value(&verbatim, "name"), Some("${N}$$"));
    let mut files = files(&service("ExecStart=/usr/bin/etcd --name=%H"), "");
    files.specifiers.insert('H', "host".into());
    assert_eq!(value(&UnitFiles::parse(files).unwrap(), "name"), Some("host"));
}

#[test]
fn the_environment_is_put_together_as_systemd_does() {
    for (unit, env, expected) in [
        ("Environment=A=1 \"A=2 3\"", "", Some("2 3")),
        ("Environment=A=1\nEnvironment=\nEnvironment=B=2", "", None),
        ("Environment=A=1", "A=2\n", Some("2")),
        ("Environment=A=1\nUnsetEnvironment=A", "A=2\n", None),
        ("Environment=A=1\nUnsetEnvironment=A=2", "", Some("1")),
        ("Environment=A=%n", "", Some("etcd.service")),
        ("Environment=A=$B", "B=x\n", Some("$B")),
        ("Environment=A=1 B=\\$", "", Some("1")),
        ("Environment=B=\\$ A=1", "", None),
        ("Environment=A=\\$", "", None),
        ("Environment=A=\\$", "A=2\n", Some("2")),
    ] {
        let read = read(&service(&format!("{unit}\nExecStart=/usr/bin/etcd --name=${{A}}")), env);
        assert_eq!(value(&read, "name"), expected, "{unit}");
    }
    // An empty variable sets nothing of etcd.
    assert_eq!(read(&service("ExecStart=/usr/bin/etcd"), "ETCD_NAME=\n").setting("name"), None);
}

#[test]
fn what_is_not_certain_is_refused_with_its_line() {
    for (lines, env, line, code) in [
        ("Type=notify", "", 1, "unit-command"),
        ("ExecStart=/usr/bin/etcd\nExecStart=/usr/bin/etcd", "", 3, "unit-commands"),
        ("ExecStart=/bin/true ; /usr/bin/etcd", "", 2, "unit-commands"),
        ("ExecStart=/usr/local/bin/start-etcd.sh", "", 2, "unit-program"),
        ("ExecStart=/usr/bin/docker run etcd", "", 2, "unit-program"),
        ("ExecStart=/bin/bash /opt/start-etcd.sh", "", 2, "unit-program"),
        ("ExecStart=/bin/sh -c '. /etc/etcd.env; exec etcd'", "", 2, "unit-program"),
        ("ExecStart=/bin/sh -c 'ETCD_NAME=x etcd'", "", 2, "unit-program"),
        (
            "ExecStart=/bin/sh -c 'if [ ! -d /d ]; then S=new; fi; exec etcd --initial-cluster=a'",
            "S=b\n",
            2,
            "unit-program",
        ),
        ("ExecStart=/bin/sh -c 'if true; then ETCD_NAME=x; fi; etcd'", "", 2, "unit-program"),
        ("ExecStart=/bin/sh -c 'S=new; exec etcd'", "S=b\n", 2, "unit-program"),
        ("ExecStart=/bin/bash -c 'declare S=new; exec etcd'", "", 2, "unit-program"),
        ("ExecStart=/bin/bash -c 'printf -v S new; exec etcd'", "", 2, "unit-program"),
        ("ExecStart=/bin/sh -c 'while :; do (etcd); done'", "", 2, "unit-program"),
        ("ExecStart=/bin/sh -c 'etcd --initial-cluster=a'", "", 2, "unit-value"),
        ("ExecStart=/bin/sh -c 'etcd --name a'", "", 2, "unit-value"),
        ("ExecStart=/usr/bin/etcd --name 'a", "", 2, "unit-quote"),
        ("ExecStart=/usr/bin/etcd serve", "", 2, "unit-flag"),
        ("ExecStart=/usr/bin/etcd --name", "", 2, "unit-flag"),
        ("ExecStart=/usr/bin/etcd ---name x", "", 2, "unit-flag"),
        ("ExecStart=/usr/bin/etcd --initial-cluster $C --name x", "", 2, "unit-variable"),
        ("ExecStart=/usr/bin/etcd --initial-cluster=%H=x", "", 2, "unit-value"),
        ("ExecStart=/usr/bin/etcd --initial-cluster=${C}", "", 2, "unit-value"),
        ("ExecStart=/usr/bin/etcd $O", "O=--initial-cluster=a\n", 2, "unit-value"),
        ("ExecStart=/usr/bin/etcd --initial-cluster $C --name x", "C=a b\n", 2, "unit-flag"),
        ("ExecStart=/usr/bin/etcd --initial-cluster-token=t", "ETCD_INITIAL_CLUSTER=a\n", 1, "unit-places"),
        ("ExecStart=/bin/sh -c 'etcd --initial-cluster=${C} --initial-cluster-token=${C}'", "C=a\n", 1, "unit-places"),
        ("ExecStart=/bin/sh -c 'etcd --initial-cluster=${C} --initial-cluster-state=new'", "C=a\n", 2, "unit-value"),
        ("ExecStart=/usr/bin/etcd \\\n --initial-cluster=a \\\n --initial-cluster=b", "", 4, "unit-twice"),
        ("Environment=ETCD_INITIAL_CLUSTER=a\nExecStart=/usr/bin/etcd --initial-cluster=b", "", 2, "unit-twice"),
        ("Environment=ETCD_INITIAL_CLUSTER=%H\nExecStart=/usr/bin/etcd", "", 2, "unit-value"),
        ("ExecStart=/usr/bin/etcd --config-file /etc/etcd.yml", "", 2, "unit-config-file"),
        ("ExecStart=/usr/bin/etcd", "ETCD_CONFIG_FILE=/etc/etcd.yml\n", 1, "unit-config-file"),
        ("[Install\nExecStart=/usr/bin/etcd", "", 2, "unit-section"),
        ("ExecStart=/usr/bin/etcd --name=\\xff", "", 2, "unit-quote"),
        ("ExecStart=/usr/bin/etcd\0", "", 2, "unit-text"),
    ] {
        let refusal = refusal(files(&service(lines), env));
        assert_eq!((refusal.place.line, refusal.code), (line, code), "{lines:?}: {}", refusal.message);
        assert!(refusal.hint.is_some(), "{lines:?}");
    }
    let script = refusal(files(&service("ExecStart=/usr/local/bin/start-etcd.sh"), ""));
    assert!(script.message.contains("`/usr/local/bin/start-etcd.sh`, not etcd"), "{}", script.message);
}

#[test]
fn an_open_quote_in_an_env_file_takes_no_more() {
    let refusal = refusal(files(&service("ExecStart=/usr/bin/etcd"), "ETCD_INITIAL_CLUSTER=a\nX='open"));
    assert_eq!((refusal.code, refusal.place.file.as_str()), ("unit-env-file", ENV));
}
