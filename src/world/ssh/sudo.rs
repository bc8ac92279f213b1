//! Becoming root: whether sudo asks for a password on a host, and the one password for all hosts. Knows nothing about
//! SSH.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::ask;
use super::frame::Frame;
use super::handover::Handover;
use super::quote::{Rise, line};
use crate::model::{Output, command::ANSWER_DEADLINE};
use crate::run::ports::{Prompt, RemoteError};

/// How often the person may mistype. Directory services lock accounts after a few more.
const TRIES: usize = 3;

pub(super) type Secret = Arc<Zeroizing<String>>;

/// How commands become root on one host, found out once.
#[derive(Clone)]
pub(super) enum Root {
    /// sudo asks for nothing.
    Free,
    /// sudo wants this.
    Password(Secret),
    /// sudo refuses the password, and is not asked again: accounts are locked after a few refusals.
    Barred(String),
}

impl Root {
    /// What hands the password over on one channel, where sudo wants one.
    ///
    /// # Errors
    /// `Denied` when there is no way to root.
    pub(super) fn way(&self) -> Result<Option<Handover>, RemoteError> {
        match self {
            Self::Free => Ok(None),
            Self::Password(secret) => Ok(Some(Handover::new(Arc::clone(secret)))),
            Self::Barred(why) => Err(RemoteError::Denied { why: why.clone() }),
        }
    }
}

/// A line that tries sudo, and the marks in it.
pub(super) struct Trial {
    pub(super) line: String,
    pub(super) frame: Frame,
}

/// Runs a line on the host in question, with a password for where sudo asks.
pub(super) trait Shell: Sync {
    /// To its exit status or the deadline.
    fn run(
        &self,
        line: Trial,
        handover: Option<Handover>,
        deadline: Duration,
    ) -> impl Future<Output = Result<Output, RemoteError>> + Send;
}

/// The password for all hosts. It is proven on one host before any other sees it, so that a mistyped one does not
/// count as many refusals in a directory service.
pub(super) struct Password {
    prompt: Arc<dyn Prompt>,
    supplied: Option<Secret>,
    /// The password, or why there will be none. Held while it is asked for and proven.
    settled: Mutex<Option<Result<Secret, String>>>,
    /// Every password that was typed, also those that were refused: they are somebody's too.
    typed: std::sync::Mutex<Vec<Secret>>,
}

impl Password {
    pub(super) fn new(prompt: Arc<dyn Prompt>, supplied: Option<Zeroizing<String>>) -> Self {
        Self { prompt, supplied: supplied.map(Arc::new), settled: Mutex::default(), typed: std::sync::Mutex::default() }
    }

    /// Every password that was supplied or typed by now.
    pub(super) fn all(&self) -> Vec<Secret> {
        let typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        self.supplied.iter().chain(typed.iter()).map(Arc::clone).collect()
    }

    /// Finds out how to become root for `who` (`user@place`).
    ///
    /// # Errors
    /// `Denied` when sudo is not usable or nobody can type a password, `Unreachable` when there was no answer. Nothing
    /// of a plan was run.
    pub(super) async fn root(&self, who: &str, shell: &impl Shell) -> Result<Root, RemoteError> {
        let probe = attempt(shell, None).await?;
        if probe.ok() {
            return Ok(Root::Free);
        }
        // Says sudo: "a password is required"; says sudo-rs: "interactive authentication is required".
        if !["password", "authentication"].iter().any(|word| probe.stderr.contains(word)) {
            return Err(RemoteError::Denied {
                why: format!("{who} cannot become root by sudo: {}", probe.complaint()),
            });
        }
        let mut settled = self.settled.lock().await;
        let secret = match settled.clone() {
            Some(secret) => secret,
            None => {
                let proven = self.prove(who, shell).await?;
                *settled = Some(proven.clone());
                return Ok(proven.map_or_else(Root::Barred, Root::Password));
            }
        };
        drop(settled);
        Ok(match secret {
            Err(why) => Root::Barred(why),
            Ok(secret) => match refusal(&secret, shell).await? {
                None => Root::Password(secret),
                Some(said) => {
                    Root::Barred(format!("sudo on {who} refuses the password that another host has accepted: {said}"))
                }
            },
        })
    }

    /// A password that this host takes, or why there is none.
    async fn prove(&self, who: &str, shell: &impl Shell) -> Result<Result<Secret, String>, RemoteError> {
        let wrong = |said: String| format!("sudo on {who} refuses the password: {said}; it is not tried anywhere else");
        if let Some(secret) = &self.supplied {
            let refused = refusal(secret, shell).await?;
            return Ok(refused.map_or_else(|| Ok(Arc::clone(secret)), |said| Err(wrong(said))));
        }
        if !self.prompt.attended() {
            return Err(RemoteError::Denied {
                why: format!(
                    "sudo on {who} wants a password and there is no terminal to type it at; next: run it at a terminal, \
                     set REQUORUM_SUDO_PASSWORD, or allow NOPASSWD for this user in sudoers"
                ),
            });
        }
        let mut question = format!("sudo password for {who} (used on all masters): ");
        let mut said = String::new();
        for _ in 0..TRIES {
            let secret = match ask(&self.prompt, question).await {
                Ok(secret) => Arc::new(secret),
                Err(error) => return Ok(Err(format!("sudo on {who} wants a password and got none: {error}"))),
            };
            self.typed.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&secret));
            match refusal(&secret, shell).await? {
                None => return Ok(Ok(secret)),
                Some(refused) => said = refused,
            }
            question = format!("sudo refused that password. sudo password for {who}: ");
        }
        Ok(Err(wrong(said)))
    }
}

/// What sudo says against the password, `None` when it takes it. The command is `true`: a failure is sudo's.
async fn refusal(secret: &Secret, shell: &impl Shell) -> Result<Option<String>, RemoteError> {
    let answer = attempt(shell, Some(Handover::new(Arc::clone(secret)))).await?;
    Ok((!answer.ok()).then(|| answer.complaint()))
}

/// Tries sudo with the same first words as real commands have, since sudoers decides by those.
async fn attempt(shell: &impl Shell, handover: Option<Handover>) -> Result<Output, RemoteError> {
    let rise = handover.as_ref().map_or(Rise::Sudo, Rise::SudoWithPassword);
    let denied = |error: shlex::QuoteError| RemoteError::Denied { why: error.to_string() };
    let frame = Frame::new();
    let plain = line(&["true"], ANSWER_DEADLINE, rise, &frame).map_err(denied)?;
    let answer = shell.run(Trial { line: plain, frame }, handover, ANSWER_DEADLINE).await;
    answer.map_err(|error| match error {
        // `true` changes nothing, so whatever became of it, nothing was run.
        RemoteError::OutcomeUnknown { why } => RemoteError::Unreachable { why: format!("trying sudo: {why}") },
        other => other,
    })
}
