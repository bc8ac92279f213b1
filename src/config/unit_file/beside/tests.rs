//! Which commands of a unit count as writing the file.

use super::*;

const FILE: &str = "/etc/etcd.env";

fn of(texts: &[&str]) -> Vec<(String, String)> {
    let files: Vec<Source> = texts.iter().enumerate().map(|(at, text)| Source::new(format!("/{at}"), *text)).collect();
    let env = [Source::new(FILE, "OUT=/etc/etcd.env\nETCD_NAME=m1\n")];
    let found = writing("etcd.service", &files, &env, FILE).unwrap();
    found.into_iter().map(|one| (one.key, format!("{}:{}", one.place.file, one.place.line))).collect()
}

fn writes_it(command: &str) -> bool {
    !of(&[&format!("[Service]\nExecStartPre={command}\n")]).is_empty()
}

#[test]
fn what_plainly_writes_the_file_is_seen() {
    for command in [
        "/usr/local/bin/etcd-setup-network-environment -o /etc/etcd.env",
        "-+/usr/local/bin/setup --output=/etc/etcd.env",
        "/usr/local/bin/setup ${OUT}",
        "/usr/local/bin/setup $OUT",
        "/bin/sh -c 'echo ETCD_NAME=m1 > /etc/etcd.env'",
        "/bin/sh -c 'echo ETCD_NAME=m1 >>/etc/etcd.env; sync'",
        "/bin/bash -euc 'hostname &>/etc/etcd.env'",
        "/bin/sh -c 'hostname 1>\"/etc/etcd.env\"'",
        "/bin/sh -c 'f=/etc/etcd.env; test -s $f || date >\"$f\"'",
        "/bin/sh -c 'if ! test -s /etc/x; then hostname | tee /etc/etcd.env; fi'",
        "/bin/sh -c '/opt/setup /etc/etcd.env'",
        "/usr/bin/sed -i s/existing/new/ /etc/etcd.env",
        "/bin/cp /etc/etcd.env.first /etc/etcd.env",
        "/bin/rm -f /etc/etcd.env",
        "/usr/bin/test -e /x ; /bin/mv /etc/x /etc/etcd.env",
        "/usr/bin/python3 -c \"open('/etc/etcd.env', 'w').write('x')\"",
    ] {
        assert!(writes_it(command), "{command}");
    }
}

#[test]
fn what_reads_it_and_what_names_another_is_not() {
    for command in [
        "/usr/bin/test -s /etc/etcd.env",
        "/bin/sh -c '[ -f /etc/etcd.env ] || exit 1'",
        "/bin/sh -c 'grep -q ETCD_NAME /etc/etcd.env >/dev/null 2>&1'",
        "/bin/sh -c 'echo \"$(cat /etc/etcd.env)\" > /run/etcd.copy'",
        "/bin/sh -c 'sort </etc/etcd.env >/run/sorted'",
        "/bin/chown etcd:etcd /etc/etcd.env",
        "/bin/sed -n 1p /etc/etcd.env",
        "/bin/cp /etc/etcd.env /var/backups/etcd.env",
        "/usr/bin/docker run --env-file /etc/etcd.env image check",
        "/usr/bin/docker run --env-file=/etc/etcd.env image check",
        "/opt/setup /etc/etcd.env.example /srv/etc/etcd.env",
        "/opt/setup-that-does-not-say-where",
        "/bin/sh -c 'echo > /etc/etcd.env.new'",
    ] {
        assert!(!writes_it(command), "{command}");
    }
}

#[test]
fn who_runs_another_program_writes_what_that_one_writes() {
    for (command, written) in [
        ("/usr/bin/env cat /etc/etcd.env", false),
        ("/usr/bin/env -i A=b cat /etc/etcd.env", false),
        ("/usr/bin/env -u A -C/ tee /etc/etcd.env", true),
        ("/usr/bin/env A=b /opt/setup /etc/etcd.env", true),
        ("/usr/bin/env -S 'cat /etc/etcd.env'", true),
        ("/usr/bin/timeout 5 test -s /etc/etcd.env", false),
        ("/usr/bin/timeout -k 2s --signal=INT 5 /bin/sh -c 'cat /etc/etcd.env'", false),
        ("/usr/bin/timeout 5 /bin/sh -c 'date >/etc/etcd.env'", true),
        ("/usr/bin/timeout --unknown 5 cat /etc/etcd.env", true),
        ("/usr/bin/timeout 5", false),
        ("/usr/bin/nice -n 5 grep x /etc/etcd.env", false),
        ("/usr/bin/nice -n5 -- grep x /etc/etcd.env", false),
        ("/usr/bin/nice --adjustment=5 cp /x /etc/etcd.env", true),
        ("/usr/bin/sudo -n -u root cat /etc/etcd.env", false),
        ("/usr/bin/sudo A=b tee -a /etc/etcd.env", true),
        ("/usr/bin/sudo timeout 5 nice env A=b cat /etc/etcd.env", false),
        ("/usr/bin/sudo timeout 5 nice env A=b rm /etc/etcd.env", true),
        ("/bin/sh -c 'x=1 env -i timeout 5 head -n1 /etc/etcd.env'", false),
        ("/bin/sh -c 'if sudo -n true; then sudo sed -i s/a/b/ /etc/etcd.env; fi'", true),
    ] {
        assert_eq!(writes_it(command), written, "{command}");
    }
}

#[test]
fn programs_that_only_read_it_are_known() {
    for (command, written) in [
        ("/bin/bash -c '[[ -s /etc/etcd.env ]]'", false),
        ("/bin/bash -c '[[ -f /x && -s /etc/etcd.env ]] && echo'", false),
        ("/bin/bash -c '[[ -f /x && -s /etc/etcd.env ]] || date >/etc/etcd.env'", true),
        ("/bin/bash -c '[[ -f /x && -s /y ]]; /opt/setup /etc/etcd.env'", true),
        ("/usr/bin/cut -d= -f2 /etc/etcd.env", false),
        ("/usr/bin/readlink -f /etc/etcd.env", false),
        ("/usr/bin/head -n1 /etc/etcd.env", false),
        ("/usr/bin/tail -n1 /etc/etcd.env", false),
        ("/usr/bin/awk -F= '/NAME/ {print $$2}' /etc/etcd.env", false),
        ("/usr/bin/awk '{print > \"/etc/etcd.env\"}' /x", true),
        ("/usr/bin/awk '{print > FILENAME}' /etc/etcd.env", true),
        ("/usr/bin/awk '{system(\"rm \" FILENAME)}' /etc/etcd.env", true),
        ("/usr/bin/awk -v out=/etc/etcd.env '{print}' /x", true),
        ("/usr/bin/awk -f /opt/x.awk /etc/etcd.env", true),
        ("/usr/bin/gawk -i inplace '{print}' /etc/etcd.env", true),
        ("/usr/bin/awk '{print}' out=/etc/etcd.env /x", true),
        ("/bin/sh -c 'cut -d= -f2 /etc/etcd.env | tee /run/x'", false),
    ] {
        assert_eq!(writes_it(command), written, "{command}");
    }
}

#[test]
fn all_files_count_and_an_empty_assignment_takes_back() {
    let unit = "[Service]\nExecStart=/usr/bin/etcd\nExecStartPre=/opt/x /etc/etcd.env\nExecReload=/opt/x \\\n  /etc/etcd.env\n";
    let all = [("ExecStartPre", "/0:3"), ("ExecReload", "/0:4")].map(|(key, at)| (key.to_owned(), at.to_owned()));
    assert_eq!(of(&[unit]), all);
    assert_eq!(of(&[unit, "[Service]\nExecStartPre=\n"]), all[1..]);
    assert_eq!(of(&[unit, "[Service]\nExecStartPre=\nExecStartPre=/opt/y /etc/etcd.env\n"])[0].1, "/1:3");
    assert_eq!(of(&["[Service]\nExecStart=/usr/bin/etcd\n[X]\nExecStartPre=/opt/x /etc/etcd.env\n"]), []);
}
