//! Rounds of questions to one host over one session: a shell there reads them and stays until no more will come. Does not
//! know what is asked.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::frame::Frame;
use super::handover::Handover;
use super::quote;
use super::round::Round;
use super::still::Still;
use super::sudo::Root;
use super::talk::{self, Answer, Talk};
use super::{Bastion, Host, Ssh, rise};
use crate::model::command::ANSWER_DEADLINE;
use crate::model::{Become, Command, MasterName};
use crate::run::ports::{Heard, Later, Pipes, Questions, Remote, RemoteError, side_by_side};

/// The longest that the shell stays. A look takes seconds; whoever asks for longer gets another shell.
const STAYS: Duration = Duration::from_mins(5);

/// Questions to one host.
pub(super) struct Asking<'a> {
    ssh: &'a Ssh,
    host: &'a MasterName,
    shell: Option<Shell>,
}

/// A shell on the host that reads what it is to run.
struct Shell {
    root: bool,
    say: mpsc::Sender<Bytes>,
    hear: mpsc::Receiver<Bytes>,
    end: JoinHandle<Result<Answer, RemoteError>>,
}

impl<'a> Asking<'a> {
    /// Opens nothing yet.
    pub(super) fn new(ssh: &'a Ssh, host: &'a MasterName) -> Self {
        Self { ssh, host, shell: None }
    }

    /// Puts a round, and gives the places of those that have to be asked by themselves: what hangs there holds them up, or
    /// the shell has ended.
    ///
    /// # Errors
    /// Why nothing was asked.
    async fn put(&mut self, host: &Host, mut round: Round<'_>, heard: Heard<'_>) -> Result<Vec<usize>, RemoteError> {
        let (text, deadline) = (round.text()?, round.deadline());
        // Whoever waits for a place has not begun to connect.
        let _place = self.ssh.bastion.asked.acquire().await.map_err(|error| host.target.unreachable(error))?;
        let mut shell = match self.shell.take().filter(|shell| shell.root == round.root()) {
            Some(shell) => shell,
            None => host.shell(&self.ssh.bastion, round.root()).await?,
        };
        let (mut left, all) = (Vec::new(), round.len());
        let answers = async {
            // Where nobody takes it, nothing comes either.
            let _ = shell.say.send(text.into()).await;
            while !round.over() {
                let Some(data) = shell.hear.recv().await else { return false };
                for (place, answer) in round.hear(data) {
                    match answer {
                        Some(answer) => heard(place, answer),
                        None => left.push(place),
                    }
                }
            }
            true
        };
        match timeout(deadline, answers).await {
            Ok(true) => self.shell = Some(shell),
            Ok(false) if round.answered() == 0 => {
                if let Ok(end) = shell.end.await {
                    host.not_begun(end)?;
                }
            }
            Ok(false) => {}
            // Its session counts until what hangs there ends.
            Err(_) => shell.end.abort(),
        }
        left.extend(round.answered()..all);
        Ok(left)
    }
}

impl Questions for Asking<'_> {
    fn ask<'a>(&'a mut self, questions: &'a [Command], heard: Heard<'a>) -> Later<'a, ()> {
        Box::pin(async move {
            let left = match (self.ssh.hosts.get(self.host), Round::of(questions)) {
                (Some(host), Some(round)) => match self.put(host, round, &mut *heard).await {
                    Ok(left) => left,
                    Err(error) => return (0..questions.len()).for_each(|place| heard(place, Err(error.clone()))),
                },
                _ => (0..questions.len()).collect(),
            };
            let alone = left.iter().map(|place| self.ssh.run(self.host, &questions[*place], Pipes::default()));
            side_by_side(alone.collect(), &mut |place, answer| heard(left[place], answer)).await;
        })
    }
}

impl Host {
    /// A shell that waits for what to run. The first on a host shows at once whether sudo wants a password there.
    async fn shell(&self, bastion: &Bastion, root: bool) -> Result<Shell, RemoteError> {
        if !root || self.elevate == Become::None {
            return self.shell_by(bastion, root, None).await;
        }
        let mut opened = None;
        let find_out = async {
            match self.shell_by(bastion, root, Some(None)).await?.begun().await {
                Some(shell) => {
                    opened = Some(shell);
                    Ok(Root::Free)
                }
                None => self.way_to_root(bastion).await,
            }
        };
        let found = self.root.get(|_| true, find_out).await?;
        match opened {
            Some(shell) => Ok(shell),
            None => self.shell_by(bastion, root, Some(found.way()?)).await,
        }
    }

    async fn shell_by(
        &self,
        bastion: &Bastion,
        root: bool,
        handover: Option<Option<Handover>>,
    ) -> Result<Shell, RemoteError> {
        let frame = Frame::new();
        let line = quote::line(&["sh"], STAYS, rise(&handover), &frame)
            .map_err(|why| RemoteError::Denied { why: why.to_string() })?;
        let ((say, stdin), (stdout, hear)) = (mpsc::channel(1), mpsc::channel(16));
        let pipes = Pipes { stdin: Some(stdin), stdout: Some(stdout) };
        let still = Still::of(STAYS, false);
        let talk = Talk { line, frame, still, handover: handover.flatten(), stdin: None, pipes };
        let session = self.session(bastion).await?;
        Ok(Shell { root, say, hear, end: tokio::spawn(talk::hold(session, talk)) })
    }

    /// The error of a shell that has ended before it took anything.
    fn not_begun(&self, end: Result<Answer, RemoteError>) -> Result<(), RemoteError> {
        match end {
            Err(RemoteError::OutcomeUnknown { .. }) => Ok(()),
            other => other.and_then(|answer| self.ran(answer)).map(drop),
        }
    }
}

impl Shell {
    /// Itself, once it has answered; nothing where it does not.
    async fn begun(mut self) -> Option<Self> {
        let answer = async {
            self.say.send(Bytes::from_static(b"echo\n")).await.ok()?;
            self.hear.recv().await
        };
        match timeout(ANSWER_DEADLINE, answer).await {
            Ok(Some(_)) => Some(self),
            Ok(None) => None,
            Err(_) => {
                self.end.abort();
                None
            }
        }
    }
}
