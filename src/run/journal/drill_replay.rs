//! A drill's journal read from its first record to its last: phases, runs, files, numbers. Knows nothing about output
//! formats.

use jiff::Timestamp;

use crate::model::measures::Measures;
use crate::model::{ClusterName, Environment, RunId, ZoneName};
use crate::observe::Finding;
use crate::playbook::Phase;

use super::{DrillEvent, PhaseEvent, Record};

/// The time after the drill has given up its purpose, whose acts are recorded before they are done.
const GIVING_UP: &str = "giving up";

/// Where a phase came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PhaseState {
    /// It was started, and the journal ends there.
    CutOff,
    Done,
    Failed,
}

/// A phase as the journal tells it.
#[derive(Debug, Clone)]
pub(crate) struct PhaseHistory {
    pub name: &'static str,
    pub began: Timestamp,
    pub ended: Option<Timestamp>,
    pub state: PhaseState,
    pub note: String,
}

/// A run within the drill.
#[derive(Debug, Clone)]
pub(crate) struct DrillRun {
    /// Its place among the phases.
    pub phase: usize,
    pub run: Option<String>,
    pub verb: String,
    /// Nothing where the drill's journal ends first.
    pub exit: Option<u8>,
}

/// What the records of a drill say together.
#[derive(Debug, Clone)]
pub(crate) struct DrillReplay<'a> {
    pub tool: &'a str,
    pub person: &'a str,
    pub host: &'a str,
    pub run: &'a RunId,
    pub cluster: &'a ClusterName,
    pub environment: Environment,
    pub zone: &'a ZoneName,
    pub outage: &'a str,
    pub timed_proof: bool,
    pub max_outage_s: u64,
    pub began: Timestamp,
    pub last: Timestamp,
    pub phases: Vec<PhaseHistory>,
    pub runs: Vec<DrillRun>,
    pub kept: Vec<(&'a str, u64, &'a str)>,
    pub measures: Option<&'a Measures>,
    pub before: &'a [Finding],
    pub after: Option<&'a [Finding]>,
    /// Whether it holds the masters, or may.
    pub locked: bool,
    /// What it did when it gave up, and what it left; nothing where the journal does not say.
    pub left: Option<(&'a [String], &'a [String])>,
    pub end: Option<(&'a str, u8)>,
}

/// Nothing where the first record is not a drill's.
pub(crate) fn replay_drill(records: &[Record<DrillEvent>]) -> Option<DrillReplay<'_>> {
    let first = records.first()?;
    let DrillEvent::Drill {
        tool,
        person,
        host,
        run,
        cluster,
        environment,
        zone,
        outage,
        timed_proof,
        max_outage_s,
        ..
    } = &first.what
    else {
        return None;
    };
    let mut replay = DrillReplay {
        tool,
        person,
        host,
        run,
        cluster,
        environment: *environment,
        zone,
        outage,
        timed_proof: *timed_proof,
        max_outage_s: *max_outage_s,
        began: first.at,
        last: first.at,
        phases: Vec::new(),
        runs: Vec::new(),
        kept: Vec::new(),
        measures: None,
        before: &[],
        after: None,
        locked: false,
        left: None,
        end: None,
    };
    records.iter().for_each(|record| replay.take(record));
    Some(replay)
}

impl<'a> DrillReplay<'a> {
    fn take(&mut self, record: &'a Record<DrillEvent>) {
        // As in a run's replay: time only goes on.
        self.last = self.last.max(record.at);
        match &record.what {
            DrillEvent::Phase { name, event: PhaseEvent::Began } => self.begin(name.name(), self.last),
            DrillEvent::Phase { event: PhaseEvent::Done(note), .. } => self.end_phase(PhaseState::Done, note),
            DrillEvent::Phase { event: PhaseEvent::Failed(why), .. } => {
                self.end_phase(PhaseState::Failed, why);
                self.begin(GIVING_UP, self.last);
            }
            DrillEvent::RunBegan { run, verb } => self.note_run(Some(run), verb, None),
            DrillEvent::RunEnded { run, verb, exit } => self.note_run(run.as_ref(), verb, Some(*exit)),
            // The lock is taken next: a drill that was killed then may hold masters.
            DrillEvent::FoundBefore(findings) => (self.before, self.locked) = (findings, true),
            DrillEvent::FoundAfter(findings) => self.after = Some(findings),
            DrillEvent::Locked => self.locked = true,
            DrillEvent::Unlocked => self.locked = false,
            DrillEvent::FileKept { name, bytes, sha256 } => self.kept.push((name, *bytes, sha256)),
            DrillEvent::WayBack(act) => {
                if let Some(phase) = self.phases.last_mut().filter(|phase| phase.name == GIVING_UP) {
                    act.clone_into(&mut phase.note);
                }
            }
            DrillEvent::Left(done, left) => self.left = Some((done, left)),
            DrillEvent::Measured(measures) => self.measures = Some(measures),
            DrillEvent::End { outcome, exit } => {
                if let Some(phase) = self.phases.last_mut().filter(|phase| phase.name == GIVING_UP) {
                    (phase.ended, phase.state) = (Some(self.last), PhaseState::Done);
                }
                self.end = Some((outcome, *exit));
            }
            DrillEvent::Drill { .. } => {}
        }
    }

    /// A run begins, or ends.
    fn note_run(&mut self, run: Option<&RunId>, verb: &str, exit: Option<u8>) {
        let run = run.map(ToString::to_string);
        if let Some(begun) = self.runs.last_mut().filter(|begun| run.is_some() && begun.run == run) {
            begun.exit = exit;
            return;
        }
        if self.phases.last().is_none_or(|phase| phase.ended.is_some()) {
            let since = self.phases.last().and_then(|phase| phase.ended).unwrap_or(self.began);
            self.begin(GIVING_UP, since);
        }
        let phase = self.phases.len().saturating_sub(1);
        if let (None, Some(crate::run::exit::DONE), Some(phase)) = (&run, exit, self.phases.last_mut()) {
            phase.note = format!("{verb}: nothing to do");
        }
        self.runs.push(DrillRun { phase, run, verb: verb.to_owned(), exit });
    }

    fn begin(&mut self, name: &'static str, at: Timestamp) {
        self.phases.push(PhaseHistory { name, began: at, ended: None, state: PhaseState::CutOff, note: String::new() });
    }

    fn end_phase(&mut self, state: PhaseState, note: &str) {
        if let Some(phase) = self.phases.last_mut() {
            (phase.ended, phase.state) = (Some(self.last), state);
            note.clone_into(&mut phase.note);
        }
    }

    /// When the zone was lost; nothing where the outage is not known to have come about.
    pub(crate) fn lost_at(&self) -> Option<Timestamp> {
        let outage = self.phases.iter().find(|phase| phase.name == Phase::Outage.name())?;
        let began = self.measures.map_or(outage.began, |measures| measures.began.max(self.began));
        (outage.state == PhaseState::Done).then_some(began)
    }
}
