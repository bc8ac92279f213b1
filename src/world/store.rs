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

/// Whether a process on this host still writes the journal of that run; nothing where the run was not begun here, or
/// where that cannot be told: a link, say, which is no journal of ours.
#[must_use]
pub fn lives(state: &Path, run: &RunId) -> Option<bool> {
    let journal = super::regular::open_own(&state.join("runs").join(run.as_str()).join(JOURNAL)).ok()?;
    match journal.try_lock_shared() {
        Ok(()) => Some(false),
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
