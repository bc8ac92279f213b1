//! The ports through which a run reaches the world: remote commands, the bastion's disk, the clock, the person. Knows
//! what is asked of the world, not how it is done; `world` does it for real, `sim` in memory.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::model::{Command, MasterName, Output};

/// An answer that takes time.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a command's streams go. Both absent: the command's own `stdin` in, output collected (and capped).
#[derive(Debug, Default)]
pub struct Pipes {
    /// Chunks for standard input; its end is the stream's end. Takes the place of `Command::stdin`.
    pub stdin: Option<mpsc::Receiver<Bytes>>,
    /// Receives standard output as it comes; `Output::stdout` stays empty then.
    pub stdout: Option<mpsc::Sender<Bytes>>,
}

/// Why a command has no exit status. `Unreachable`, `HostKey` and `Denied` promise that nothing was run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// No connection came about.
    #[error("no SSH connection: {why}")]
    Unreachable {
        /// What was tried and what came back.
        why: String,
    },
    /// The host key is unknown, changed or revoked. The text says which, where, and what to do.
    #[error("{why}")]
    HostKey {
        /// Fingerprints, file and line.
        why: String,
    },
    /// The login or the step to root was refused.
    #[error("{why}")]
    Denied {
        /// Which, and what was tried.
        why: String,
    },
    /// The command was sent and no exit status came back: it may have run, run in part, or still be running.
    #[error("the outcome is unknown: {why}")]
    OutcomeUnknown {
        /// What ended the conversation.
        why: String,
    },
}

/// Runs commands on masters. The one verb.
pub trait Remote: Send + Sync {
    /// Runs `command` on `host`, to its exit status or its deadline.
    ///
    /// # Errors
    /// [`RemoteError`] says whether anything can have been run.
    fn run<'a>(
        &'a self,
        host: &'a MasterName,
        command: &'a Command,
        pipes: Pipes,
    ) -> Later<'a, Result<Output, RemoteError>>;

    /// What rounds of independent questions are put to `host` through. A port that can asks all of them over one session: a
    /// host may allow no more at once, and each begins with a login shell. Nothing is asked yet.
    fn questions<'a>(&'a self, host: &'a MasterName) -> Box<dyn Questions + 'a>;

    /// A person says that these hosts are off. A kernel that lives answers the first packet at once, or the one that is sent
    /// again after a second: longer than that nobody waits for it. Whoever does answer is then given as long as any other.
    fn said_to_be_off(&self, _hosts: &BTreeSet<MasterName>) {}
}

/// Takes each answer of a round as it comes, with its question's place in the round.
pub type Heard<'a> = &'a mut (dyn FnMut(usize, Result<Output, RemoteError>) + Send);

/// Rounds of questions to one host. Drop it when no more will come.
pub trait Questions: Send {
    /// Puts a round: all of it at once. Whose answer is wanted early stands first.
    fn ask<'a>(&'a mut self, round: &'a [Command], heard: Heard<'a>) -> Later<'a, ()>;
}

/// Each question by itself: for a port that knows no better.
pub struct OneByOne<'a> {
    remote: &'a dyn Remote,
    host: &'a MasterName,
}

impl<'a> OneByOne<'a> {
    /// Through `remote`.
    pub fn new(remote: &'a dyn Remote, host: &'a MasterName) -> Box<Self> {
        Box::new(Self { remote, host })
    }
}

impl Questions for OneByOne<'_> {
    fn ask<'a>(&'a mut self, round: &'a [Command], heard: Heard<'a>) -> Later<'a, ()> {
        let asked = round.iter().map(|one| self.remote.run(self.host, one, Pipes::default())).collect();
        Box::pin(side_by_side(asked, heard))
    }
}

/// Waits for all of them, which run at once, and tells each as it ends.
pub(crate) async fn side_by_side(mut waiting: Vec<Later<'_, Result<Output, RemoteError>>>, heard: Heard<'_>) {
    let mut left: Vec<usize> = (0..waiting.len()).collect();
    std::future::poll_fn(move |context| {
        left.retain(|place| match waiting[*place].as_mut().poll(context) {
            Poll::Ready(answer) => {
                heard(*place, answer);
                false
            }
            Poll::Pending => true,
        });
        if left.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Keeps a run's files on the bastion, each created with its final mode.
pub trait Store: Send + Sync {
    /// Appends a line to the journal; on return it is on disk.
    ///
    /// # Errors
    /// When it could not be put on disk: the run must stop before its next act.
    fn append(&self, line: &str) -> std::io::Result<()>;

    /// Creates the run's file `name` with the ending `.part` (mode 0600, must not exist) and writes what comes, to disk.
    ///
    /// # Errors
    /// When it could not be put on disk whole.
    fn keep<'a>(&'a self, name: &'a str, chunks: mpsc::Receiver<Bytes>) -> Later<'a, std::io::Result<PathBuf>>;

    /// Gives a kept file its name, once what came is known to be right.
    ///
    /// # Errors
    /// When the disk refuses.
    fn settle(&self, kept: &Path, name: &str) -> std::io::Result<PathBuf>;

    /// Reads a file of the bastion, chunk by chunk.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    fn read<'a>(&'a self, path: &'a str, chunks: mpsc::Sender<Bytes>) -> Later<'a, std::io::Result<()>>;

    /// The directory of the run.
    fn place(&self) -> PathBuf;
}

/// Tells the time. Waiting is tokio's, so that a paused clock can pass it.
pub trait Clock: Send + Sync {
    /// The wall clock, for records. Durations are measured on the monotonic clock.
    fn now(&self) -> Timestamp;
}

/// Asks the person, where there is one.
pub trait Prompt: Send + Sync {
    /// Whether a person can answer.
    fn attended(&self) -> bool;

    /// Asks for a line of text.
    ///
    /// # Errors
    /// When nobody can answer.
    fn line(&self, question: &str) -> std::io::Result<String>;

    /// Asks for a secret, not echoed.
    ///
    /// # Errors
    /// When nobody can answer.
    fn secret(&self, question: &str) -> std::io::Result<zeroize::Zeroizing<String>>;
}

/// What a run tells while it goes on; one stream feeds every renderer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A stage begins: its title and how many stages there are.
    Stage {
        /// 1-based place.
        number: usize,
        /// How many there are.
        of: usize,
        /// The playbook's line, in words.
        title: String,
    },
    /// A step begins on a master.
    Begun { host: MasterName, title: String },
    /// A step waits for something, with its limit.
    Waiting {
        host: MasterName,
        /// For what, and what was last seen.
        what: String,
        waited: Duration,
        /// When it gives up.
        limit: Duration,
    },
    /// A step moves data: how much has come, how fast, how long the rest takes.
    Moving {
        host: MasterName,
        what: String,
        /// Since its beginning.
        took: Duration,
    },
    /// A command on a master ended: what it was, and how it ended. For those who want to see each.
    Ran { host: MasterName, what: String, took: Duration },
    /// A step ended well.
    Done {
        host: MasterName,
        /// What it did or found.
        note: String,
        /// How long it took.
        took: Duration,
    },
    /// A step ended badly.
    Failed { host: MasterName, why: String },
    /// Something the operator should know; the run goes on.
    Warning { text: String },
    /// A plain line of talk.
    Said { text: String },
}

/// Shows what happens. Never fails a run.
pub trait Console: Send + Sync {
    /// Takes one event.
    fn tell(&self, event: Event);

    /// Writes a result: to standard output, as it is.
    fn print(&self, text: &str);

    /// Writes a line beside the results: to standard error.
    fn say(&self, text: &str);

    /// Whether what is written to standard error may be coloured.
    fn coloured(&self) -> bool;

    /// How many columns a result may be wide, where it is shown on a terminal.
    fn width(&self) -> Option<usize>;

    /// A screen that is drawn over and over, where results are shown on a terminal that can do that.
    fn screen(&self) -> Option<Box<dyn Screen>>;
}

/// A console at which nobody sits.
#[cfg(test)]
pub(crate) struct Quiet;

#[cfg(test)]
impl Console for Quiet {
    fn tell(&self, _: Event) {}
    fn print(&self, _: &str) {}
    fn say(&self, _: &str) {}
    fn coloured(&self) -> bool {
        false
    }
    fn width(&self) -> Option<usize> {
        None
    }
    fn screen(&self) -> Option<Box<dyn Screen>> {
        None
    }
}

/// A terminal's screen. Drop it to leave it.
pub trait Screen: Send + Sync {
    /// Draws over what stands there.
    fn draw(&self, text: &str);
}
