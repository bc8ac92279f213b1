//! Reads a journal back, a run's or a drill's, and finds what is damaged. Does not know what the records mean together.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::record::{DrillEvent, JournalEvent, Record, RunEvent};
use super::{JournalError, Moves, VERSION};
use crate::run::redact::Redactor;

/// A journal that was read. Which of the two it is, its first line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Records {
    Run(Vec<Record<RunEvent>>),
    Drill(Vec<Record<DrillEvent>>),
}

impl Records {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Run(records) => records.len(),
            Self::Drill(records) => records.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A run's; none if it is a drill's journal.
    #[must_use]
    pub fn of_run(self) -> Vec<Record<RunEvent>> {
        match self {
            Self::Run(records) => records,
            Self::Drill(_) => Vec::new(),
        }
    }

    /// The same without secrets.
    #[must_use]
    pub fn without_secrets(self, redactor: &Redactor) -> Self {
        match self {
            Self::Run(records) => Self::Run(records.into_iter().map(|record| redactor.record(record)).collect()),
            Self::Drill(records) => Self::Drill(records.into_iter().map(|record| redactor.record(record)).collect()),
        }
    }
}

/// Whether a journal is a drill's, by its first line.
#[must_use]
pub fn is_drill(journal: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct First {
        what: BTreeMap<String, IgnoredAny>,
    }
    let line = journal.split(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<First>(line).is_ok_and(|first| first.what.contains_key("drill"))
}

/// Whether nobody writes a journal any more that no process on `host` writes: it tells its run's end, or it was begun on that
/// host. A copy of a journal that another host's process still writes says neither.
#[must_use]
pub fn is_over_unless_on(host: &str, journal: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Line {
        what: BTreeMap<String, Value>,
    }
    let mut lines = journal.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    let Some(first) = lines.next() else { return false };
    let of_host = |event: &Value| event.get("host").and_then(Value::as_str) == Some(host);
    ["run", "drill"].iter().any(|begins| first.what.get(*begins).is_some_and(of_host))
        || lines.any(|line| line.what.contains_key("end"))
}

/// Reads a journal back. A last line that was cut off by a crash is left out: its act had not begun.
///
/// # Errors
/// When any other line cannot be read, or the moves do not fit.
pub fn read(text: &str) -> Result<Records, JournalError> {
    match readable(text) {
        (records, None) => Ok(records),
        (_, Some(error)) => Err(error),
    }
}

/// Reads a journal as far as it can be read, and says what is wrong with the line after that.
#[must_use]
pub fn readable(text: &str) -> (Records, Option<JournalError>) {
    if is_drill(text.as_bytes()) {
        let (records, error) = of_kind(text);
        return (Records::Drill(records), error);
    }
    let (records, error) = of_kind(text);
    (Records::Run(records), error)
}

fn of_kind<E: JournalEvent>(text: &str) -> (Vec<Record<E>>, Option<JournalError>) {
    let mut moves = Moves::default();
    let mut records = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let record: Record<E> = match serde_json::from_str(line) {
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
fn fits<E: JournalEvent>(moves: &mut Moves, record: &Record<E>) -> Result<(), JournalError> {
    let seq = moves.take(&record.what)?;
    let damaged = |why| Err(JournalError::Damaged { line: usize::try_from(seq).unwrap_or(usize::MAX), why });
    match record.what.version() {
        _ if seq != record.seq => damaged(format!("record {} where {seq} belongs", record.seq)),
        Some(version) if version > VERSION => damaged(format!("format {version}; this requorum reads up to {VERSION}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::MasterName;
    use crate::run::journal::StepEvent;

    fn line<E: JournalEvent>(seq: u64, what: E) -> String {
        serde_json::to_string(&Record { seq, at: Timestamp::UNIX_EPOCH, what }).unwrap() + "\n"
    }

    fn step(seq: u64, event: StepEvent) -> String {
        line(seq, RunEvent::Step { id: 4, host: MasterName::new("m3").unwrap(), event, stopped: None })
    }

    fn drill(seq: u64, version: u32) -> String {
        let first = DrillEvent::Drill {
            version,
            tool: "0.1.0".into(),
            person: "ada".into(),
            host: "bastion".into(),
            run: crate::model::RunId::new("20260101-000000-0001").unwrap(),
            cluster: crate::model::ClusterName::new("stretched").unwrap(),
            environment: crate::model::Environment::Lab,
            zone: crate::model::ZoneName::new("a").unwrap(),
            outage: "stop".into(),
            timed_proof: false,
            max_outage_s: 600,
        };
        line(seq, first)
    }

    #[test]
    fn a_journal_cut_off_anywhere_is_read_up_to_there() {
        let text = step(1, StepEvent::Started) + &step(2, StepEvent::Done("x".into()));
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
        let gap = step(1, StepEvent::Started) + &step(3, StepEvent::Done("x".into()));
        assert!(matches!(read(&gap), Err(JournalError::Damaged { line: 2, .. })));
        let wrong = step(1, StepEvent::Started) + "nonsense\n" + &step(2, StepEvent::Done("x".into()));
        assert!(matches!(read(&wrong), Err(JournalError::Damaged { line: 2, .. })));
    }

    #[test]
    fn the_first_line_says_whether_a_run_or_a_drill_follows() {
        let of_drill = drill(1, VERSION) + &line(2, DrillEvent::Locked) + &line(3, DrillEvent::WayBack("x".into()));
        assert!(matches!(read(&of_drill), Ok(Records::Drill(records)) if records.len() == 3));
        assert!(read(&of_drill).unwrap().of_run().is_empty());
        let of_run = line(1, RunEvent::Locked) + &line(2, RunEvent::Unlocked);
        assert!(matches!(read(&of_run), Ok(Records::Run(records)) if records.len() == 2));
    }

    #[test]
    fn a_record_of_the_other_kind_is_damage() {
        let step_in_drill = drill(1, VERSION) + &step(2, StepEvent::Started);
        let (records, error) = readable(&step_in_drill);
        assert!(matches!(error, Some(JournalError::Damaged { line: 2, .. })), "{error:?}");
        assert_eq!(records.len(), 1);
        let drill_in_run = line(1, RunEvent::Locked) + &line(2, DrillEvent::WayBack("x".into()));
        assert!(matches!(read(&drill_in_run), Err(JournalError::Damaged { line: 2, .. })));
        let second_drill = line(1, RunEvent::Locked) + &drill(2, VERSION);
        assert!(matches!(read(&second_drill), Err(JournalError::Damaged { line: 2, .. })));
    }

    #[test]
    fn a_newer_format_is_refused() {
        let error = read(&drill(1, VERSION + 1)).unwrap_err();
        assert!(error.to_string().contains("format 2; this requorum reads up to 1"), "{error}");
    }
}
