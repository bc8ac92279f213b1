//! An SSH server inside the test, which simulates its commands. Knows nothing about the code under test.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, ChannelMsg, ChannelOpenFailure, Sig};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::sudo;
use crate::model::digest::hex;

/// What the server has seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) connections: AtomicUsize,
    pub(super) commands: AtomicUsize,
    pub(super) most_sessions: AtomicUsize,
    pub(super) sent: AtomicUsize,
    /// What commands were given that sudo ran, and what sudo was given.
    pub(super) read: Mutex<String>,
    pub(super) sudo_read: Mutex<String>,
}

/// The server.
pub(super) struct Fake {
    pub(super) port: u16,
    pub(super) key: PrivateKey,
    pub(super) seen: Arc<Seen>,
}

pub(super) fn key() -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap()
}

pub(super) fn text(key: &PrivateKey) -> String {
    PublicKey::new(key.public_key().key_data().clone(), "").to_openssh().unwrap()
}

impl Fake {
    /// Listens; refuses a session beyond `sessions` on one connection, as sshd does.
    pub(super) async fn start(sessions: usize) -> Self {
        let key = key();
        let config = Arc::new(Config {
            keys: vec![key.clone()],
            auth_rejection_time: Duration::ZERO,
            nodelay: true,
            ..Config::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let seen = Arc::clone(&shared);
                let connection = Connection { seen, allowed: sessions, open: Arc::default(), channels: HashMap::new() };
                let config = Arc::clone(&config);
                tokio::spawn(async move {
                    if let Ok(session) = run_stream(config, stream, connection).await {
                        let _ = session.await;
                    }
                });
            }
        });
        Self { port, key, seen }
    }

    /// Its line in known_hosts.
    pub(super) fn line(&self, key: &PrivateKey) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, text(key))
    }

    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

pub(super) fn write_key(path: &Path, key: &PrivateKey) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, key.to_openssh(Default::default()).unwrap()).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

struct Connection {
    seen: Arc<Seen>,
    allowed: usize,
    open: Arc<AtomicUsize>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(if user == "root" { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.open.load(Ordering::SeqCst) == self.allowed {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        }
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.seen.most_sessions.fetch_max(open, Ordering::SeqCst);
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        self.seen.commands.fetch_add(1, Ordering::SeqCst);
        let words = shlex::split(std::str::from_utf8(line)?).unwrap();
        let by_sudo = words.iter().position(|word| word == "sudo");
        if let Some(at) = by_sudo {
            let mut channel = self.channels.remove(&id).unwrap();
            session.channel_success(id)?;
            let (seen, open) = (Arc::clone(&self.seen), Arc::clone(&self.open));
            tokio::spawn(async move {
                let status = sudo::play(&words[at..], &mut channel, &seen).await;
                open.fetch_sub(1, Ordering::SeqCst);
                end(&channel, status).await;
            });
            return Ok(());
        }
        assert_eq!(
            (&words[..2], &words[3..7]),
            (&["/bin/sh".to_owned(), "-c".to_owned()][..], &["sh", "timeout", "-k", "2"].map(str::to_owned)[..])
        );
        let mut channel = self.channels.remove(&id).unwrap();
        let (mark, words) = framed(&words);
        match words[0].as_str() {
            "cut" => return Err(russh::Error::Disconnect),
            "refuse" => return session.channel_failure(id),
            _ => session.channel_success(id)?,
        }
        let (handle, seen, open) = (session.handle(), Arc::clone(&self.seen), Arc::clone(&self.open));
        tokio::spawn(async move {
            around(&words, &channel, "Welcome to m1").await;
            if words[0] != "never" {
                both(&channel, &format!("<begun {mark}>")).await;
            }
            let status = play(&words, &mut channel, handle, seen).await;
            if let Some(status) = status.filter(|_| !matches!(words[0].as_str(), "never" | "short")) {
                both(&channel, &format!("<ended {mark} {status}>")).await;
            }
            around(&words, &channel, "Bye").await;
            open.fetch_sub(1, Ordering::SeqCst);
            if let Some(status) = status {
                // What a shell's file makes of the status is not the command's.
                let other = matches!(words[0].as_str(), "noisy" | "never");
                end(&channel, if other { 42 } else { status }).await;
            }
        });
        Ok(())
    }
}

/// The mark in a line, and the command's words.
pub(super) fn framed(line: &[String]) -> (String, Vec<String>) {
    let text = line.last().unwrap();
    let mut parts = text.split("\\0");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain.push(char::from(u8::from_str_radix(&part[..3], 8).unwrap()));
        plain.push_str(&part[3..]);
    }
    let mark = plain.strip_prefix("m=").unwrap().split(';').next().unwrap().to_owned();
    let words = plain.split(">&2; ").nth(1).unwrap().rsplit_once("; s=$?").unwrap().0;
    (mark, shlex::split(words).unwrap())
}

async fn both(channel: &Channel<Msg>, text: &str) {
    // In two pieces, as a network may. The other side may have gone.
    for piece in text.as_bytes().chunks(20) {
        let _ = channel.data_bytes(piece.to_vec()).await;
        let _ = channel.extended_data_bytes(1, piece.to_vec()).await;
    }
}

/// What the files of a login shell say around a command.
async fn around(words: &[String], channel: &Channel<Msg>, text: &str) {
    if matches!(words[0].as_str(), "noisy" | "never" | "short") {
        both(channel, text).await;
    }
}

/// Plays it; the exit status, or `None` when it ended otherwise.
async fn play(words: &[String], channel: &mut Channel<Msg>, handle: Handle, seen: Arc<Seen>) -> Option<u32> {
    let number = words.get(1).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    match words[0].as_str() {
        "never" => {}
        "exit" | "noisy" | "short" => {
            channel.data_bytes("out").await.unwrap();
            channel.extended_data_bytes(1, "err").await.unwrap();
            return number.try_into().ok();
        }
        "hash" => {
            let mut hash = Sha256::new();
            while let Some(message) = channel.wait().await {
                match message {
                    ChannelMsg::Data { data } => hash.update(&data),
                    ChannelMsg::Eof => break,
                    _ => {}
                }
            }
            channel.data_bytes(hex(&hash.finalize())).await.unwrap();
        }
        "flood" => {
            let chunk = bytes::Bytes::from(vec![b'x'; 1 << 20]);
            for _ in 0..number {
                channel.data_bytes(chunk.clone()).await.unwrap();
                channel.extended_data_bytes(1, "e").await.unwrap();
                seen.sent.fetch_add(1 << 20, Ordering::SeqCst);
            }
        }
        "sleep" => tokio::time::sleep(Duration::from_millis(number)).await,
        "killed" => {
            let id = channel.id();
            handle.exit_signal_request(id, Sig::KILL, false, String::new(), String::new()).await.unwrap();
            channel.close().await.unwrap();
            return None;
        }
        "no-status" => {
            channel.eof().await.unwrap();
            channel.close().await.unwrap();
            return None;
        }
        "half" => {
            channel.data_bytes("half of it").await.unwrap();
            channel.exit_status(0).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            handle.disconnect(russh::Disconnect::ByApplication, "rebooting".into(), "en".into()).await.unwrap();
            return None;
        }
        other => panic!("no such play: {other}"),
    }
    Some(0)
}

async fn end(channel: &Channel<Msg>, status: u32) {
    // The other side may have gone.
    let _ = channel.exit_status(status).await;
    let _ = channel.eof().await;
    let _ = channel.close().await;
}
