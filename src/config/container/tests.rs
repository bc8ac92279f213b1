//! kubespray's units and scripts, others that say the same, and those of which nothing is certain.

use proptest::prelude::*;

use super::*;

const SCRIPT: &str = "#!/bin/bash
/usr/bin/docker run \\
  --restart=on-failure:5 \\
  --env-file=/etc/etcd.env \\
  --net=host \\
  -v /etc/ssl/certs:/etc/ssl/certs:ro \\
  -v /var/lib/etcd:/var/lib/etcd:rw \\
  --name=etcd1 \\
  quay.io/coreos/etcd:v3.5.10 \\
  /usr/local/bin/etcd \\
  \"$@\"
";

const UNIT: &str = "[Service]
User=root
EnvironmentFile=-/etc/etcd.env
ExecStart=/usr/local/bin/etcd
ExecStartPre=-/usr/bin/docker rm -f etcd1
ExecStop=/usr/bin/docker stop etcd1
Restart=always
RestartSec=15s
";

/// As kubespray wrote it before it had the script.
const INLINE: &str = "[Service]
ExecStart=/usr/bin/docker run --restart=on-failure:5 \\
--env-file=/etc/etcd.env \\
--net=host \\
-v /etc/ssl/certs:/etc/ssl/certs:ro \\
-v /var/lib/etcd:/var/lib/etcd:rw \\
--name=etcd1 \\
quay.io/coreos/etcd:v3.5.10 \\
/usr/local/bin/etcd
ExecStartPre=-/usr/bin/docker rm -f etcd1
";

fn read(unit: &str, script: Option<&str>) -> Outcome<Container> {
    let script = script.map(|text| Source::new("/usr/local/bin/etcd", text));
    Container::read("etcd", &[Source::new("etcd.service", unit)], script.as_ref())
}

fn wrapped(script: &str) -> Outcome<Container> {
    read(UNIT, Some(script))
}

fn refusal(read: Outcome<Container>) -> String {
    match read.and_then(|container| container.has_data_in_place("/var/lib/etcd").map(|()| container)) {
        Err(why) => {
            assert!(why.hint.is_some(), "{why:?}");
            format!("{}:{} {}", why.place.file, why.place.line, why.code)
        }
        Ok(container) => panic!("taken: {container:?}"),
    }
}

#[test]
fn kubesprays_forms_are_read() {
    for read in [wrapped(SCRIPT), read(INLINE, None)] {
        let container = read.unwrap();
        assert_eq!((container.name.as_str(), container.env_file.as_str()), ("etcd1", "/etc/etcd.env"));
        assert!(container.flags.is_empty(), "{container:?}");
        container.has_data_in_place("/var/lib/etcd").unwrap();
        assert!(container.has_data_in_place("/var/lib/etcd-events").is_err());
    }
}

#[test]
fn what_says_the_same_in_other_words_is_read_the_same() {
    let expected = wrapped(SCRIPT).unwrap();
    let same = |text: &str| {
        let read = wrapped(text).unwrap_or_else(|why| panic!("{}\n{text}", why.in_one_line()));
        assert_eq!(
            (&read.name, &read.env_file, &read.mounts[1..]),
            (&expected.name, &expected.env_file, &expected.mounts[1..])
        );
    };
    let change = |from: &str, to: &str| {
        assert!(SCRIPT.contains(from), "{from}");
        same(&SCRIPT.replace(from, to));
    };
    change("--name=etcd1", "--name etcd1");
    change("--name=etcd1", "--name \"etcd1\"");
    change("--net=host", "--network host");
    change("-v /var/lib/etcd:/var/lib/etcd:rw", "--volume=/var/lib/etcd:/var/lib/etcd");
    change("-v /var/lib/etcd:/var/lib/etcd:rw", "--mount type=bind,source=/var/lib/etcd,target=/var/lib/etcd");
    change("-v /var/lib/etcd:/var/lib/etcd:rw", "-v/var/lib/etcd/:/var/lib/etcd/");
    change("--restart=on-failure:5", "-it --rm --memory=512M -m 1g -eETCDCTL_API=3");
    change("--restart=on-failure:5", "--detach=false");
    change(
        "/usr/bin/docker run",
        "set -eu\n# a note: $(not read)\ndocker rm -f etcd1 >/dev/null 2>&1 || true\nexec docker run",
    );
    change("#!/bin/bash", "#!/usr/bin/env bash");
    change("  \"$@\"\n", "");
    change("  /usr/local/bin/etcd \\\n  \"$@\"\n", "  $@\n");
}

#[test]
fn of_what_is_not_certain_the_line_is_told() {
    for (from, to, why) in [
        ("--name=etcd1", "--name=$NAME", "/usr/local/bin/etcd:8 container-script"),
        ("--name=etcd1", "--name=\"${NAME}\"", "/usr/local/bin/etcd:8 container-script"),
        ("--name=etcd1", "--name=`hostname`", "/usr/local/bin/etcd:8 container-script"),
        ("--name=etcd1 \\\n", "\\\n", "/usr/local/bin/etcd:2 container-name"),
        ("--name=etcd1", "--name=etcd/1", "/usr/local/bin/etcd:8 container-name"),
        ("\"$@\"\n", "\"$@\"\ndocker run --name x y\n", "/usr/local/bin/etcd:12 container-runs"),
        ("\"$@\"\n", "\"$@\"\ndocker rm -f etcd1\n", "/usr/local/bin/etcd:12 container-script"),
        ("\"$@\"\n", "\"$@\" >>/var/log/etcd.log\n", "/usr/local/bin/etcd:11 container-script"),
        ("--restart=on-failure:5", "\"$@\"", "/usr/local/bin/etcd:3 container-script"),
        ("/usr/bin/docker run", "NAME=x\n/usr/bin/docker run", "/usr/local/bin/etcd:2 container-script"),
        ("/usr/bin/docker run", "if true; then\n/usr/bin/docker run", "/usr/local/bin/etcd:2 container-script"),
        ("/usr/bin/docker run", "/usr/bin/podman run", "/usr/local/bin/etcd:2 container-script"),
        ("#!/bin/bash", "#!/usr/bin/python3", "/usr/local/bin/etcd:1 container-script"),
        ("--restart=on-failure:5", "-d", "/usr/local/bin/etcd:3 container-detached"),
        ("--net=host", "-p 2379:2379", "/usr/local/bin/etcd:5 container-script"),
        ("--env-file=/etc/etcd.env \\\n", "\\\n", "/usr/local/bin/etcd:2 container-env-file"),
        ("--net=host", "--net=host --env-file /etc/more.env", "/usr/local/bin/etcd:5 container-env-file"),
        ("--net=host", "--net=host -e ETCD_NAME=other", "/usr/local/bin/etcd:5 container-variable"),
        ("/var/lib/etcd:/var/lib/etcd", "/srv/etcd:/var/lib/etcd", "/usr/local/bin/etcd:2 container-data"),
        ("/var/lib/etcd:/var/lib/etcd", "/srv:/srv", "/usr/local/bin/etcd:2 container-data"),
        ("/usr/local/bin/etcd", "/bin/sh -c etcd", "/usr/local/bin/etcd:10 container-program"),
        ("--net=host", "--net=host --entrypoint=/bin/sh", "/usr/local/bin/etcd:5 container-program"),
        ("\"$@\"\n", "--config-file=/etc/etcd.yml\n", "/usr/local/bin/etcd:11 container-config-file"),
    ] {
        assert!(SCRIPT.contains(from), "{from}");
        let told = refusal(wrapped(&SCRIPT.replace(from, to)));
        // Without a network of its own it is refused for that; what stands there instead is read all the same.
        let why = if to.starts_with("-p") { "/usr/local/bin/etcd:2 container-network" } else { why };
        assert_eq!(told, why, "{to}");
    }
    for (unit, why) in [
        (INLINE.replace("--name=etcd1", "--name=etcd-%H"), "etcd.service:2 container-variable"),
        (INLINE.replace("--name=etcd1", "--name=${NAME}"), "etcd.service:2 container-variable"),
        (INLINE.replace("ExecStartPre=-/usr/bin/docker rm -f etcd1\n", ""), "etcd.service:2 container-stays"),
        (INLINE.replace("docker rm -f etcd1", "docker rm -f other"), "etcd.service:2 container-stays"),
        (format!("{INLINE}ExecStart=/usr/bin/docker run x\n"), "etcd.service:11 container-commands"),
        (INLINE.replace("/usr/local/bin/etcd", "sleep 1"), "etcd.service:9 container-program"),
    ] {
        let told = refusal(read(&unit, None));
        assert!(told.ends_with(why.split_once(' ').unwrap().1), "{told} {why}\n{unit}");
    }
}

#[test]
fn a_flag_in_the_container_is_told() {
    let flags = |script: &str, unit: &str| read(unit, Some(script)).unwrap().flags;
    let given = UNIT.replace("ExecStart=/usr/local/bin/etcd", "ExecStart=/usr/local/bin/etcd --max-wals=5");
    assert_eq!(flags(SCRIPT, &given), ["--max-wals=5"]);
    let silent = SCRIPT.replace("  \"$@\"\n", "  --metrics extensive\n");
    assert_eq!(flags(&silent, &given), ["--metrics", "extensive"], "the script passes on nothing");
}

#[test]
fn a_drop_in_may_say_what_the_unit_starts() {
    let files = [
        Source::new("etcd.service", UNIT),
        Source::new(
            "a.conf",
            "[Service]\nExecStart=\nExecStart=/usr/bin/docker run --rm --net=host --env-file=/e --name=x i",
        ),
    ];
    let container = Container::read("etcd", &files, None).unwrap();
    assert_eq!((container.name.as_str(), container.env_file.as_str()), ("x", "/e"));
}

const PARTS: [&str; 40] = [
    "#!/bin/sh\n",
    "docker",
    " run ",
    "/usr/bin/docker run ",
    "rm ",
    "exec ",
    "set -e",
    "--name=",
    "--name ",
    "etcd1",
    "-v ",
    "/var/lib/etcd:/var/lib/etcd",
    "--env-file=/etc/etcd.env",
    "--net=host",
    "-d",
    "-it",
    "-",
    "--",
    "=",
    "image",
    "etcd",
    "\"$@\"",
    "$@",
    "$",
    "${X}",
    "`",
    "\\",
    "\\\n",
    "\n",
    ";",
    "||",
    "&&",
    "|",
    "&",
    ">",
    ">/dev/null",
    "'",
    "\"",
    " ",
    "\u{e9}",
];

proptest! {
    /// No script makes it panic, and whatever is taken has one command with a name and a file, and no word of the shell's.
    #[test]
    fn any_script_is_read_or_refused_with_a_line(parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..24)) {
        let rest = parts.concat();
        let near = SCRIPT.replacen("--net=host", &rest, 1);
        for text in [rest.clone(), format!("#!/bin/sh\n{rest}"), near] {
            match wrapped(&text) {
                Ok(container) => {
                    prop_assert!(container.env_file.starts_with('/'));
                    prop_assert!(!container.flags.iter().any(|flag| flag.contains(['$', '`'])), "{:?}", container);
                }
                Err(why) => prop_assert!(why.place.line >= 1 && why.hint.is_some()),
            }
        }
    }

    /// Blanks and comments between the lines change nothing.
    #[test]
    fn what_stands_between_commands_changes_nothing(notes in prop::collection::vec("[ \t]*(#[^\n]{0,20})?\n", 0..4)) {
        let text = SCRIPT.replacen("#!/bin/bash\n", &format!("#!/bin/bash\n{}", notes.concat()), 1);
        let (read, plain) = (wrapped(&text).unwrap(), wrapped(SCRIPT).unwrap());
        prop_assert_eq!((read.name, read.env_file, read.flags, read.mounts), (plain.name, plain.env_file, plain.flags, plain.mounts));
    }
}
