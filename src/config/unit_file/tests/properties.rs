//! What holds for every unit: only the identity changes, and nothing panics.

use proptest::prelude::*;

use super::*;

/// Few parts that mean something, so that they meet often.
const PARTS: [&str; 44] = [
    "[Service]\n",
    "ExecStart=",
    "Environment=",
    "/usr/bin/etcd",
    "/bin/sh",
    "-c",
    "--initial-cluster",
    "--initial-cluster-state=",
    "-initial-cluster-token",
    "ETCD_INITIAL_CLUSTER=",
    "ETCD_INITIAL_CLUSTER_TOKEN=",
    "--name=",
    "--pre-vote",
    "=",
    "A=",
    "${A}",
    "$A",
    "$$",
    "$",
    "{",
    "}",
    "%%",
    "%n",
    "%H",
    "%",
    " ",
    " ",
    " ",
    "\t",
    "\\\n",
    "\\\r\n  ",
    "\n",
    "\r",
    "\n# note\n",
    ";",
    "'",
    "\"",
    "\\",
    "\\x41",
    "\\u00e9",
    "\\303",
    "\u{e9}",
    "(",
    "x",
];

fn texts() -> impl Strategy<Value = String> {
    let part = || prop::sample::select(PARTS.to_vec());
    let many = proptest::collection::vec(part(), 0..16).prop_map(|parts| parts.concat());
    // A command that is nearly right, and anything.
    let command = proptest::collection::vec(part(), 0..12)
        .prop_map(|parts| format!("[Service]\nExecStart=/usr/bin/etcd --name x {}", parts.join(" ")));
    prop_oneof![1 => many, 3 => command]
}

fn values() -> impl Strategy<Value = String> {
    "[ a-c=:/,;#'\"\\\\%$(){}&|-]{1,8}|%n|\\$A|\\$\\{A\\}|\u{e9}"
}

fn identities() -> impl Strategy<Value = Identity> {
    (values(), values(), values()).prop_map(|(initial_cluster, state, token)| Identity {
        initial_cluster,
        state,
        token,
    })
}

/// The files after a change.
fn changed(files: &Files, texts: &BTreeMap<String, String>) -> Files {
    let mut after = files.clone();
    for file in after.unit_files.iter_mut().chain(&mut after.env_files) {
        if let Some(text) = texts.get(&file.name) {
            file.text.clone_from(text);
        }
    }
    after
}

fn others(unit: &UnitFiles) -> BTreeMap<String, (Option<String>, Option<String>)> {
    let all = unit.settings.iter().filter(|(name, _)| !OWNED.contains(&name.as_str()));
    all.map(|(name, one)| (name.clone(), (one.value.clone(), one.variable.clone()))).collect()
}

fn holds(files: &Files, identity: &Identity) -> Result<bool, TestCaseError> {
    let Ok(before) = UnitFiles::parse(files.clone()) else { return Ok(false) };
    let Ok(written) = before.with_identity(identity) else { return Ok(false) };
    let after = UnitFiles::parse(changed(files, &written)).unwrap();
    for (name, value) in identity.settings() {
        prop_assert_eq!(after.values().get(name).map(String::as_str), Some(value));
    }
    prop_assert_eq!(others(&before), others(&after));
    prop_assert_eq!(after.with_identity(identity).unwrap(), BTreeMap::new());
    // Back again: whatever stood there is read as it was.
    let [cluster, state, token] = OWNED.map(|name| before.values().get(name).cloned());
    if let (Some(initial_cluster), Some(state), Some(token)) = (cluster, state, token) {
        let old = Identity { initial_cluster, state, token };
        if let Ok(back) = after.with_identity(&old) {
            let back = UnitFiles::parse(changed(&changed(files, &written), &back)).unwrap();
            prop_assert_eq!(back.values(), before.values());
        }
    }
    Ok(true)
}

proptest! {
    #[test]
    fn only_the_identity_changes_and_a_second_time_nothing(
        text in texts(),
        drop_in in texts(),
        env in "(A|ETCD_INITIAL_CLUSTER|ETCD_NAME)=[ a'\"\\\\$-]{0,4}\n",
        identity in identities(),
    ) {
        let mut files = files(&text, &env);
        holds(&files, &identity)?;
        files.unit_files.push(Source::new("/etc/systemd/system/etcd.service.d/10.conf", drop_in));
        holds(&files, &identity)?;
    }

    #[test]
    fn a_real_unit_takes_any_identity(identity in identities()) {
        let shown = [BY_HAND.to_owned(), service("ExecStart=/usr/bin/etcd"), service("Environment=ETCD_NAME=x\nExecStart=/usr/bin/etcd")];
        for text in shown {
            prop_assert!(holds(&files(&text, ""), &identity)?);
        }
        // Every line that names none of the three is there, in its order.
        let written = read(BY_HAND, "").with_identity(&identity).unwrap();
        let mut left = written.get(UNIT).unwrap().lines();
        for line in BY_HAND.lines().filter(|line| !line.contains("initial-cluster")) {
            prop_assert!(left.any(|kept| kept == line), "{} in {:?}", line, written);
        }
    }

    /// Flags that take variables: one file changes, and in it no line but those of the three.
    #[test]
    fn flags_of_variables_change_one_file(
        lines in proptest::collection::vec("(A|B|ETCD_DATA_DIR|# LIST|#)=[ a'\"\\\\$=-]{0,4}\n", 0..4),
        at in 0usize..4,
        quote in prop::sample::select(vec!["", "'", "\""]),
        written in proptest::collection::vec(0usize..5, 3),
        more in prop::sample::select(vec!["", "\nExecStartPre=/bin/echo $STATE", "\nExecStop=/bin/kill $A"]),
        identity in identities(),
    ) {
        let mut env: Vec<String> = ["LIST", "STATE", "TOKEN"].map(|name| format!("{name}={quote}x{quote}\n")).into();
        env.splice(at.min(3)..at.min(3), lines);
        let env = env.concat();
        let flag = |(flag, (name, how)): (&str, (&str, &usize))| match how {
            0 => format!("--{flag}=${{{name}}}"),
            1 => format!("--{flag} ${{{name}}}"),
            2 => format!("\"--{flag}=${{{name}}}\""),
            3 => format!("-{flag} ${name}"),
            _ => format!("--{flag}=x"),
        };
        let flags: Vec<String> = OWNED.into_iter().zip(["LIST", "STATE", "TOKEN"].into_iter().zip(&written)).map(flag).collect();
        let files = files(&service(&format!("ExecStart=/usr/bin/etcd {}{more}", flags.join(" "))), &env);
        if holds(&files, &identity)? {
            let before = UnitFiles::parse(files.clone()).unwrap();
            let changed = before.with_identity(&identity).unwrap();
            prop_assert!(changed.len() <= 1, "{:?}", changed);
            if let Some(text) = changed.get(ENV) {
                prop_assert!(!written.contains(&4) && !more.contains("STATE"), "{:?}", changed);
                let others = |text: &str| -> Vec<String> {
                    let own = |line: &&str| ["LIST=", "STATE=", "TOKEN="].iter().any(|start| line.starts_with(start));
                    text.lines().filter(|line| !own(line)).map(str::to_owned).collect()
                };
                prop_assert_eq!(others(text), others(&env));
            }
        }
    }
}
