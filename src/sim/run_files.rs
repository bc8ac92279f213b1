//! The bastion's side in memory: journals, kept files, the clock, the console. Knows nothing about masters.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::run::ports::{Clock, Console, Event, Later, Screen, Store};

use super::Site;

/// One run's directory on the bastion.
#[derive(Clone)]
pub(super) struct RunFiles {
    pub(super) site: Site,
    pub(super) place: String,
}

/// The journal's name in a run's directory.
pub(super) const JOURNAL: &str = "journal.jsonl";

impl Store for RunFiles {
    fn append(&self, line: &str) -> std::io::Result<()> {
        let killed = self.site.with(|state| {
            let bastion = &mut state.bastion;
            if bastion.dead {
                return Err(std::io::Error::other("requorum is dead"));
            }
            bastion.appends += 1;
            if bastion.full_at.is_some_and(|at| bastion.appends >= at) {
                return Err(std::io::Error::other("no space left on device"));
            }
            let journal = bastion.files.entry(format!("{}/{JOURNAL}", self.place)).or_default();
            journal.extend_from_slice(line.as_bytes());
            journal.push(b'\n');
            bastion.dead = bastion.killed_after == Some(bastion.appends);
            Ok(bastion.dead)
        })?;
        if killed {
            self.site.killed.notify_waiters();
        }
        Ok(())
    }

    fn keep<'a>(&'a self, name: &'a str, mut chunks: mpsc::Receiver<Bytes>) -> Later<'a, std::io::Result<PathBuf>> {
        Box::pin(async move {
            let path = format!("{}/{name}.part", self.place);
            let begin = self.site.with(|state| {
                let fresh = !state.bastion.files.contains_key(&path);
                state.bastion.files.entry(path.clone()).or_default();
                fresh
            });
            if !begin {
                return Err(std::io::Error::other("file exists"));
            }
            while let Some(chunk) = chunks.recv().await {
                self.site.with(|state| state.bastion.files.entry(path.clone()).or_default().extend_from_slice(&chunk));
            }
            Ok(PathBuf::from(path))
        })
    }

    fn settle(&self, kept: &Path, name: &str) -> std::io::Result<PathBuf> {
        let path = format!("{}/{name}", self.place);
        self.site.with(|state| {
            let bytes = state.bastion.files.remove(&kept.display().to_string());
            bytes.map(|bytes| state.bastion.files.insert(path.clone(), bytes))
        });
        Ok(PathBuf::from(path))
    }

    fn read<'a>(&'a self, path: &'a str, chunks: mpsc::Sender<Bytes>) -> Later<'a, std::io::Result<()>> {
        Box::pin(async move {
            let bytes = self.site.with(|state| state.bastion.files.get(path).cloned());
            let bytes = bytes.ok_or_else(|| std::io::Error::other("no such file"))?;
            for chunk in bytes.chunks(64) {
                if chunks.send(Bytes::copy_from_slice(chunk)).await.is_err() {
                    return Err(std::io::Error::other("the master stopped taking it"));
                }
            }
            Ok(())
        })
    }

    fn place(&self) -> PathBuf {
        PathBuf::from(&self.place)
    }
}

impl Site {
    /// How much was said so far.
    #[must_use]
    pub fn said(&self) -> usize {
        self.with(|state| state.bastion.said.len())
    }

    /// What was said since.
    #[must_use]
    pub fn said_since(&self, from: usize) -> String {
        self.with(|state| state.bastion.said.get(from..).unwrap_or_default().to_owned())
    }
}

impl Clock for Site {
    fn now(&self) -> Timestamp {
        time(self.since)
    }
}

/// The time of day in a story that began at `since`: at midnight, on 2026-01-01.
pub(super) fn time(since: Instant) -> Timestamp {
    let passed = i64::try_from(since.elapsed().as_millis()).unwrap_or(0);
    Timestamp::from_millisecond(1_767_225_600_000 + passed).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Console for Site {
    fn tell(&self, event: Event) {
        self.with(|state| state.bastion.told.push(event));
    }

    fn print(&self, text: &str) {
        self.with(|state| state.bastion.said.push_str(text));
    }

    fn say(&self, text: &str) {
        self.print(&format!("{text}\n"));
    }

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
