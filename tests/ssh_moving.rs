//! What is not given up while it moves, against OpenSSH's own server: streams, and what reads and writes a database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/ssh_site.rs"]
mod ssh_site;
#[path = "support/sshd.rs"]
mod sshd;

use std::time::Duration;

use bytes::Bytes;
use requorum::model::{Command, MasterName};
use requorum::run::ports::{Pipes, Remote, RemoteError};
use ssh_site::{plain, say, sh};
use sshd::Sshd;
use tokio::sync::mpsc;

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_is_not_given_up_and_what_stands_still_is() {
    let server = Sshd::start("");
    let ssh = plain(&server);
    let still = Duration::from_secs(1);
    let drips = sh("for n in 1 2 3 4 5 6 7 8; do echo $n >&2; sleep 0.3; done").while_it_moves(still);
    assert!(say(&ssh, &drips).await.unwrap().stderr.ends_with("8\n"));
    let stands = sh("echo once; sleep 30").while_it_moves(still);
    match say(&ssh, &stands).await {
        Err(RemoteError::OutcomeUnknown { why }) => assert!(why.contains("nothing came or went for 1s"), "{why}"),
        other => panic!("{other:?}"),
    }
    let (send, stdin) = mpsc::channel(1);
    let slowly = async move {
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            send.send(Bytes::from_static(b"piece")).await.unwrap();
        }
    };
    let counts = Command::new("wc").arg("-c").bulk().while_it_moves(still);
    let pipes = Pipes { stdin: Some(stdin), stdout: None };
    let master = MasterName::new("m1").unwrap();
    let (counted, ()) = tokio::join!(ssh.run(&master, &counts, pipes), slowly);
    assert_eq!(counted.unwrap().stdout.trim(), "40");
}

/// The shell that the steps which read and write a database begin with, around `command`.
fn moving(still: u32, command: &str) -> Command {
    let all = requorum::step::snapshot::SCRIPT.text;
    let begins = all.split_once("set -eu").unwrap().0;
    sh(&format!("{begins}\nmoving {still} {command}")).while_it_moves(Duration::from_secs(5))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_reads_is_let_go_on_and_one_that_does_nothing_is_ended() {
    let server = Sshd::start("");
    let ssh = plain(&server);
    let reads = "sh -c 'for n in 1 2 3 4 5 6 7; do head -c 1000000 /dev/zero >/dev/null; sleep 1; done; echo whole'";
    let read = say(&ssh, &moving(4, reads)).await.unwrap();
    assert_eq!((read.status, read.stdout.as_str()), (0, "whole\n"), "{read:?}");
    let idle = say(&ssh, &moving(2, "sleep 60")).await.unwrap();
    assert!(idle.status == 1 && idle.complaint().contains("neither read nor wrote for 2 s"), "{idle:?}");
    assert_eq!(say(&ssh, &moving(9, "sh -c 'exit 3'")).await.unwrap().status, 3);
}
