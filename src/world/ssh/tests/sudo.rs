//! Who reads sudo's password: only sudo, asked with our own prompt, and never a command. The server simulates sudo.

use std::sync::atomic::Ordering;
use std::time::Duration;

use russh::server::Msg;
use russh::{Channel, ChannelMsg};

use super::fake::{Fake, Seen, framed};
use super::{Command, RemoteError, Site, unknown};

/// A sudo that asks for the password `right`, but not before what the last word names:
/// `free` (no password for this one), `greedy` (asks again with our prompt while it runs), `stranger` (another program's
/// prompt comes first).
pub(super) async fn play(words: &[String], channel: &mut Channel<Msg>, seen: &Seen) -> u32 {
    let begins = words.iter().position(|word| word == "--").unwrap();
    let (own, run) = words.split_at(begins);
    let (mark, command) = framed(run);
    let command = command[0].as_str();
    let Some(prompt) = own.iter().position(|word| word == "-p").map(|at| own[at + 1].clone()) else {
        say(channel, "sudo: a password is required").await;
        return 1;
    };
    if command == "stranger" {
        say(channel, "[sudo] password for ops: ").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        return 1;
    }
    let mut given = Vec::new();
    if !matches!(command, "free" | "greedy") {
        for _ in 0..3 {
            say(channel, &prompt).await;
            given = line(channel, given).await;
            seen.sudo_read.lock().unwrap().push_str(&String::from_utf8_lossy(&given));
            if given == b"right\n" {
                break;
            }
            if given.is_empty() {
                say(channel, "sudo: 1 incorrect password attempt").await;
                return 1;
            }
            say(channel, "Sorry, try again.").await;
            given.clear();
        }
        given.clear();
    }
    let begun = format!("<begun {mark}>");
    channel.data_bytes(begun.clone()).await.unwrap();
    say(channel, &begun).await;
    if command == "greedy" {
        say(channel, &prompt).await;
    }
    if command != "true" {
        let input = whole(channel, given).await;
        seen.read.lock().unwrap().push_str(&String::from_utf8_lossy(&input));
    }
    let ended = format!("<ended {mark} 0>");
    channel.data_bytes(ended.clone()).await.unwrap();
    say(channel, &ended).await;
    0
}

async fn say(channel: &Channel<Msg>, text: &str) {
    // In two pieces, as a network may.
    for piece in text.as_bytes().chunks(text.len().div_ceil(2)) {
        channel.extended_data_bytes(1, piece.to_vec()).await.unwrap();
    }
}

async fn line(channel: &mut Channel<Msg>, mut given: Vec<u8>) -> Vec<u8> {
    while !given.ends_with(b"\n") {
        match channel.wait().await {
            Some(ChannelMsg::Data { data }) => given.extend_from_slice(&data),
            Some(ChannelMsg::Eof) | None => break,
            _ => {}
        }
    }
    given
}

async fn whole(channel: &mut Channel<Msg>, mut given: Vec<u8>) -> Vec<u8> {
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Data { data }) => given.extend_from_slice(&data),
            Some(ChannelMsg::Eof) | None => return given,
            _ => {}
        }
    }
}

async fn site(password: &str) -> (Fake, Site) {
    let fake = Fake::start(10).await;
    let site = Site::with(fake.port, "root", &fake.line(&fake.key), "sudo", Some(password));
    (fake, site)
}

#[tokio::test]
async fn no_command_reads_the_password_whether_sudo_asks_or_not() {
    for command in ["asked", "free", "greedy"] {
        let (fake, site) = site("right").await;
        let output = site.run(&Command::new(command).stdin("only mine\n")).await.unwrap();
        assert!(output.ok(), "{command}: {output:?}");
        assert_eq!(*fake.seen.read.lock().unwrap(), "only mine\n", "{command}");
        assert!(!output.stderr.contains("sudo asks") || command == "greedy", "{command}: {output:?}");
    }
}

#[tokio::test]
async fn a_prompt_that_is_not_ours_is_given_nothing() {
    let (fake, site) = site("right").await;
    let command = Command::new("stranger").stdin("only mine\n").deadline(Duration::from_millis(500));
    let why = unknown(site.run(&command).await);
    assert!(why.contains("password for ops"), "{why}");
    let (read, sudo_read) = (fake.seen.read.lock().unwrap(), fake.seen.sudo_read.lock().unwrap());
    assert_eq!((read.as_str(), sudo_read.as_str()), ("", "right\n"), "sudo had it once, for the trial");
}

#[tokio::test]
async fn a_refused_password_is_given_once() {
    let (fake, site) = site("wrong").await;
    let refused = site.run(&Command::new("asked").stdin("only mine\n")).await;
    assert!(
        matches!(&refused, Err(RemoteError::Denied { why }) if why.contains("refuses the password")),
        "{refused:?}"
    );
    assert_eq!(*fake.seen.sudo_read.lock().unwrap(), "wrong\n");
    assert_eq!(*fake.seen.read.lock().unwrap(), "");
    assert_eq!(fake.seen.commands.load(Ordering::SeqCst), 2, "two trials, and no command");
}

/// A person who types these, one after the other.
struct Types(std::sync::Mutex<Vec<&'static str>>);

impl crate::run::ports::Prompt for Types {
    fn attended(&self) -> bool {
        true
    }

    fn line(&self, _: &str) -> std::io::Result<String> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn secret(&self, _: &str) -> std::io::Result<zeroize::Zeroizing<String>> {
        Ok(self.0.lock().unwrap().remove(0).to_owned().into())
    }
}

#[tokio::test]
async fn every_password_that_was_typed_is_a_secret_also_a_refused_one() {
    let fake = Fake::start(10).await;
    let prompt = std::sync::Arc::new(Types(vec!["wrong-canary-1", "right"].into()));
    let site = Site::typed(fake.port, &fake.line(&fake.key), prompt);
    assert_eq!(site.unlocked.secrets(), Vec::<String>::new());
    assert!(site.run(&Command::new("asked").stdin("x\n")).await.unwrap().ok());
    assert_eq!(site.unlocked.secrets(), ["wrong-canary-1", "right"]);
}
