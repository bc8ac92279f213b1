//! The SSH port against OpenSSH's own server, agent and key tools.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/ssh_site.rs"]
mod ssh_site;
#[path = "support/sshd.rs"]
mod sshd;

use std::fs;
use std::process::Command as Process;
use std::time::{Duration, Instant};

use requorum::model::{Command, MasterName};
use requorum::run::ports::{Pipes, Remote, RemoteError};
use requorum::world::ssh::{Options, Ssh};
use serde_json::{Value, json};
use ssh_site::{Agent, Person, cluster, m1, options, plain, say, settings, sh, ssh_by, ssh_to, with_bashrc};
use sshd::{Sshd, keygen, public, run};

async fn host_key_error(server: &Sshd, known_hosts: &str) -> String {
    let ssh = settings(server);
    fs::write(server.path("known_hosts"), known_hosts).unwrap();
    match say(&ssh_to(ssh, Person::absent(), options(server.dir.path())), &sh("true")).await {
        Err(RemoteError::HostKey { why }) => why,
        other => panic!("{other:?} for {known_hosts}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gives_back_what_it_said_and_how_it_ended() {
    let server = Sshd::start("");
    let ssh = plain(&server);
    let answer = say(&ssh, &sh("echo out; echo err >&2; exit 3")).await.unwrap();
    assert_eq!((answer.status, answer.stdout.as_str(), answer.stderr.as_str()), (3, "out\n", "err\n"));
    let words = ["%s|", "a b", "$(id)", "it's", "*", "a\nb"];
    assert_eq!(say(&ssh, &Command::new("printf").args(words)).await.unwrap().stdout, "a b|$(id)|it's|*|a\nb|");
    assert_eq!(say(&ssh, &Command::new("cat").stdin("ja\n")).await.unwrap().stdout, "ja\n");
    assert_eq!(server.log().matches("Accepted publickey").count(), 1, "one connection serves all");
    assert!(say(&ssh, &Command::new("cat").stdin("bulk").bulk()).await.unwrap().ok());
    assert_eq!(server.log().matches("Accepted publickey").count(), 2, "bulk has its own");
}

#[cfg(feature = "ssh-rsa")]
#[tokio::test(flavor = "multi_thread")]
async fn rsa_serves_hosts_and_users_and_the_listed_host_key_is_the_one_asked_for() {
    let keys = tempfile::tempdir().unwrap();
    let (host, user) = (keys.path().join("host"), keys.path().join("user"));
    keygen(&host, "rsa", "");
    keygen(&user, "rsa", "");
    let server = Sshd::start(&format!("HostKey {}\n", host.display()));
    let mut ssh = settings(&server);
    ssh["identity"] = json!(user);
    fs::copy(user.with_extension("pub"), server.path("authorized")).unwrap();
    let listed = format!("[127.0.0.1]:{} {}\n", server.port, public(&host.with_extension("pub")));
    fs::write(server.path("known_hosts"), listed).unwrap();
    assert!(say(&ssh_to(ssh, Person::absent(), options(server.dir.path())), &sh("true")).await.unwrap().ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_asked_for_once_per_key_file() {
    let server = Sshd::start("");
    keygen(&server.path("locked"), "ed25519", "open sesame");
    fs::copy(server.path("locked.pub"), server.path("authorized")).unwrap();
    let mut ssh = settings(&server);
    ssh["identity"] = json!("~/locked");
    let person = Person::who_types(&["wrong", "open sesame"]);
    let both =
        ssh_by(&cluster(&[("m1", ssh.clone()), ("m2", ssh.clone())]), person.clone(), options(server.dir.path()));
    let (m1, m2, command) = (m1(), MasterName::new("m2").unwrap(), sh("true"));
    let (one, two) = tokio::join!(both.run(&m1, &command, Pipes::default()), both.run(&m2, &command, Pipes::default()));
    assert!(one.unwrap().ok() && two.unwrap().ok());
    assert_eq!(person.asked(), 2, "one mistyped, one right, none for the second master");

    // As a drill does: several runs, each with connections of its own, and nobody is asked again.
    let person = Person::who_types(&["open sesame"]);
    let unlocked = options(server.dir.path()).unlocked(person.clone());
    for _ in 0..2 {
        let of_a_run = Options::new(Some(server.dir.path()));
        let run = Ssh::new(&cluster(&[("m1", ssh.clone())]), unlocked.clone(), of_a_run);
        assert!(say(&run, &command).await.unwrap().ok());
    }
    assert_eq!(person.asked(), 1);

    let nobody = say(&ssh_to(ssh, Person::absent(), options(server.dir.path())), &command).await;
    assert!(matches!(nobody, Err(RemoteError::Denied { why }) if why.contains("locked has a passphrase")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_signs_for_its_own_keys_and_for_a_locked_file() {
    let server = Sshd::start("");
    keygen(&server.path("locked"), "ed25519", "x");
    keygen(&server.path("other"), "ed25519", "");
    fs::copy(server.path("locked.pub"), server.path("authorized")).unwrap();
    let agent = Agent::start(&server.path("agent"));
    agent.add(&server.path("other"), "");
    let mut by_agent = options(server.dir.path());
    by_agent.agent_socket = Some(server.path("agent"));
    let mut ssh = settings(&server);
    ssh["identity"] = Value::Null;
    let refused = say(&ssh_to(ssh.clone(), Person::absent(), options(server.dir.path())), &sh("true")).await;
    assert!(matches!(refused, Err(RemoteError::Denied { why }) if why.contains("no key was found to try")));
    let mut again = options(server.dir.path());
    again.agent_socket = Some(server.path("agent"));
    match say(&ssh_to(ssh.clone(), Person::absent(), again), &sh("true")).await {
        Err(RemoteError::Denied { why }) => assert!(why.contains("agent key SHA256:"), "{why}"),
        other => panic!("{other:?}"),
    }
    agent.add(&server.path("locked"), "x");
    assert!(say(&ssh_to(ssh.clone(), Person::absent(), by_agent), &sh("true")).await.unwrap().ok());

    ssh["identity"] = json!(server.path("locked"));
    let mut named = options(server.dir.path());
    named.agent_socket = Some(server.path("agent"));
    assert!(say(&ssh_to(ssh, Person::absent(), named), &sh("true")).await.unwrap().ok(), "nobody was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_prove_users_and_hosts() {
    let server = Sshd::start("");
    keygen(&server.path("ca"), "ed25519", "");
    let ca = public(&server.path("ca.pub"));
    let sign = |args: &[&str], key: &str| {
        let ca = server.path("ca");
        run(Process::new("ssh-keygen").args(["-q", "-s"]).arg(ca).args(["-I", "test"]).args(args).arg(server.path(key)))
    };
    sign(&["-h", "-n", "127.0.0.1"], "host.pub");
    sign(&["-n", "root"], "id.pub");
    let at = server.dir.path().display();
    let second =
        Sshd::start(&format!("HostKey {at}/host\nHostCertificate {at}/host-cert.pub\nTrustedUserCAKeys {at}/ca.pub\n"));
    fs::write(second.path("authorized"), "").unwrap();
    let mut ssh = settings(&second);
    ssh["identity"] = json!(server.path("id"));
    fs::write(second.path("known_hosts"), format!("@cert-authority [127.0.0.*]:* {ca}\n")).unwrap();
    assert!(say(&ssh_to(ssh, Person::absent(), options(second.dir.path())), &sh("true")).await.unwrap().ok());
    sign(&["-h", "-n", "elsewhere"], "host.pub");
    let third = Sshd::start(&format!("HostKey {at}/host\nHostCertificate {at}/host-cert.pub\n"));
    let why = host_key_error(&third, &format!("@cert-authority * {ca}\n")).await;
    assert!(why.contains("it is for [elsewhere], not for 127.0.0.1"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_who_it_was_is_refused_with_the_way_out() {
    let server = Sshd::start("");
    keygen(&server.path("old"), "ed25519", "");
    let (name, old, new) = (format!("[127.0.0.1]:{}", server.port), public(&server.path("old.pub")), server.host_key());
    let file = server.path("known_hosts").display().to_string();
    let print = |name: &str| {
        let said = run(Process::new("ssh-keygen").arg("-lf").arg(server.path(name)));
        said.split_whitespace().nth(1).unwrap().to_owned()
    };

    let changed = host_key_error(&server, &format!("# by hand\n\n{name} {old}\n")).await;
    for part in [
        "CHANGED",
        &print("old.pub"),
        &print("host.pub"),
        &format!("{file}:3"),
        &format!("ssh-keygen -f {file} -R '{name}'"),
    ] {
        assert!(changed.contains(part), "{part} in {changed}");
    }
    let unknown = host_key_error(&server, "").await;
    for part in ["not known", &print("host.pub"), &file, &format!("{name} {new}")] {
        assert!(unknown.contains(part), "{part} in {unknown}");
    }
    let revoked = host_key_error(&server, &format!("{name} {new}\n@revoked * {new}\n")).await;
    assert!(revoked.contains("REVOKED") && revoked.contains(&format!("{file}:2")), "{revoked}");

    // The command that the refusal names must be one that ssh-keygen takes.
    let told = changed.lines().find_map(|line| line.split_once("remove the old: ")).unwrap().1;
    fs::write(&file, format!("{name} {old}\n")).unwrap();
    run(Process::new("sh").args(["-c", told]));
    assert!(!fs::read_to_string(&file).unwrap().contains(&old));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_ssh_keygen_hashed_are_found() {
    let server = Sshd::start("");
    let ssh = settings(&server);
    let file = server.path("known_hosts");
    run(Process::new("ssh-keygen").arg("-H").arg("-f").arg(&file));
    assert!(fs::read_to_string(&file).unwrap().starts_with("|1|"));
    let name = format!("[127.0.0.1]:{}", server.port);
    let found = run(Process::new("ssh-keygen").args(["-F", &name, "-f"]).arg(&file));
    assert!(found.contains("found: line 1"), "{found}");
    assert!(say(&ssh_to(ssh, Person::absent(), options(server.dir.path())), &sh("true")).await.unwrap().ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_mean_to_us_what_they_mean_to_ssh_keygen() {
    let server = Sshd::start("");
    let ssh = settings(&server);
    let (file, key, port) = (server.path("known_hosts"), server.host_key(), server.port);
    let name = format!("[127.0.0.1]:{port}");
    let (mut found, mut missed) = (0, 0);
    for patterns in [
        "[127.0.0.1]:PORT",
        "[127.0.0.1]:*",
        "[127.0.0.?]:PORT",
        "[127.*]:PORT",
        "m1,[127.0.0.1]:PORT",
        "*",
        "*,!m1",
        "\t*",
        "127.0.0.1",
        "127.0.0.*",
        "[127.0.0.1]:22",
        "*,![127.0.0.1]:PORT",
        "!*,[127.0.0.1]:PORT",
        "!m1",
        "#*",
    ] {
        let patterns = patterns.replace("PORT", &port.to_string());
        for blank in [" ", "\t"] {
            fs::write(&file, format!("{patterns}{blank}{}\n", key.replace(' ', blank))).unwrap();
            let asked = Process::new("ssh-keygen").args(["-F", &name, "-f"]).arg(&file).output().unwrap();
            let ours = say(&ssh_to(ssh.clone(), Person::absent(), options(server.dir.path())), &sh("true")).await;
            assert_eq!(ours.is_ok(), asked.status.success(), "{patterns:?}: {ours:?}");
            *(if ours.is_ok() { &mut found } else { &mut missed }) += 1;
        }
    }
    assert_eq!((found, missed), (16, 14));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_host_is_checked_as_strictly_and_serves_all_behind_it() {
    let (jump, server) = (Sshd::start(""), Sshd::start(""));
    fs::copy(server.path("id.pub"), jump.path("authorized")).unwrap();
    let mut ssh = settings(&server);
    ssh["jump"] = json!({ "address": "127.0.0.1", "port": jump.port, "user": "root" });
    let alone = ssh_to(ssh.clone(), Person::absent(), options(server.dir.path()));
    assert!(
        matches!(say(&alone, &sh("true")).await, Err(RemoteError::HostKey { why }) if why.contains(&jump.port.to_string()))
    );

    let known = fs::read_to_string(server.path("known_hosts")).unwrap();
    let both = format!("{known}[127.0.0.1]:{} {}\n", jump.port, jump.host_key());
    fs::write(server.path("known_hosts"), both).unwrap();
    let through = ssh_by(&cluster(&[("m1", ssh.clone()), ("m2", ssh)]), Person::absent(), options(server.dir.path()));
    for master in ["m1", "m2"] {
        let master = MasterName::new(master).unwrap();
        assert!(through.run(&master, &sh("true"), Pipes::default()).await.unwrap().ok());
    }
    assert_eq!(jump.log().matches("Accepted publickey").count(), 1);
    assert_eq!(server.log().matches("Accepted publickey").count(), 2);
    let big = vec![7u8; 3 << 20];
    let bulk = Command::new("wc").arg("-c").stdin(big).bulk();
    assert_eq!(say(&through, &bulk).await.unwrap().stdout.trim(), (3 << 20).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_dies_leaves_the_outcome_unknown_and_is_made_anew() {
    let server = Sshd::start("");
    let ssh = plain(&server);
    assert!(say(&ssh, &sh("true")).await.unwrap().ok());
    let mark = server.path("begun");
    let slow = sh(&format!("touch {}; sleep 30", mark.display()));
    let (cut, ()) = tokio::join!(say(&ssh, &slow), async {
        let end = Instant::now() + Duration::from_secs(30);
        while !mark.exists() && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        run(Process::new("pkill").args(["-KILL", "-P", &server.pid().to_string()]));
    });
    assert!(matches!(&cut, Err(RemoteError::OutcomeUnknown { .. })), "{cut:?}");
    assert!(say(&ssh, &sh("true")).await.unwrap().ok(), "the next command connects afresh");

    let killed = say(&ssh, &sh("kill -KILL $$")).await;
    assert!(matches!(&killed, Err(RemoteError::OutcomeUnknown { why }) if why.contains("KILL")), "{killed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_outlives_its_deadline_is_ended_on_the_host() {
    let server = Sshd::start("");
    let ssh = plain(&server);
    let mark = server.path("survived");
    let slow = sh(&format!("sleep 4; touch {}", mark.display())).deadline(Duration::from_millis(500));
    // The connection is there, and costs nothing any more.
    assert!(say(&ssh, &sh("true")).await.unwrap().ok());
    let begun = Instant::now();
    let late = say(&ssh, &slow).await;
    assert!(matches!(&late, Err(RemoteError::OutcomeUnknown { why }) if why.contains("500ms")), "{late:?}");
    assert!(begun.elapsed() < Duration::from_secs(4));
    tokio::time::sleep(Duration::from_millis(4200)).await;
    assert!(!mark.exists());
}

/// What surrounds a command on a real master: files of the shell that print, set, trap and change things.
const BASHRC: &str = r#"
printf 'Welcome to m3'
echo 'your password expires in 3 days' >&2
export LANG=de_DE.UTF-8 https_proxy=http://10.9.9.9:3128 ETCDCTL_WRITE_OUT=table POSIXLY_CORRECT=1
umask 077; cd /tmp; set -eu
trap 'echo Bye; exit 7' EXIT
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_shells_files_say_and_do_is_no_part_of_an_answer() {
    let server = with_bashrc(BASHRC, "");
    let ssh = plain(&server);
    let answer = say(&ssh, &sh("echo out; echo err >&2; exit 3")).await.unwrap();
    assert_eq!((answer.status, answer.stdout.as_str(), answer.stderr.as_str()), (3, "out\n", "err\n"));
    let around = say(&ssh, &sh("umask; pwd; env | sort | grep -vE '^(PWD|OLDPWD|_)='")).await.unwrap().stdout;
    assert!(
        around.starts_with("0022\n/\nHOME=") && around.contains("LC_ALL=C\nPATH=") && !around.contains("proxy"),
        "{around}"
    );
    assert_eq!(around.lines().count(), 5, "{around}");
    // Binary input and output, from memory and by streams.
    let bytes: Vec<u8> = (0..2_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let (send, mut taken) = tokio::sync::mpsc::channel(4);
    let command = Command::new("cat").stdin(bytes.clone()).bulk();
    let (host, pipes) = (m1(), Pipes { stdin: None, stdout: Some(send) });
    let (copied, back) = tokio::join!(ssh.run(&host, &command, pipes), async {
        let mut back = Vec::new();
        while let Some(piece) = taken.recv().await {
            back.extend_from_slice(&piece);
        }
        back
    });
    assert!(copied.unwrap().ok());
    assert!(back == bytes, "{} of {} bytes", back.len(), bytes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_ends_before_the_command_has_run_nothing() {
    let server = with_bashrc("echo This account is closed; exit 0", "");
    let mark = server.path("ran");
    let refused = say(&plain(&server), &sh(&format!("touch {}", mark.display()))).await;
    assert!(
        matches!(&refused, Err(RemoteError::Denied { why }) if why.contains("before the command began (exit 1: This account is closed)")),
        "{refused:?}"
    );
    assert!(!mark.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_is_enough() {
    let server = with_bashrc("sleep 0.05", "MaxSessions 1\n");
    let ssh = std::sync::Arc::new(plain(&server));
    for _ in 0..5 {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..10 {
            let ssh = std::sync::Arc::clone(&ssh);
            tasks.spawn(async move { say(&ssh, &sh(&format!("echo {number}"))).await });
        }
        assert!(tasks.join_all().await.into_iter().all(|answer| answer.unwrap().ok()));
    }
    assert_eq!(server.log().matches("Accepted publickey").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_speak_few_algorithms_are_spoken_to_or_named() {
    for only in [
        "KexAlgorithms ecdh-sha2-nistp256,ecdh-sha2-nistp384",
        "KexAlgorithms ecdh-sha2-nistp521",
        "Ciphers aes192-ctr\nMACs hmac-sha2-256",
        "Ciphers aes128-ctr",
    ] {
        let server = Sshd::start(&format!("{only}\n"));
        assert!(say(&plain(&server), &sh("true")).await.unwrap().ok(), "{only}");
    }
    for (only, offers, speaks) in [
        ("KexAlgorithms diffie-hellman-group14-sha1", "it offers diffie-hellman-group14-sha1", "curve25519-sha256"),
        ("Ciphers aes128-cbc", "it offers aes128-cbc", "aes256-gcm@openssh.com"),
        ("Ciphers aes256-ctr\nMACs hmac-sha1", "it offers hmac-sha1", "hmac-sha2-256"),
    ] {
        let server = Sshd::start(&format!("{only}\n"));
        let keyword = only.lines().last().unwrap().split(' ').next().unwrap();
        match say(&plain(&server), &sh("true")).await {
            Err(RemoteError::Denied { why }) => assert!(
                why.contains(offers)
                    && why.contains(speaks)
                    && why.contains(&format!("as {keyword} in its sshd_config")),
                "{why}"
            ),
            other => panic!("{only}: {other:?}"),
        }
    }
}
