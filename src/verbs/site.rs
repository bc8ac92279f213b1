//! All that a verb is given of the world: the bastion with its files and connections, the clock, the person. Knows what
//! is asked of them, not how it is done; `world` does it for real, `sim` in memory.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch::Receiver;

use crate::model::digest::sha256;
use crate::model::ssh_config::SshFiles;
use crate::model::{Cluster, ClusterName, RunId, Token};
use crate::observe::StateDirectory;
use crate::observe::known_before::{KnownBefore, LastLook};
use crate::plan::SnapshotFile;
use crate::report::doctor::bastion::Check;
use crate::run::ports::{Clock, Console, Later, Prompt, Remote, Store};
use crate::run::session::Operator;

/// The world of a verb.
#[derive(Clone)]
pub struct Site {
    /// The host we run on.
    pub bastion: Arc<dyn Bastion>,
    pub clock: Arc<dyn Clock>,
    /// What the person sees.
    pub console: Arc<dyn Console>,
    /// The person, where one is asked.
    pub prompt: Arc<dyn Prompt>,
    /// Turns true when the person interrupts.
    pub interrupted: Receiver<bool>,
    /// Whether something may be half done.
    pub acting: Acting,
    /// Who operates, for records.
    pub operator: Operator,
}

/// The host we run on: its connections to masters, its files, its commands, its random numbers.
pub trait Bastion: Send + Sync {
    /// Commands on this cluster's masters.
    fn remote(&self, cluster: &Cluster) -> Arc<dyn Remote>;

    /// How long a connection is tried.
    fn connect_limit(&self) -> Duration;

    /// What the person typed or the environment brought that must be shown nowhere.
    fn secrets(&self) -> Vec<String>;

    /// A name for a run: sorts by time and never collides on one bastion.
    ///
    /// # Errors
    /// Where the clock tells no time that a name can have.
    fn run_id(&self, now: Timestamp) -> io::Result<RunId>;

    /// A token that no cluster had before.
    fn token(&self) -> Token;

    /// The directory in which runs are kept.
    fn state(&self) -> PathBuf;

    /// Makes a run's directory, with an empty journal.
    ///
    /// # Errors
    /// When the disk refuses, or it is there already.
    fn create_run(&self, run: &RunId) -> io::Result<Arc<dyn Store>>;

    /// Every run that is kept here, oldest first; also those whose journal cannot be read.
    ///
    /// # Errors
    /// When it cannot be told which there are.
    fn runs(&self) -> io::Result<Vec<StoredRun>>;

    /// Whether a process still writes that run's journal; nothing where that is not known, as of a run that was begun on
    /// another host and whose journal tells no end.
    fn lives(&self, run: &RunId) -> Option<bool>;

    /// What earlier looks and runs have left about a cluster.
    fn known_before(&self, cluster: &ClusterName) -> KnownBefore;

    /// Keeps a look in the place of the one before.
    ///
    /// # Errors
    /// When the disk refuses.
    fn keep_look(&self, look: &LastLook) -> io::Result<()>;

    /// How the state directory is.
    ///
    /// # Errors
    /// When the disk does not answer.
    fn state_directory(&self) -> io::Result<StateDirectory>;

    /// A result of the doctor that was kept.
    fn diagnosis(&self, cluster: &ClusterName, which: Diagnosed) -> Option<String>;

    /// Keeps a result of the doctor in the place of the one before.
    ///
    /// # Errors
    /// When the disk refuses.
    fn keep_diagnosis(&self, cluster: &ClusterName, which: Diagnosed, text: &str) -> io::Result<()>;

    /// Reads a snapshot file: its hashes, and which of these member IDs occur in it.
    ///
    /// # Errors
    /// When it cannot be read.
    fn snapshot(&self, path: &Path, ids: &BTreeSet<String>) -> io::Result<SnapshotFile>;

    /// Whether there is something at a path.
    fn is_there(&self, path: &Path) -> bool;

    /// Reads an input file.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file, is too large, or is not UTF-8.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// What lies in a folder, by name.
    ///
    /// # Errors
    /// When it cannot be read.
    fn names_in(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Reads a program that is to run on masters.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file, is too large, or others may write it.
    fn program(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Writes a file that must not exist and that nobody else may read.
    ///
    /// # Errors
    /// When it exists or the disk refuses.
    fn write_private(&self, path: &Path, text: &str) -> io::Result<()>;

    /// Writes a file that others read while it is written.
    ///
    /// # Errors
    /// When the disk refuses; the old file is there still.
    fn replace(&self, path: &Path, text: &str) -> io::Result<()>;

    /// Whether [`Bastion::replace`] would find a place for that file.
    ///
    /// # Errors
    /// When it would not.
    fn replaceable(&self, path: &Path) -> io::Result<()>;

    /// The files of this host's OpenSSH configuration, as they were when they were first asked for.
    ///
    /// # Errors
    /// When a file is there and cannot be read, or others may write it.
    fn ssh_files(&self) -> io::Result<Arc<SshFiles>>;

    /// Whether this host could log in to each master now and become root there, and keep a run. `read` are the files and
    /// directories that a run takes its orders from.
    fn readiness<'a>(&'a self, cluster: &'a Cluster, read: &'a [PathBuf]) -> Later<'a, Vec<Check>>;

    /// Runs a command of the site's own.
    ///
    /// # Errors
    /// What it said last, where it cannot be run, fails, or does not end within `limit`.
    fn command<'a>(&'a self, argv: &'a [String], limit: Duration) -> Later<'a, Result<(), String>>;
}

/// Which of the doctor's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Diagnosed {
    /// The last one.
    Last,
    /// The last good one.
    LastGood,
}

/// A run's journal as it lies on the disk.
#[derive(Debug)]
pub struct StoredRun {
    /// The run's name: that of its directory.
    pub run: String,
    /// The journal's path.
    pub path: PathBuf,
    /// What is in it, or why it cannot be read.
    pub bytes: io::Result<Vec<u8>>,
}

impl StoredRun {
    /// SHA-256 of the journal, in hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256(self.bytes.as_deref().unwrap_or_default())
    }

    /// The journal's text, where it can be read.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        String::from_utf8(self.bytes.as_ref().ok()?.clone()).ok()
    }
}

/// Whether something may be half done, so that an interruption must wait. Until then it ends the program at once,
/// whatever that waits for: a file, git, a person, a master's answer.
#[derive(Clone, Default)]
pub struct Acting {
    begun: Arc<Mutex<Begun>>,
    run: Arc<OnceLock<RunId>>,
}

/// What has begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Begun {
    #[default]
    Nothing,
    /// Only looks, which leave nothing half done.
    Looking,
    Acting,
}

impl Acting {
    /// From here on an interruption waits.
    pub fn begin(&self) {
        self.set(Begun::Acting);
    }

    /// The same where nothing is changed.
    pub fn begin_looking(&self) {
        self.set(Begun::Looking);
    }

    /// Nothing is half done any more: an interruption ends the program at once again.
    pub fn end(&self) {
        self.set(Begun::Nothing);
    }

    /// A run was given its place. A drill's own comes before those of its parts.
    pub fn begin_run(&self, run: &RunId) {
        self.run.get_or_init(|| run.clone());
    }

    /// The first run that was begun, if any was.
    #[must_use]
    pub fn first_run(&self) -> Option<&RunId> {
        self.run.get()
    }

    fn set(&self, begun: Begun) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }

    /// Whether an interruption finds something half done.
    #[must_use]
    pub fn may_change(&self) -> bool {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) == Begun::Acting
    }

    /// Ends by `end` where nothing has begun; nothing begins meanwhile.
    pub fn end_before(&self, end: impl FnOnce()) {
        let acting = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if *acting == Begun::Nothing {
            end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_ends_the_program_where_nothing_is_half_done() {
        let acting = Acting::default();
        let ends = || {
            let mut ended = false;
            acting.end_before(|| ended = true);
            ended
        };
        assert!(ends());
        acting.begin_looking();
        assert!(!ends() && !acting.may_change());
        acting.begin();
        assert!(!ends() && acting.may_change());
        // A lock was given back while a person is asked.
        acting.end();
        assert!(ends() && !acting.may_change());
    }
}
