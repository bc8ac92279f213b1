//! The ways to a master that an OpenSSH configuration can name, against OpenSSH's own server, agent and key tools.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/ssh_site.rs"]
mod ssh_site;
#[path = "support/sshd.rs"]
mod sshd;

use std::fs;
use std::path::Path;
use std::process::Command as Process;

use requorum::run::ports::RemoteError;
use serde_json::{Value, json};
use ssh_site::{Agent, Person, options, say, settings, sh, ssh_to};
use sshd::{Sshd, keygen, run};

/// Servers that take one key, and whose host keys stand in one file.
fn servers(count: usize) -> Vec<Sshd> {
    let all: Vec<Sshd> = (0..count).map(|_| Sshd::start("")).collect();
    let known: String = all.iter().map(|one| format!("[127.0.0.1]:{} {}\n", one.port, one.host_key())).collect();
    for one in &all {
        fs::write(one.path("known_hosts"), &known).unwrap();
        fs::copy(all[0].path("id.pub"), one.path("authorized")).unwrap();
    }
    all
}

fn logins(server: &Sshd) -> usize {
    server.log().matches("Accepted publickey").count()
}

/// Programs whose command line has this word; the shell that this test may have started is none of them.
fn running(word: &str) -> usize {
    let lines = run(Process::new("ps").args(["-eo", "args="]));
    lines.lines().filter(|line| line.contains(word) && !line.starts_with("ps ")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_this_host_is_the_connection_and_ends_with_it() {
    let all = servers(2);
    let (jump, server) = (&all[0], &all[1]);
    let through = format!(
        "ssh -i {} -o UserKnownHostsFile={} -o BatchMode=yes -p {} -W '[127.0.0.1]:{}' root@127.0.0.1",
        jump.path("id").display(),
        jump.path("known_hosts").display(),
        jump.port,
        server.port,
    );
    let mut ssh = settings(server);
    ssh["identity"] = json!(jump.path("id"));
    ssh["by_config"] = json!({ "proxy_command": through });
    let by_command = ssh_to(ssh.clone(), Person::absent(), options(server.dir.path()));
    let bytes: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    let sum = requorum::model::Command::new("cksum").stdin(bytes);
    assert!(say(&by_command, &sum).await.unwrap().stdout.ends_with(" 4000000\n"));
    assert_eq!((logins(jump), logins(server)), (1, 1));
    let mark = format!("-W [127.0.0.1]:{}", server.port);
    assert_eq!(running(&mark), 1);
    drop(by_command);
    let ended = async {
        while running(&mark) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.expect("the command has ended");

    // What it says is in the error, and who it leads to is checked as strictly.
    ssh["by_config"] = json!({ "proxy_command": "sh -c 'echo no way there >&2; exit 1'" });
    match say(&ssh_to(ssh.clone(), Person::absent(), options(server.dir.path())), &sh("true")).await {
        Err(RemoteError::Unreachable { why }) => {
            assert!(why.contains("(through a ProxyCommand)") && why.ends_with("said: no way there"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    // It has a session of its own: what asks at the terminal finds none, and does not wait there.
    ssh["by_config"] = json!({ "proxy_command": "sh -c '[ $(ps -o sid= -p $$) = $$ ] && echo alone >&2'" });
    match say(&ssh_to(ssh.clone(), Person::absent(), options(server.dir.path())), &sh("true")).await {
        Err(RemoteError::Unreachable { why }) => assert!(why.ends_with("said: alone"), "{why}"),
        other => panic!("{other:?}"),
    }
    // Where it cannot be started nobody has asked the host anything; its text may hold a password, and is not told.
    ssh["by_config"] = json!({ "proxy_command": "/nowhere/ncat --proxy-auth ops:Sup3rSecret %h" });
    match say(&ssh_to(ssh.clone(), Person::absent(), options(server.dir.path())), &sh("true")).await {
        Err(RemoteError::Denied { why }) => {
            assert!(why.contains("/nowhere/ncat") && !why.contains("Sup3rSecret"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    fs::write(server.path("known_hosts"), "").unwrap();
    ssh["by_config"] = json!({ "proxy_command": through.replace("known_hosts", "known") });
    fs::write(jump.path("known"), format!("[127.0.0.1]:{} {}\n", jump.port, jump.host_key())).unwrap();
    let unknown = say(&ssh_to(ssh, Person::absent(), options(server.dir.path())), &sh("true")).await;
    assert!(matches!(unknown, Err(RemoteError::HostKey { .. })), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_jump_hosts_are_gone_through_in_their_order() {
    let all = servers(3);
    let hop = |server: &Sshd| {
        let known = server.path("known_hosts");
        json!({
            "jump": { "address": "127.0.0.1", "port": server.port, "user": "root" },
            "by_config": { "identities": [all[0].path("id")], "known_hosts": [known] },
        })
    };
    let mut ssh = settings(&all[2]);
    ssh["identity"] = Value::Null;
    ssh["known_hosts"] = Value::Null;
    let known = all[2].path("known_hosts");
    ssh["by_config"] = json!({
        "identities": [all[0].path("id")], "known_hosts": [known], "hops": [hop(&all[0]), hop(&all[1])],
    });
    let through = ssh_to(ssh.clone(), Person::absent(), options(all[2].dir.path()));
    // Each sees the port of the one before as its client's.
    let seen = say(&through, &sh("echo $SSH_CONNECTION")).await;
    assert!(seen.unwrap().ok());
    assert_eq!(all.iter().map(logins).collect::<Vec<_>>(), [1, 1, 1]);
    // A host that is not the one on file is refused on the way, too.
    fs::write(all[1].path("known_hosts"), "").unwrap();
    let refused = say(&ssh_to(ssh, Person::absent(), options(all[2].dir.path())), &sh("true")).await;
    assert!(
        matches!(&refused, Err(RemoteError::HostKey { why }) if why.contains(&all[1].port.to_string())),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_that_is_named_is_the_one_that_is_asked() {
    let server = Sshd::start("");
    let [usual, named] = ["usual", "named"].map(|name| Agent::start(&server.path(name)));
    keygen(&server.path("other"), "ed25519", "");
    usual.add(&server.path("other"), "");
    named.add(&server.path("id"), "");
    let with = |agent: Value| {
        let mut ssh = settings(&server);
        ssh["identity"] = Value::Null;
        ssh["by_config"] = json!({ "agent": agent });
        let mut brought = options(server.dir.path());
        brought.agent_socket = Some(server.path("usual"));
        ssh_to(ssh, Person::absent(), brought)
    };
    let refused = |answer| match answer {
        Err(RemoteError::Denied { why }) => why,
        other => panic!("{other:?}"),
    };
    let why: String = refused(say(&with(json!("usual")), &sh("true")).await);
    assert!(why.contains("agent key SHA256:"), "{why}");
    let why = refused(say(&with(json!("nowhere")), &sh("true")).await);
    assert!(why.contains("no key was found to try"), "{why}");
    assert!(say(&with(json!({ "socket": "~/named" })), &sh("true")).await.unwrap().ok());
    let why = refused(say(&with(json!({ "socket": "~/none" })), &sh("true")).await);
    assert!(why.contains("/none: "), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_may_lie_elsewhere_than_its_key() {
    let first = Sshd::start("");
    keygen(&first.path("ca"), "ed25519", "");
    let sign = Process::new("ssh-keygen")
        .args(["-q", "-s"])
        .arg(first.path("ca"))
        .args(["-I", "test", "-n", "root"])
        .arg(first.path("id.pub"))
        .status();
    assert!(sign.unwrap().success());
    fs::rename(first.path("id-cert.pub"), first.path("elsewhere.pub")).unwrap();
    let server = Sshd::start(&format!("TrustedUserCAKeys {}\n", first.path("ca.pub").display()));
    fs::write(server.path("authorized"), "").unwrap();
    let agent = Agent::start(&first.path("agent"));
    agent.add(&first.path("id"), "");
    for identity in [json!(first.path("id")), Value::Null] {
        for (certificates, works) in [(json!([]), false), (json!(["/none", first.path("elsewhere.pub")]), true)] {
            let mut ssh = settings(&server);
            ssh["identity"] = identity.clone();
            ssh["by_config"] = json!({ "certificates": certificates });
            let mut brought = options(server.dir.path());
            brought.agent_socket = Some(first.path("agent"));
            let answer = say(&ssh_to(ssh, Person::absent(), brought), &sh("true")).await;
            assert_eq!(answer.is_ok(), works, "{identity} {certificates}: {answer:?}");
        }
    }
}

fn doctor(home: &Path, more: &[&str]) -> String {
    let mut program = Process::new(assert_cmd::cargo::cargo_bin!("requorum"));
    program.current_dir(home).env("HOME", home).env("REQUORUM_STATE", home.join("state"));
    let output = program.env_remove("SSH_AUTH_SOCK").args(["doctor", "--bastion"]).args(more).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const INVENTORY: &str = "\
cluster: c
environment: lab
zones: { a: { masters: { m1: { address: box } } }, b: { masters: { m2: { address: 127.0.0.1, ssh: { port: 1 } } } } }
";

/// From the file to the login.
#[test]
fn what_the_configuration_names_is_what_is_done() {
    let all = servers(3);
    let home = all[0].dir.path();
    fs::create_dir(home.join(".ssh")).unwrap();
    fs::write(home.join("inventory.yaml"), INVENTORY).unwrap();
    let config = format!(
        "Host box\n  ProxyJump root@127.0.0.1:{},two\nHost two\n  Port {}\nHost box two\n  HostName 127.0.0.1\n  User root\n\
         Host box\n  Port {}\nHost *\n  IdentityFile {home}/%r.id\n  UserKnownHostsFile ~/known_hosts\n",
        all[0].port,
        all[1].port,
        all[2].port,
        home = home.display(),
    );
    fs::rename(home.join("id"), home.join("root.id")).unwrap();
    fs::write(home.join(".ssh/config"), &config).unwrap();
    let told = doctor(home, &[]);
    assert!(told.contains("logged in; nothing is needed to become root"), "{told}");
    assert_eq!(all.iter().map(logins).collect::<Vec<_>>(), [1, 1, 1], "{told}");

    let command = format!(
        "ssh -F none -i {0}/root.id -o UserKnownHostsFile={0}/known_hosts -W %h:%p -p {1} %r@127.0.0.1",
        home.display(),
        all[1].port
    );
    let line = format!("ProxyJump root@127.0.0.1:{},two", all[0].port);
    fs::write(home.join(".ssh/config"), config.replace(&line, &format!("ProxyCommand {command}"))).unwrap();
    let told = doctor(home, &[]);
    assert!(told.contains("(through a ProxyCommand)") && told.contains("logged in; nothing is needed"), "{told}");
    assert_eq!(all.iter().map(logins).collect::<Vec<_>>(), [1, 2, 2], "{told}");

    // A key on the list of those that are revoked is not believed, though it is known.
    let revoked = format!("{command}\nHost box\n  RevokedHostKeys ~/revoked");
    fs::write(home.join(".ssh/config"), config.replace(&line, &format!("ProxyCommand {revoked}"))).unwrap();
    let told = doctor(home, &[]);
    assert!(told.contains("RevokedHostKeys cannot be read") && told.contains("/revoked: "), "{told}");
    fs::write(home.join("revoked"), format!("# old\n{}\n", all[2].host_key())).unwrap();
    let told = doctor(home, &[]);
    assert!(told.contains("REVOKED") && told.contains("/revoked:2"), "{told}");
    fs::write(home.join("revoked"), format!("{}\n", all[1].host_key())).unwrap();
    let told = doctor(home, &[]);
    assert!(told.contains("logged in; nothing is needed"), "{told}");
    assert_eq!(all.iter().map(logins).collect::<Vec<_>>(), [1, 4, 3], "{told}");

    // Another bastion is reached in the same way; there is no requorum on its path.
    let told = doctor(home, &["--other", "two"]);
    let line = told.lines().find(|line| line.contains("[other-bastion] two: ")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.starts_with("error") && line.contains("no requorum answers there"), "{line}");
    assert_eq!(all.iter().map(logins).collect::<Vec<_>>(), [1, 6, 4], "{told}");
    let wrong = doctor(home, &["--other", "a b"]);
    assert!(wrong.contains("--other `a b`: write USER@HOST or USER@HOST:PORT"), "{wrong}");
}
