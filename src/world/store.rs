//! A run's directory on the bastion: mode 0700, its files 0600 from the start, the journal on disk before an append
//! returns.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::model::RunId;
use crate::run::journal::is_over_unless_on;
use crate::run::ports::{Later, Store};

/// The journal's name in a run's directory.
pub const JOURNAL: &str = "journal.jsonl";
/// How much of a file is read at once.
const CHUNK: usize = 256 << 10;

/// One run's directory.
#[derive(Debug)]
pub struct RunDir {
    place: PathBuf,
    journal: Mutex<File>,
}

impl RunDir {
    /// Makes the directory and an empty journal in it.
    ///
    /// # Errors
    /// When the disk refuses, or the run's directory is there already.
    pub fn create(state: &Path, run: &RunId) -> io::Result<Self> {
        let runs = state.join("runs");
        DirBuilder::new().recursive(true).mode(0o700).create(&runs)?;
        let place = runs.join(run.as_str());
        DirBuilder::new().mode(0o700).create(&place)?;
        let journal = create(&place.join(JOURNAL), true)?;
        // Held until this process ends, however it ends: how `unlock` knows that the run lives here.
        journal.lock()?;
        sync_dir(&place)?;
        sync_dir(&runs)?;
        Ok(Self { place, journal: Mutex::new(journal) })
    }
}

/// Whether a process still writes the journal of that run, as far as `host`, which is this one, can tell: nothing where the
/// run was not begun here (a copied journal is locked by nobody, whatever goes on where it was copied from), or where that
/// cannot be told: a link, say, which is no journal of ours.
#[must_use]
pub fn lives(state: &Path, run: &RunId, host: &str) -> Option<bool> {
    let journal = super::regular::open_own(&state.join("runs").join(run.as_str()).join(JOURNAL)).ok()?;
    match journal.try_lock_shared() {
        Ok(()) => {
            let text = super::regular::read(journal, super::files::MOST_JOURNAL).ok()?;
            is_over_unless_on(host, &text).then_some(false)
        }
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

fn create(path: &Path, append: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create_new(true).mode(0o600);
    if append {
        options.append(true)
    } else {
        options.write(true)
    };
    options.open(path)
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl Store for RunDir {
    fn append(&self, line: &str) -> io::Result<()> {
        let mut journal = self.journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut bytes = line.as_bytes().to_vec();
        bytes.push(b'\n');
        journal.write_all(&bytes)?;
        journal.sync_data()
    }

    fn keep<'a>(&'a self, name: &'a str, mut chunks: mpsc::Receiver<Bytes>) -> Later<'a, io::Result<PathBuf>> {
        Box::pin(async move {
            let path = self.place.join(format!("{name}.part"));
            let mut file = tokio::fs::File::from_std(create(&path, false)?);
            while let Some(chunk) = chunks.recv().await {
                file.write_all(&chunk).await?;
            }
            file.flush().await?;
            file.sync_all().await?;
            sync_dir(&self.place)?;
            Ok(path)
        })
    }

    fn settle(&self, kept: &Path, name: &str) -> io::Result<PathBuf> {
        let path = self.place.join(name);
        std::fs::rename(kept, &path)?;
        sync_dir(&self.place)?;
        Ok(path)
    }

    fn read<'a>(&'a self, path: &'a str, chunks: mpsc::Sender<Bytes>) -> Later<'a, io::Result<()>> {
        Box::pin(async move {
            let mut file = tokio::fs::File::from_std(super::regular::open(Path::new(path))?);
            loop {
                let mut chunk = BytesMut::with_capacity(CHUNK);
                if file.read_buf(&mut chunk).await? == 0 {
                    return Ok(());
                }
                if chunks.send(chunk.freeze()).await.is_err() {
                    return Err(io::Error::other("the master stopped taking it"));
                }
            }
        })
    }

    fn place(&self) -> PathBuf {
        self.place.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_nobody_writes_here_tells_of_its_own_host_only() {
        let state = tempfile::tempdir().unwrap();
        let run = RunId::new("20261123-134443-449f").unwrap();
        assert_eq!(lives(state.path(), &run, "here"), None);
        let here = RunDir::create(state.path(), &run).unwrap();
        let line =
            |what: &str| here.append(&format!(r#"{{"seq":1,"at":"2026-11-23T13:44:43Z","what":{what}}}"#)).unwrap();
        line(r#"{"run":{"version":1,"host":"here"}}"#);
        assert_eq!(lives(state.path(), &run, "here"), Some(true));
        // As from a backup, or by rsync.
        let copied = tempfile::tempdir().unwrap();
        let place = copied.path().join("runs").join(run.as_str());
        let copy = || {
            std::fs::create_dir_all(&place).unwrap();
            std::fs::copy(state.path().join("runs").join(run.as_str()).join(JOURNAL), place.join(JOURNAL)).unwrap();
            ["here", "elsewhere"].map(|host| lives(copied.path(), &run, host))
        };
        assert_eq!(copy(), [Some(false), None]);
        line(r#"{"locked":null}"#);
        assert_eq!(copy(), [Some(false), None]);
        line(r#"{"end":{"outcome":"it stopped","exit":4}}"#);
        assert_eq!(copy(), [Some(false), Some(false)]);
        std::fs::write(place.join(JOURNAL), "").unwrap();
        assert_eq!(lives(copied.path(), &run, "here"), None);
        drop(here);
        assert_eq!(lives(state.path(), &run, "here"), Some(false));
    }
}
