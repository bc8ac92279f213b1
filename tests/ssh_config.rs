//! What an OpenSSH configuration says of a host, held against `ssh -G`: a hundred files that nobody has written by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use requorum::model::ssh_config::{SshFiles, Text};

const FILES: u64 = 100;
const HOSTS: [&str; 5] = ["m1", "m2", "a.example.com", "M1", "10.1.1.1"];

fn of<'a>(rng: &mut StdRng, words: &[&'a str]) -> &'a str {
    words.choose(rng).unwrap()
}

/// A setting, in one of the ways in which it can be written.
fn setting(rng: &mut StdRng, out: &mut String, includes: &[String]) {
    let (indent, eq) = (of(rng, &["", "  ", "\t"]), of(rng, &[" ", " ", "=", " = ", "  "]));
    let all: [(&str, &[&str]); 16] = [
        ("HostName", &["10.0.0.1", "%h.example.com", "m1.internal", "\"db.example\"", "A.Example"]),
        ("hostname", &["10.0.0.1"]),
        ("User", &["ops", "root", "\"ad min\"", "x"]),
        ("PORT", &["22", "2222", "2022"]),
        ("IdentityFile", &["~/.ssh/a", "/keys/b", "\"/k e y/c\"", "none", "~/.ssh/%h", "/keys/b # note"]),
        ("IdentityFile", &["/keys/d", "'/keys/e'"]),
        ("ProxyJump", &["none", "jump", "ops@jump:2022", "a,b", "ssh://u@h:1"]),
        ("UserKnownHostsFile", &["/kh/one", "/kh/one /kh/two", "\"/k h/one\"", "none"]),
        ("GlobalKnownHostsFile", &["/etc/one", "/etc/one /etc/two"]),
        ("CertificateFile", &["/keys/a-cert.pub", "~/c-cert.pub"]),
        ("CertificateFile", &["none", "'/keys/a b-cert.pub'", "%d/%r-cert.pub"]),
        ("IdentityAgent", &["none", "/run/agent.sock", "SSH_AUTH_SOCK", "\"/run/a b.sock\"", "$AGENT"]),
        ("ProxyJump", &["a,b,c", "u@a:1,v@b:2", "[fd00::1]:24", "a,b # note"]),
        ("ProxyCommand", &["nc %h %p", "none", "sh -c \"nc %h %p\"  # note", "= ssh -W '[%h]:%p' jump", "NONE"]),
        ("RevokedHostKeys", &["/kh/revoked", "~/revoked", "\"/k h/revoked\"", "none"]),
        ("ServerAliveInterval", &["5"]),
    ];
    let (key, values) = all.choose(rng).unwrap();
    let _ = writeln!(out, "{indent}{key}{eq}{}", of(rng, values));
    if let Some(include) = includes.choose(rng)
        && rng.random_ratio(1, 12)
    {
        let _ = writeln!(out, "{indent}Include {include}");
    }
    if rng.random_ratio(1, 8) {
        out.push_str(of(rng, &["# a comment\n", "\n", "   # another\n"]));
    }
}

fn block(rng: &mut StdRng, out: &mut String) {
    let hosts =
        ["*", "m1", "m?", "m1 m2", "!m1 *", "*.example.com", "m1.internal", "10.*", "M1", "\"m1\"", "m1*", "* !m2"];
    let criteria = [
        "all",
        "host m1",
        "host m1,m2",
        "!host m1",
        "host *.com",
        "originalhost m1",
        "user ops",
        "user !ops,*",
        "localuser me",
        "host m1 user ops",
        "host \"m1,m2\"",
        "!all",
        "host 10.0.0.1",
        "user me",
        "Host M1",
        "originalhost M1",
        "final all",
        "final host m1",
        "!final all",
        "host m1 final",
    ];
    let _ = match rng.random_ratio(2, 3) {
        true => writeln!(out, "Host {}", of(rng, &hosts)),
        false => writeln!(out, "Match {}", of(rng, &criteria).replace("me", &me())),
    };
}

/// A file, with two that it may include.
fn written(rng: &mut StdRng, dir: &Path, at: u64) -> Text {
    let includes = [0, 1].map(|nth| dir.join(format!("{at}-{nth}.inc")).display().to_string());
    for path in &includes {
        let mut text = String::new();
        for _ in 0..rng.random_range(0..4) {
            if rng.random_ratio(1, 3) {
                block(rng, &mut text);
            }
            setting(rng, &mut text, &[]);
        }
        fs::write(path, text).unwrap();
    }
    let mut text = String::new();
    for _ in 0..rng.random_range(2..12) {
        if rng.random_ratio(1, 3) { block(rng, &mut text) } else { setting(rng, &mut text, &includes) }
    }
    let path = dir.join(format!("{at}.conf"));
    fs::write(&path, &text).unwrap();
    Text { path: path.display().to_string(), text }
}

/// Who runs the tests, as OpenSSH takes it.
fn me() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn asked_of_ssh(path: &str, host: &str) -> Vec<(String, String)> {
    let output = Command::new("ssh").args(["-G", "-F", path, host]).output().expect("ssh is installed");
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Every difference in what we do with a file.
fn differences(file: &Text, host: &str, local_user: &str) -> Vec<String> {
    let ssh = asked_of_ssh(&file.path, host);
    let read = |_: &str, path: &str| {
        let text = fs::read_to_string(path).ok();
        text.map(|text| Text { path: path.to_owned(), text }).into_iter().collect()
    };
    let config = SshFiles::read(vec![file.clone()], local_user, &read).of(host, None);
    let all = |key: &str| -> Vec<String> { config.all(key).iter().map(|said| said.value.clone()).collect() };
    let or = |key: &str, usual: &str| vec![config.one(key).map_or_else(|| usual.to_owned(), |said| said.value.clone())];
    let jumps = all("proxyjump").into_iter().filter(|jump| jump != "none");
    let command = config.some("proxycommand").map(|said| said.value.clone());
    let ours = [
        ("hostname", vec![config.hostname(host).to_lowercase()]),
        ("user", or("user", local_user)),
        ("port", or("port", "22")),
        ("certificatefile", all("certificatefile")),
        ("proxyjump", jumps.map(|jump| jump.trim_start_matches("ssh://").to_owned()).collect()),
        ("proxycommand", command.into_iter().collect()),
        ("identityagent", all("identityagent")),
        ("identityfile", all("identityfile")),
        ("revokedhostkeys", config.some("revokedhostkeys").map(|said| said.value.clone()).into_iter().collect()),
        ("userknownhostsfile", vec![all("userknownhostsfile").join(" ")]),
        ("globalknownhostsfile", vec![all("globalknownhostsfile").join(" ")]),
    ];
    let differs = |(key, ours): &(&str, Vec<String>)| {
        let theirs: Vec<&String> = ssh.iter().filter(|(known, _)| known == key).map(|(_, value)| value).collect();
        // Where nobody says anything ssh shows what is usual.
        let unsaid = config.all(key).is_empty() && (key.ends_with("knownhostsfile") || *key == "identityfile");
        (!unsaid && theirs != ours.iter().collect::<Vec<_>>()).then(|| format!("{key}: ssh {theirs:?}, here {ours:?}"))
    };
    ours.iter().filter_map(differs).collect()
}

#[test]
fn it_is_read_as_ssh_reads_it() {
    let (dir, mut rng) = (tempfile::tempdir().unwrap(), StdRng::seed_from_u64(20_261_130));
    let me = me();
    for at in 0..FILES {
        let file = written(&mut rng, dir.path(), at);
        for host in HOSTS {
            let different = differences(&file, host, &me);
            assert!(different.is_empty(), "{host}:\n{}\n{}", file.text, different.join("\n"));
        }
    }
}

#[test]
fn what_is_not_done_is_said_with_its_place() {
    let text =
        "Host *\n  LocalCommand nc %h\n  Ciphers aes\nMatch exec true\n  User other\nHost x\n  Tunnel yes\n".to_owned();
    let file = Text { path: "c".to_owned(), text };
    let config = SshFiles::read(vec![file], "me", &|_, _| Vec::new()).of("m1", None);
    let said: Vec<String> =
        config.passed_over.iter().map(|said| format!("{}:{}: {}", said.file, said.line, said.value)).collect();
    assert_eq!(said[..2], ["c:2: LocalCommand nc %h", "c:3: Ciphers aes"]);
    assert!(said[2].starts_with("c:4: Match exec true: ") && said.len() == 3, "{said:?}");
    assert_eq!(config.one("user"), None);
}
