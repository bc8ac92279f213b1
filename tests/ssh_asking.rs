//! What a look costs its master in sessions, and whom a bastion calls silent, against OpenSSH's own server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/ssh_site.rs"]
mod ssh_site;
#[path = "support/sshd.rs"]
mod sshd;

use std::sync::Arc;
use std::time::{Duration, Instant};

use requorum::model::{Command, MasterName, Output};
use requorum::run::look::look;
use requorum::run::ports::{Remote, RemoteError};
use requorum::world::ssh::{Options, Ssh};
use serde_json::json;
use ssh_site::{Person, cluster, m1, options, plain, say, settings, sh, with_bashrc};
use sshd::Sshd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn ask(ssh: &Ssh, rounds: &[&[Command]]) -> Vec<Result<Output, RemoteError>> {
    let host = m1();
    let mut asking = ssh.questions(&host);
    let mut answers = Vec::new();
    for round in rounds {
        let mut these = vec![None; round.len()];
        asking.ask(round, &mut |place, answer| these[place] = Some(answer)).await;
        answers.extend(these.into_iter().flatten());
    }
    answers
}

fn sessions(server: &Sshd) -> usize {
    server.log().matches("Starting session: ").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_look_is_one_session_whatever_the_login_shell_does() {
    for rc in ["", "sleep 0.2; echo hello; echo there >&2"] {
        let server = with_bashrc(rc, "MaxSessions 1\n");
        let cluster = cluster(&[("m1", settings(&server))]);
        let remote: Arc<dyn Remote> = Arc::new(plain(&server));
        let seen = look(&cluster, &remote).await;
        let seen = seen.seen(&m1()).unwrap();
        assert!(seen.tools.is_ok() && seen.disk.is_ok(), "{seen:?}");
        assert_eq!((sessions(&server), server.log().matches("Accepted publickey").count()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_or_ends_the_shell_takes_no_answer_with_it() {
    let server = Sshd::start("");
    let ssh = plain(&server);
    let slow = |text: &str| sh(text).deadline(Duration::from_secs(1));
    // One that hangs is ended by its own deadline, and the shell stays.
    let answers = ask(&ssh, &[&[sh("echo one"), slow("sleep 9"), sh("echo three")], &[sh("echo four")]]).await;
    let text = |at: usize| answers[at].as_ref().unwrap().stdout.as_str();
    assert_eq!((text(0), text(2), text(3)), ("one\n", "three\n", "four\n"));
    assert!(matches!(&answers[1], Err(RemoteError::OutcomeUnknown { why }) if why.contains("1s, its deadline")));
    assert_eq!(sessions(&server), 1);
    // A long one behind it was held up, and is asked once more.
    let long = "head -c 300000 /dev/zero | tr '\\0' x";
    let held_up = [sh("sleep 9").deadline(Duration::from_secs(6)), sh(long).deadline(Duration::from_secs(3))];
    let answers = ask(&ssh, &[&held_up]).await;
    assert_eq!(answers[1].as_ref().unwrap().stdout.len(), 300_000);
    // The shell is killed from within: what was not answered is asked by itself.
    let kill = "kill -9 $(ps -o pid= -C sh --sort=start_time --ppid \"$(ps -o ppid= -p \"$PPID\")\" | head -n 1)";
    let answers = ask(&ssh, &[&[sh("echo one"), sh(kill), sh("sleep 1; echo three")], &[sh("echo four")]]).await;
    let text = |at: usize| answers[at].as_ref().unwrap().stdout.as_str();
    assert_eq!((text(0), text(2), text(3)), ("one\n", "three\n", "four\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hosts_whose_login_shells_are_heavy_are_all_heard() {
    let server = with_bashrc("timeout 0.1 sh -c 'while :; do :; done'", "MaxStartups 500\n");
    let names: Vec<String> = (0..60).map(|number| format!("m{number}")).collect();
    let masters: Vec<(&str, _)> = names.iter().map(|name| (name.as_str(), settings(&server))).collect();
    let cluster = cluster(&masters);
    let ssh = ssh_site::ssh_by(&cluster, Person::absent(), options(server.dir.path()));
    let remote: Arc<dyn Remote> = Arc::new(ssh);
    let seen = look(&cluster, &remote).await;
    let heard = names.iter().filter(|name| seen.seen(&MasterName::new(name.as_str()).unwrap()).is_some());
    assert_eq!((heard.count(), sessions(&server)), (60, 60));
}

/// A port in front of a server that passes on what the server says in pieces, the first four each this long after the other.
async fn halting(port: u16, pause: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (mut from_near, mut to_near) = near.into_split();
            let (mut from_far, mut to_far) = TcpStream::connect(("127.0.0.1", port)).await.unwrap().into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_near, &mut to_far).await });
            tokio::spawn(async move {
                let (mut piece, mut pauses) = (vec![0; 4096], 4);
                while let Ok(length @ 1..) = from_far.read(&mut piece).await {
                    if pauses > 0 {
                        pauses -= 1;
                        tokio::time::sleep(pause).await;
                    }
                    if to_near.write_all(&piece[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    own
}

/// A port that says a line every so often, for ever.
async fn babbling(every: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while stream.write_all(b"welcome\r\n").await.is_ok() {
                    tokio::time::sleep(every).await;
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_answers_slowly_is_not_silent_and_one_that_babbles_is_left() {
    let server = Sshd::start("");
    let at = |port: u16, limit: Duration| {
        let mut ssh = settings(&server);
        ssh["port"] = json!(port);
        let known = server.path("known_hosts");
        let listed = format!("[127.0.0.1]:{port} {}\n", server.host_key());
        std::fs::write(&known, listed).unwrap();
        let options = Options { connect_timeout: limit, ..Options::new(Some(server.dir.path())) };
        Ssh::new(&cluster(&[("m1", ssh)]), ssh_site::options(server.dir.path()).unlocked(Person::absent()), options)
    };
    // Long enough that a busy machine answers in time.
    let limit = Duration::from_secs(4);
    let begun = Instant::now();
    let pause = Duration::from_millis(1_500);
    let heard = say(&at(halting(server.port, pause).await, limit), &sh("true").deadline(Duration::from_secs(60))).await;
    assert!(heard.as_ref().is_ok_and(Output::ok), "{heard:?}");
    assert!(begun.elapsed() > limit, "each answer came in time, all of them together did not");
    let limit = Duration::from_millis(500);
    let silent = say(&at(halting(server.port, Duration::from_secs(600)).await, limit), &sh("true")).await;
    assert!(matches!(&silent, Err(RemoteError::Unreachable { why }) if why.contains("within 500ms")), "{silent:?}");
    let babbler = at(babbling(Duration::from_millis(100)).await, limit);
    let left = tokio::time::timeout(Duration::from_secs(30), say(&babbler, &sh("true"))).await.unwrap();
    assert!(matches!(&left, Err(RemoteError::Unreachable { .. })), "{left:?}");
}
