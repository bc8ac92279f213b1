//! One open connection to a host. Does not know how it was opened or what is sent over it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use russh::client::{DisconnectReason, Handle, Handler, Msg};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelOpenFailure, Disconnect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::known_hosts::Known;
use crate::model::command::clean;

/// sshd allows ten sessions per connection unless told otherwise; two are left for what it has not tidied up yet.
/// Where it allows fewer, the first refusals tell.
const SESSIONS: usize = 8;

/// The longest that a host is given at once to tidy up after a session that has ended.
const TIDIED_UP: Duration = Duration::from_millis(700);

/// Why a connection was not made or did not last.
#[derive(Debug)]
pub(super) enum Fault {
    /// The host is not who it should be.
    HostKey(String),
    /// All else.
    Ssh(russh::Error),
}

impl From<russh::Error> for Fault {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

/// How a connection ended, once it has.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended(Arc<OnceLock<(bool, String)>>);

impl Ended {
    /// In words.
    pub(super) fn reason(&self) -> &str {
        self.0.get().map_or("the connection was cut", |(_, reason)| reason)
    }

    /// Whether the host said goodbye.
    pub(super) fn by_host(&self) -> bool {
        self.0.get().is_some_and(|(by_host, _)| *by_host)
    }
}

/// Watches a connection: who is at its other end, and how it ends.
pub(super) struct Watch {
    pub(super) known: Known,
    pub(super) ended: Ended,
}

impl Handler for Watch {
    type Error = Fault;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Fault> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.known.judge(shown, now).map(|()| true).map_err(|distrust| Fault::HostKey(distrust.to_string()))
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Fault>) -> Result<(), Fault> {
        let (by_host, text) = match &reason {
            DisconnectReason::ReceivedDisconnect(goodbye) => {
                (true, format!("the host said: {}", clean(&goodbye.message)))
            }
            DisconnectReason::Error(Fault::HostKey(why)) => (false, why.clone()),
            DisconnectReason::Error(Fault::Ssh(error)) => (false, format!("the connection was cut ({error})")),
        };
        let _ = self.ended.0.set((by_host, text));
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(fault) => Err(fault),
        }
    }
}

/// An open, logged-in connection.
pub(super) struct Connection {
    pub(super) handle: Handle<Watch>,
    pub(super) ended: Ended,
    sessions: Arc<Semaphore>,
    /// How many sessions at once the host is thought to allow.
    allowed: AtomicUsize,
    retired: AtomicBool,
    /// The connection this one runs through.
    _through: Option<Arc<Connection>>,
}

/// A session on a connection, its place among the [`SESSIONS`] and its channel.
pub(super) struct Session {
    pub(super) connection: Arc<Connection>,
    pub(super) channel: Channel<Msg>,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl Connection {
    pub(super) fn new(handle: Handle<Watch>, ended: Ended, through: Option<Arc<Connection>>) -> Self {
        let sessions = Arc::new(Semaphore::new(SESSIONS));
        let (allowed, retired) = (AtomicUsize::new(SESSIONS), AtomicBool::new(false));
        Self { handle, ended, sessions, allowed, retired, _through: through }
    }

    /// Whether new sessions may be opened on it.
    pub(super) fn is_good(&self) -> bool {
        !self.retired.load(Ordering::Relaxed) && !self.handle.is_closed()
    }

    /// Opens no more sessions on it. Those that are open go on; it is closed when the last has ended.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Opens a session. Nothing is run by that.
    ///
    /// # Errors
    /// What came back, in words.
    pub(super) async fn session(self: &Arc<Self>, limit: Duration) -> Result<Session, String> {
        let mut pause = Duration::from_millis(5);
        loop {
            let permit = Arc::clone(&self.sessions).acquire_owned().await;
            let permit = permit.map_err(|_| "the host refuses further sessions".to_owned())?;
            match timeout(limit, self.handle.channel_open_session()).await {
                Ok(Ok(channel)) => return Ok(Session { connection: Arc::clone(self), channel, _permit: permit }),
                Ok(Err(russh::Error::ChannelOpenFailure(refusal))) => {
                    // One place less than we thought; whoever has one of the others will leave it.
                    let last = self.allowed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |allowed| {
                        (allowed > 1).then(|| allowed - 1)
                    });
                    if last.is_ok() {
                        permit.forget();
                        continue;
                    }
                    // The last place is ours, and sshd may not have tidied up yet after whoever had it before.
                    if pause > TIDIED_UP {
                        return Err(refused(refusal));
                    }
                    sleep(pause).await;
                    pause *= 2;
                }
                Ok(Err(_)) => return Err(self.ended.reason().to_owned()),
                Err(_) => return Err(format!("no session was opened within {limit:?}")),
            }
        }
    }

    /// Says goodbye.
    pub(super) async fn close(&self) {
        let goodbye = self.handle.disconnect(Disconnect::ByApplication, "", "en");
        let _ = timeout(Duration::from_millis(200), goodbye).await;
    }
}

fn refused(refusal: ChannelOpenFailure) -> String {
    format!("the host refuses a session ({refusal:?}); see MaxSessions in its sshd_config")
}
