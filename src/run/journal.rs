//! The journal: an intent log of one run or one drill, one JSON record per line, on disk before the act. Knows its legal
//! moves, no host.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use crate::model::json;

use super::ports::{Clock, Store};
use super::redact::Redactor;

pub(crate) mod drill_replay;
mod origins;
mod read;
mod record;
mod recorded;
pub(crate) mod replay;

pub use origins::origins;
pub use read::{Records, is_drill, is_over_unless_on, read, readable};
pub use record::{DrillEvent, JournalEvent, PhaseEvent, Record, RunEvent, StepEvent};
pub use recorded::recorded;

/// The format's version. A reader refuses a higher one.
pub const VERSION: u32 = 1;

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Planned,
    /// Begun and not ended, as far as the journal knows.
    Running,
    /// Ended well.
    Done,
    /// Ended badly.
    Failed,
    /// Ended nobody knows how.
    Unknown,
}

/// A record that cannot follow: the journal is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step {id} cannot go from {from:?} to {event:?}: the journal is damaged")]
pub struct IllegalMove {
    /// The step.
    pub id: u32,
    /// Its state.
    pub from: StepState,
    /// The move.
    pub event: StepEvent,
}

impl StepState {
    /// The legal moves.
    ///
    /// # Errors
    /// [`IllegalMove`] for any other.
    pub fn next(self, id: u32, event: &StepEvent) -> Result<Self, IllegalMove> {
        match (self, event) {
            // Failed and unknown steps are only begun again because a person asked.
            (Self::Planned | Self::Failed | Self::Unknown, StepEvent::Started) => Ok(Self::Running),
            (Self::Running, StepEvent::Done(_) | StepEvent::FoundDone(_)) => Ok(Self::Done),
            (Self::Running, StepEvent::Failed(_)) => Ok(Self::Failed),
            (Self::Running, StepEvent::OutcomeUnknown(_)) => Ok(Self::Unknown),
            (from, event) => Err(IllegalMove { id, from, event: event.clone() }),
        }
    }
}

/// Why the journal could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The bastion's disk refused; nothing further may be done on any master.
    #[error("the journal could not be written")]
    Disk(#[from] std::io::Error),
    /// The moves do not fit.
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    /// A line cannot be read.
    #[error("line {line} of the journal cannot be read: {why}")]
    Damaged {
        /// Which, from 1.
        line: usize,
        why: String,
    },
}

/// What the records say so far.
#[derive(Debug, Clone, Default)]
struct Moves {
    seq: u64,
    states: BTreeMap<u32, StepState>,
    /// A record is missing on disk.
    broken: bool,
}

impl Moves {
    fn take(&mut self, what: &impl JournalEvent) -> Result<u64, IllegalMove> {
        if let Some((id, event)) = what.step() {
            let state = self.states.get(&id).copied().unwrap_or(StepState::Planned);
            self.states.insert(id, state.next(id, event)?);
        }
        self.seq += 1;
        Ok(self.seq)
    }
}

/// Writes the journal of one run, or of one drill: it takes events of that kind only.
#[derive(Clone)]
pub struct Journal<E> {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    redactor: Arc<Redactor>,
    moves: Arc<Mutex<Moves>>,
    kind: PhantomData<E>,
}

impl<E: JournalEvent> Journal<E> {
    /// An empty journal.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, redactor: Redactor) -> Self {
        Self { store, clock, redactor: Arc::new(redactor), moves: Arc::default(), kind: PhantomData }
    }

    /// What keeps secrets out of it.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Writes records together; on return all are on disk.
    ///
    /// # Errors
    /// When the disk refused or a move is illegal; then nothing further may be done.
    pub fn write(&self, whats: Vec<E>) -> Result<(), JournalError> {
        let mut moves = self.moves.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if moves.broken {
            // What came after a missing record could not be read.
            return Err(std::io::Error::other("an earlier record could not be written").into());
        }
        let mut lines = String::new();
        for what in whats {
            let seq = moves.take(&what)?;
            let record = self.redactor.record(Record { seq, at: self.clock.now(), what });
            let line = serde_json::to_string(&record).map_err(std::io::Error::other)?;
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(&json::escaped(&line));
        }
        moves.broken = true;
        self.store.append(&lines)?;
        moves.broken = false;
        Ok(())
    }
}

impl Journal<RunEvent> {
    /// Where each step is.
    #[must_use]
    pub fn states(&self) -> BTreeMap<u32, StepState> {
        self.moves.lock().unwrap_or_else(std::sync::PoisonError::into_inner).states.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use bytes::Bytes;
    use jiff::Timestamp;
    use tokio::sync::mpsc;

    use super::*;
    use crate::run::ports::Later;

    /// A disk that is full once.
    #[derive(Default)]
    struct Once(Mutex<(u32, String)>);

    impl Store for Once {
        fn append(&self, line: &str) -> std::io::Result<()> {
            let mut disk = self.0.lock().unwrap();
            disk.0 += 1;
            if disk.0 == 2 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            disk.1 += &format!("{line}\n");
            Ok(())
        }

        fn keep<'a>(&'a self, _: &'a str, _: mpsc::Receiver<Bytes>) -> Later<'a, std::io::Result<PathBuf>> {
            Box::pin(async { Err(std::io::ErrorKind::Unsupported.into()) })
        }

        fn settle(&self, _: &Path, _: &str) -> std::io::Result<PathBuf> {
            Err(std::io::ErrorKind::Unsupported.into())
        }

        fn read<'a>(&'a self, _: &'a str, _: mpsc::Sender<Bytes>) -> Later<'a, std::io::Result<()>> {
            Box::pin(async { Err(std::io::ErrorKind::Unsupported.into()) })
        }

        fn place(&self) -> PathBuf {
            PathBuf::new()
        }
    }

    struct Epoch;

    impl Clock for Epoch {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    #[test]
    fn after_a_record_that_is_missing_comes_no_other() {
        let disk = Arc::new(Once::default());
        let store: Arc<dyn Store> = disk.clone();
        let journal = Journal::new(store, Arc::new(Epoch), Redactor::default());
        assert!(journal.write(vec![RunEvent::Locked]).is_ok());
        assert!(matches!(journal.write(vec![RunEvent::Unlocked]), Err(JournalError::Disk(_))));
        // There is space again, and a gap.
        assert!(matches!(journal.write(vec![RunEvent::Locked]), Err(JournalError::Disk(_))));
        assert_eq!(read(&disk.0.lock().unwrap().1).unwrap().len(), 1);
    }

    #[test]
    fn only_a_started_step_can_end() {
        let done = || StepEvent::Done("x".into());
        assert!(StepState::Planned.next(1, &done()).is_err());
        assert!(StepState::Running.next(1, &StepEvent::Started).is_err());
        assert!(StepState::Done.next(1, &StepEvent::Started).is_err());
        assert_eq!(StepState::Failed.next(1, &StepEvent::Started), Ok(StepState::Running));
        assert_eq!(StepState::Running.next(1, &StepEvent::OutcomeUnknown("x".into())), Ok(StepState::Unknown));
    }
}
