//! Tests of `world/ssh`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fake;
mod sudo;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{Options, Ssh, Unlocked};
use crate::model::digest::sha256;
use crate::model::{Command, MasterName, Output, Placeholder};
use crate::run::ports::{Pipes, Prompt, Remote, RemoteError};
use fake::{Fake, key, text, write_key};

struct Nobody;

impl Prompt for Nobody {
    fn attended(&self) -> bool {
        false
    }

    fn line(&self, _: &str) -> std::io::Result<String> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn secret(&self, _: &str) -> std::io::Result<zeroize::Zeroizing<String>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// A bastion with one master, `m1`, and its files.
struct Site {
    ssh: Ssh,
    unlocked: Unlocked,
    host: MasterName,
    _dir: TempDir,
}

impl Site {
    fn new(port: u16, user: &str, known_hosts: &str) -> Self {
        Self::with(port, user, known_hosts, "none", None)
    }

    fn with(port: u16, user: &str, known_hosts: &str, rise: &str, password: Option<&str>) -> Self {
        let password = password.map(|password| zeroize::Zeroizing::new(password.to_owned()));
        Self::by(port, user, known_hosts, rise, (Arc::new(Nobody), password))
    }

    /// Somebody types sudo's password.
    fn typed(port: u16, known_hosts: &str, prompt: Arc<dyn Prompt>) -> Self {
        Self::by(port, "root", known_hosts, "sudo", (prompt, None))
    }

    fn by(
        port: u16,
        user: &str,
        known_hosts: &str,
        rise: &str,
        (prompt, password): (Arc<dyn Prompt>, Option<zeroize::Zeroizing<String>>),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_key(&dir.path().join("id"), &key());
        std::fs::write(dir.path().join("known_hosts"), known_hosts).unwrap();
        let ssh = json!({
            "user": user, "port": port, "become": rise, "jump": null,
            "identity": "~/id", "known_hosts": "~/known_hosts",
        });
        let etcd = json!({ "unit": "etcd", "data_dir": "/var/lib/etcd", "env_file": "/etc/etcd.env", "template": "t" });
        let m1 = json!({ "name": "m1", "zone": "a", "address": "127.0.0.1", "ssh": ssh, "etcd": etcd });
        let zones = json!({ "a": { "name": "a", "masters": { "m1": m1 } } });
        let cluster = json!({ "name": "test", "environment": "lab", "zones": zones });
        let mut options = Options::new(Some(dir.path()));
        let unlocked = Unlocked::new(prompt, Some(dir.path().to_owned()), None, password);
        options.connect_timeout = Duration::from_secs(2);
        let ssh = Ssh::new(&serde_json::from_value(cluster).unwrap(), unlocked.clone(), options);
        Self { ssh, unlocked, host: MasterName::new("m1").unwrap(), _dir: dir }
    }

    fn of(fake: &Fake) -> Arc<Self> {
        Arc::new(Self::new(fake.port, "root", &fake.line(&fake.key)))
    }

    async fn run(&self, command: &Command) -> Result<Output, RemoteError> {
        self.ssh.run(&self.host, command, Pipes::default()).await
    }
}

fn play(name: &str, number: u64) -> Command {
    Command::new(name).arg(number.to_string())
}

async fn many_at_once(site: &Arc<Site>, count: usize) -> Vec<Result<Output, RemoteError>> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..count {
        let site = Arc::clone(site);
        tasks.spawn(async move { site.run(&play("sleep", 30)).await });
    }
    tasks.join_all().await
}

fn unknown(result: Result<Output, RemoteError>) -> String {
    match result {
        Err(RemoteError::OutcomeUnknown { why }) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn status_and_both_streams_come_back() {
    let fake = Fake::start(10).await;
    let site = Site::of(&fake);
    for status in [0, 1, 3, 124, 255] {
        let output = site.run(&play("exit", status.into())).await.unwrap();
        assert_eq!(output, Output { status, stdout: "out".into(), stderr: "err".into() });
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn what_a_login_shell_says_around_a_command_is_not_its_answer() {
    let fake = Fake::start(10).await;
    let site = Site::of(&fake);
    let output = site.run(&play("noisy", 3)).await.unwrap();
    assert_eq!(output, Output { status: 3, stdout: "out".into(), stderr: "err".into() });
    let (send, mut taken) = mpsc::channel(9);
    let noisy = play("noisy", 0);
    let streamed = site.ssh.run(&site.host, &noisy, Pipes { stdin: None, stdout: Some(send) });
    let (output, whole) = tokio::join!(streamed, async {
        let mut whole = Vec::new();
        while let Some(piece) = taken.recv().await {
            whole.extend_from_slice(&piece);
        }
        whole
    });
    assert!(output.unwrap().ok());
    assert_eq!(whole, b"out");
}

#[tokio::test]
async fn a_command_that_never_began_has_run_nothing_and_half_an_answer_is_none() {
    let fake = Fake::start(10).await;
    let site = Site::of(&fake);
    let never = site.run(&play("never", 0)).await;
    assert!(
        matches!(&never, Err(RemoteError::Denied { why })
            if why.contains("before the command began (exit 42: Welcome to m1Bye)") && why.contains("~/.bashrc")),
        "{never:?}"
    );
    let short = unknown(site.run(&play("short", 0)).await);
    assert!(short.contains("the shell around it ended before it did"), "{short}");
}

#[tokio::test]
async fn standard_input_arrives_whole_from_memory_and_from_a_stream() {
    let fake = Fake::start(10).await;
    let site = Site::of(&fake);
    let big: Vec<u8> = (0..8u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let expected = sha256(&big);
    assert_eq!(site.run(&Command::new("hash").stdin(big.clone())).await.unwrap().stdout, expected);

    let (send, stdin) = mpsc::channel(2);
    let pieces = async move {
        for piece in Bytes::from(big).chunks(700_001) {
            send.send(Bytes::copy_from_slice(piece)).await.unwrap();
        }
    };
    let command = Command::new("hash").bulk();
    let pipes = Pipes { stdin: Some(stdin), stdout: None };
    let (streamed, ()) = tokio::join!(site.ssh.run(&site.host, &command, pipes), pieces);
    assert_eq!(streamed.unwrap().stdout, expected);
    assert_eq!(fake.connections(), 2, "bulk has its own connection");
}

#[tokio::test]
async fn no_exit_status_is_never_success() {
    let fake = Fake::start(10).await;
    let site = Site::of(&fake);
    assert!(unknown(site.run(&play("killed", 0)).await).contains("signal KILL"));
    unknown(site.run(&play("no-status", 0)).await);
    unknown(site.run(&play("cut", 0)).await);
    assert!(site.run(&play("exit", 0)).await.unwrap().ok(), "a dead connection is replaced");
    let half = unknown(site.run(&play("half", 0)).await);
    assert!(half.contains("rebooting") && half.contains("exited with 0, but its output was not whole"), "{half}");
    assert!(site.run(&play("exit", 0)).await.unwrap().ok());
    assert_eq!(fake.connections(), 3);
}

#[tokio::test]
async fn a_deadline_ends_the_waiting_and_names_itself() {
    let fake = Fake::start(10).await;
    let site = Site::of(&fake);
    let begun = Instant::now();
    let late = unknown(site.run(&play("sleep", 60_000).deadline(Duration::from_millis(300))).await);
    assert!(late.contains("300ms, its deadline"), "{late}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(site.run(&play("exit", 0)).await.unwrap().ok());
    assert_eq!(fake.connections(), 2, "sshd still counts the session, so the connection is not used again");
}

#[tokio::test]
async fn a_host_with_another_key_is_not_spoken_to() {
    let fake = Fake::start(10).await;
    for (known_hosts, part) in [(fake.line(&key()), "CHANGED"), (String::new(), "not known")] {
        match Site::new(fake.port, "root", &known_hosts).run(&play("exit", 0)).await {
            Err(RemoteError::HostKey { why }) => assert!(why.contains(part), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    let revoked = format!("{}@revoked * {}\n", fake.line(&fake.key), text(&fake.key));
    let refused = Site::new(fake.port, "root", &revoked).run(&play("exit", 0)).await;
    assert!(matches!(refused, Err(RemoteError::HostKey { .. })));
    assert_eq!(fake.seen.commands.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_refused_login_says_what_was_tried() {
    let fake = Fake::start(10).await;
    match Site::new(fake.port, "eve", &fake.line(&fake.key)).run(&play("exit", 0)).await {
        Err(RemoteError::Denied { why }) => {
            assert!(why.contains("login as eve") && why.contains("/id (refused)"), "{why}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_host_that_runs_no_commands_has_run_nothing() {
    let fake = Fake::start(10).await;
    let refused = Site::of(&fake).run(&play("refuse", 0)).await;
    assert!(matches!(refused, Err(RemoteError::Denied { .. })), "{refused:?}");
}

#[tokio::test]
async fn more_commands_than_sessions_take_turns() {
    let fake = Fake::start(8).await;
    let site = Site::of(&fake);
    assert!(many_at_once(&site, 30).await.into_iter().all(|answer| answer.unwrap().ok()));
    assert_eq!(fake.connections(), 1);
    assert_eq!(fake.seen.most_sessions.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn a_host_that_allows_fewer_sessions_is_given_fewer() {
    for allowed in [1, 2, 5] {
        let fake = Fake::start(allowed).await;
        let site = Site::of(&fake);
        let many = many_at_once(&site, 12).await;
        assert!(many.into_iter().all(|answer| answer.unwrap().ok()));
        assert_eq!((fake.connections(), fake.seen.most_sessions.load(Ordering::SeqCst)), (1, allowed));
    }
    let none = Site::of(&Fake::start(0).await).run(&play("exit", 0)).await;
    assert!(matches!(&none, Err(RemoteError::Unreachable { why }) if why.contains("MaxSessions")), "{none:?}");
}

#[tokio::test]
async fn a_flood_is_read_to_its_end_and_kept_in_part() {
    let fake = Fake::start(10).await;
    let output = Site::of(&fake).run(&play("flood", 100).deadline(Duration::from_secs(60))).await.unwrap();
    assert!(output.ok());
    assert_eq!(output.stdout.len(), 4 << 20);
    assert!(output.stderr.ends_with("… cut") && output.stderr.starts_with("eeee"), "{}", output.stderr);
}

#[tokio::test]
async fn a_slow_taker_slows_its_own_stream_and_nobody_else() {
    let fake = Fake::start(10).await;
    let site = Site::of(&fake);
    let (stdout, mut taken) = mpsc::channel(4);
    let command = play("flood", 100).deadline(Duration::from_secs(60));
    let pipes = Pipes { stdin: None, stdout: Some(stdout) };
    let taker = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let sent = fake.seen.sent.load(Ordering::SeqCst);
        assert!(sent < 70 << 20, "{sent} bytes were sent to somebody who takes none");
        assert!(site.run(&play("exit", 0)).await.unwrap().ok());
        let mut size = 0;
        while let Some(chunk) = taken.recv().await {
            size += chunk.len();
        }
        size
    };
    let (output, size) = tokio::join!(site.ssh.run(&site.host, &command, pipes), taker);
    assert_eq!((output.unwrap().stdout.len(), size), (0, 100 << 20));
}

#[tokio::test]
async fn a_taker_that_leaves_makes_the_outcome_unknown() {
    let fake = Fake::start(10).await;
    let site = Site::of(&fake);
    let (stdout, taken) = mpsc::channel(4);
    drop(taken);
    let pipes = Pipes { stdin: None, stdout: Some(stdout) };
    assert!(unknown(site.ssh.run(&site.host, &play("flood", 100), pipes).await).contains("no longer wanted"));
}

/// A port whose kernel drops what comes, since nobody takes the connections that wait.
async fn full() -> (tokio::net::TcpListener, Vec<tokio::net::TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut waiting = Vec::new();
    let at = listener.local_addr().unwrap();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), tokio::net::TcpStream::connect(at)).await {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 100, "the kernel takes every connection");
    }
    (listener, waiting)
}

#[tokio::test]
async fn a_kernel_that_is_said_to_be_off_is_tried_for_less_long_and_a_slow_sshd_is_not() {
    let (listener, _waiting) = full().await;
    let off = |site: &Site| site.ssh.said_to_be_off(&[site.host.clone()].into());
    let port = listener.local_addr().unwrap().port();
    for (is_off, limit) in [(false, "2s"), (true, "1.5s")] {
        let site = Site::new(port, "root", "");
        if is_off {
            off(&site);
        }
        let answer = site.run(&play("exit", 0)).await;
        let within = format!("no answer within {limit}");
        assert!(matches!(&answer, Err(RemoteError::Unreachable { why }) if why.contains(&within)), "{answer:?}");
    }
    // It takes the connection and says nothing: it is given all the time that any other is given.
    let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = Site::new(slow.local_addr().unwrap().port(), "root", "");
    off(&site);
    let answer = site.run(&play("exit", 0)).await;
    assert!(
        matches!(&answer, Err(RemoteError::Unreachable { why }) if why.contains("no answer within 2s")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_silent_host_is_given_up_in_time_and_asked_once_for_all() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = Site::new(listener.local_addr().unwrap().port(), "root", "");
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
            assert_eq!(held.len(), 1, "callers share one attempt");
        }
    });
    let begun = Instant::now();
    let command = play("exit", 0);
    let (a, b, c) = tokio::join!(site.run(&command), site.run(&command), site.run(&command));
    for answer in [a, b, c] {
        assert!(
            matches!(&answer, Err(RemoteError::Unreachable { why }) if why.contains("no answer within 2s")),
            "{answer:?}"
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(!held.is_finished());
    let _ = tokio::time::timeout(Duration::from_millis(100), site.run(&command)).await;
    assert!(held.await.unwrap_err().is_panic(), "a failure is not kept: the next caller tries again");
}

#[tokio::test]
async fn a_command_that_is_not_final_goes_nowhere() {
    let fake = Fake::start(10).await;
    let site = Site::of(&fake);
    let late = Command::new("etcdctl").placeholder(Placeholder::MemberId(site.host.clone()));
    assert!(matches!(site.run(&late).await, Err(RemoteError::Denied { .. })));
    assert_eq!(fake.connections(), 0);
}

#[tokio::test]
async fn a_command_nobody_waits_for_any_more_does_not_take_a_session_away() {
    let fake = Fake::start(1).await;
    let site = Site::of(&fake);
    let given_up = tokio::time::timeout(Duration::from_millis(300), site.run(&play("sleep", 60_000))).await;
    assert!(given_up.is_err());
    assert!(site.run(&play("exit", 0)).await.unwrap().ok());
    assert_eq!(fake.connections(), 2);
}
