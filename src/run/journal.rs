//! The journal: an intent log of one run, one JSON record per line, on disk before the act. Knows its legal moves, no
//! host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::model::{ClusterName, json};
use crate::plan::existing_snapshot::SnapshotOrigin;
use crate::step::Fact;

use super::ports::{Clock, Store};
use super::redact::Redactor;

pub(crate) mod course;
mod record;
mod recorded;
pub(crate) mod replay;

pub use record::{PhaseEvent, Record, StepEvent, What};
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
    fn take(&mut self, what: &What) -> Result<u64, IllegalMove> {
        if let What::Step { id, event, .. } = what {
            let state = self.states.get(id).copied().unwrap_or(StepState::Planned);
            self.states.insert(*id, state.next(*id, event)?);
        }
        self.seq += 1;
        Ok(self.seq)
    }
}

/// Writes one run's journal.
#[derive(Clone)]
pub struct Journal {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    redactor: Arc<Redactor>,
    moves: Arc<Mutex<Moves>>,
}

impl Journal {
    /// An empty journal.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, redactor: Redactor) -> Self {
        Self { store, clock, redactor: Arc::new(redactor), moves: Arc::default() }
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
    pub fn write(&self, whats: Vec<What>) -> Result<(), JournalError> {
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

    /// Where each step is.
    #[must_use]
    pub fn states(&self) -> BTreeMap<u32, StepState> {
        self.moves.lock().unwrap_or_else(std::sync::PoisonError::into_inner).states.clone()
    }
}

/// Reads a journal back. A last line that was cut off by a crash is left out: its act had not begun.
///
/// # Errors
/// When any other line cannot be read, or the moves do not fit.
pub fn read(text: &str) -> Result<Vec<Record>, JournalError> {
    match readable(text) {
        (records, None) => Ok(records),
        (_, Some(error)) => Err(error),
    }
}

/// Reads a journal as far as it can be read, and says what is wrong with the line after that.
#[must_use]
pub fn readable(text: &str) -> (Vec<Record>, Option<JournalError>) {
    let mut moves = Moves::default();
    let mut records = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let record: Record = match serde_json::from_str(line) {
            Ok(record) => record,
            Err(_) if index + 1 == lines.len() && !text.ends_with('\n') => break,
            Err(e) => return (records, Some(JournalError::Damaged { line: index + 1, why: e.to_string() })),
        };
        if let Err(error) = fits(&mut moves, &record) {
            return (records, Some(error));
        }
        records.push(record);
    }
    (records, None)
}

/// Whether a record may stand where it stands.
fn fits(moves: &mut Moves, record: &Record) -> Result<(), JournalError> {
    let seq = moves.take(&record.what)?;
    let damaged = |why| Err(JournalError::Damaged { line: usize::try_from(seq).unwrap_or(usize::MAX), why });
    match record.what {
        _ if seq != record.seq => damaged(format!("record {} where {seq} belongs", record.seq)),
        What::Run { version, .. } | What::Drill { version, .. } if version > VERSION => {
            damaged(format!("format {version}; this requorum reads up to {VERSION}"))
        }
        _ => Ok(()),
    }
}

/// The run that took the snapshot with this hash of this cluster, where this is its journal and the run never came to
/// an acknowledged write. Of a run that did, the snapshot is history: everything written since would be lost.
fn took(text: &str, sha256: &str, cluster: &ClusterName) -> Option<SnapshotOrigin> {
    let records = read(text).ok()?;
    let What::Run { plan, .. } = &records.first()?.what else { return None };
    let learnt = |wanted: &dyn Fn(&Fact) -> bool| {
        records.iter().any(|record| matches!(&record.what, What::Learnt(fact) if wanted(fact)))
    };
    let (at, revision) = records.iter().find_map(|record| match &record.what {
        What::Learnt(Fact::Snapshot(snapshot)) if snapshot.sha256 == sha256 => Some((record.at, snapshot.revision)),
        _ => None,
    })?;
    let served = learnt(&|fact| matches!(fact, Fact::FirstWrite(_)));
    (plan.cluster == *cluster && !served).then(|| SnapshotOrigin::of(plan, at, revision))
}

/// Where the snapshot with this hash of this cluster comes from, by these journals; the earliest first.
#[must_use]
pub fn origins(journals: &[String], sha256: &str, cluster: &ClusterName) -> Vec<SnapshotOrigin> {
    let mut origins: Vec<SnapshotOrigin> = journals.iter().filter_map(|text| took(text, sha256, cluster)).collect();
    origins.sort_by_key(|origin| origin.at);
    origins
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use bytes::Bytes;
    use jiff::Timestamp;
    use tokio::sync::mpsc;

    use super::*;
    use crate::model::MasterName;
    use crate::run::ports::Later;

    fn record(seq: u64, event: StepEvent) -> String {
        let host = MasterName::new("m3").unwrap();
        let what = What::Step { id: 4, host, event, stopped: None };
        serde_json::to_string(&Record { seq, at: Timestamp::UNIX_EPOCH, what }).unwrap()
    }

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
        assert!(journal.write(vec![What::Locked]).is_ok());
        assert!(matches!(journal.write(vec![What::Unlocked]), Err(JournalError::Disk(_))));
        // There is space again, and a gap.
        assert!(matches!(journal.write(vec![What::Locked]), Err(JournalError::Disk(_))));
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

    #[test]
    fn a_journal_cut_off_anywhere_is_read_up_to_there() {
        let text = format!("{}\n{}\n", record(1, StepEvent::Started), record(2, StepEvent::Done("x".into())));
        assert_eq!(read(&text).unwrap().len(), 2);
        let whole = text.lines().next().unwrap().len();
        for cut in 0..text.len() {
            let records = read(&text[..cut]).unwrap();
            let full = usize::from(cut >= whole) + usize::from(cut + 1 >= text.len());
            assert_eq!(records.len(), full, "cut at {cut}");
        }
    }

    #[test]
    fn a_gap_or_a_wrong_line_in_the_middle_is_damage() {
        let gap = format!("{}\n{}\n", record(1, StepEvent::Started), record(3, StepEvent::Done("x".into())));
        assert!(matches!(read(&gap), Err(JournalError::Damaged { line: 2, .. })));
        let wrong =
            format!("{}\nnonsense\n{}\n", record(1, StepEvent::Started), record(2, StepEvent::Done("x".into())));
        assert!(matches!(read(&wrong), Err(JournalError::Damaged { line: 2, .. })));
    }
}
