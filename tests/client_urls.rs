//! The question at which of its other client URLs a member answers: the real script, with a stand-in for etcdctl.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use requorum::model::{Arg, Command, MemberId, Output};
use requorum::observe::{Contact, Observation, Seen, Unclear, client_urls};
use requorum::sim::Site;

/// Answers at one URL alone, and notes where it was asked.
const ETCDCTL: &str = r#"#!/bin/sh
echo "$*" >>"$0.calls"
case $1 in --endpoints=HERE) ;; *) echo 'Error: context deadline exceeded' >&2; exit 1 ;; esac
printf '%s\n' '[{"Status":{"header":{"cluster_id":9,"member_id":7,"revision":5,"raft_term":2},"version":"3.5.16"}}]'
"#;

/// m1, as it is seen where its etcd did not answer at the URL that fits best.
async fn unanswered(change: impl Fn(&mut Seen)) -> Seen {
    let site = Site::new(&[2, 1]);
    site.wait(Duration::from_secs(15)).await;
    let (seen, _): (Observation, _) = site.status().await;
    let Some(Contact::Answers(seen)) = seen.masters.into_values().next() else { panic!("m1 does not answer") };
    let mut seen = *seen;
    seen.status = Err(Unclear::text("etcdctl endpoint status", "exit 1: context deadline exceeded"));
    change(&mut seen);
    seen
}

/// What the script says on this machine, and how often etcdctl was called.
fn ran(command: &Command, etcdctl: &std::path::Path, here: &str) -> (Output, String) {
    std::fs::write(etcdctl, ETCDCTL.replace("HERE", here)).unwrap();
    std::fs::set_permissions(etcdctl, std::fs::Permissions::from_mode(0o755)).unwrap();
    let words = command.argv.iter().map(|arg| match arg {
        Arg::Text(text) => text.clone(),
        Arg::Placeholder(placeholder) => panic!("{placeholder}"),
    });
    let words: Vec<String> = words.collect();
    let ran = std::process::Command::new(&words[0]).args(&words[1..]).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let status = ran.status.code().unwrap().try_into().unwrap();
    let calls = std::fs::read_to_string(format!("{}.calls", etcdctl.display())).unwrap();
    (Output { status, stdout: text(ran.stdout), stderr: text(ran.stderr) }, calls)
}

#[tokio::test(start_paused = true)]
async fn the_first_url_that_answers_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let etcdctl = dir.path().join("etcd ctl");
    let seen = unanswered(|seen| {
        seen.tools.as_mut().unwrap().etcdctl = Some(etcdctl.display().to_string());
        let settings = seen.settings.as_mut().unwrap();
        settings.file.text = settings.file.text.replace(
            "ETCD_ADVERTISE_CLIENT_URLS=https://10.77.1.11:2379",
            "ETCD_ADVERTISE_CLIENT_URLS=https://m1.example:2379,https://second.example:2379",
        );
    })
    .await;
    let command = client_urls::command(&seen).unwrap();
    assert!(command.deadline < Duration::from_secs(12), "{:?}", command.deadline);
    let (said, calls) = ran(&command, &etcdctl, "https://m1.example:2379");
    let (url, status) = client_urls::parse(&said).unwrap();
    assert_eq!((url.as_str(), status.member, status.revision), ("https://m1.example:2379", MemberId(7), 5));
    // Not the one that was asked before, and none after the one that answered.
    let asked: Vec<&str> = calls.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(asked, ["--endpoints=https://10.77.1.11:2379", "--endpoints=https://m1.example:2379"]);
    assert!(calls.contains("--cert=/etc/ssl/etcd/ssl/admin-m1.pem") && calls.contains("--command-timeout=1500ms"));
    assert!(!client_urls::is_own(&seen, &url, &status), "its peer port says that this node's member is another");
    let unlisted = Seen { members: Err(Unclear::text("members", "no answer")), ..seen.clone() };
    assert!(client_urls::is_own(&unlisted, &url, &status));
    assert!(!client_urls::is_own(&unlisted, "https://elsewhere:2379", &status));

    let (none, _) = ran(&command, &etcdctl, "https://nowhere");
    let why = client_urls::parse(&none).unwrap_err().to_string();
    assert!(why.contains("nor does it answer at https://10.77.1.11:2379 https://m1.example:2379"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn what_answered_or_cannot_answer_is_not_asked_elsewhere() {
    let asked = async |change: fn(&mut Seen)| client_urls::command(&unanswered(change).await).is_some();
    assert!(asked(|_| {}).await);
    assert!(!asked(|seen| seen.unit.as_mut().unwrap().active_state = "activating".into()).await);
    assert!(!asked(|seen| seen.status = Err(Unclear::not_put("it does not run"))).await);
    assert!(!asked(|seen| seen.tools.as_mut().unwrap().etcdctl = None).await);
    let one = |seen: &mut Seen| {
        let settings = seen.settings.as_mut().unwrap();
        settings.file.text = settings.file.text.replace("https://10.77.1.11:2379", "https://127.0.0.1:2379");
    };
    assert!(!asked(one).await);
}
