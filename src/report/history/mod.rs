//! A run as one plain value, made from its journal alone: every format of a report shows this value. Knows neither disk
//! nor output format.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::Environment;
use crate::observe::Finding;
use crate::report::outcome::Open;
use crate::run::journal::Records;
use crate::run::journal::drill_replay::PhaseState;
use crate::run::journal::replay::replay;

mod build;
mod deviations;
mod drill;
mod numbers;
mod stopped;
mod summary;

pub use drill::{Drill, DrillPhase, parts};
pub use stopped::way_on;

/// The version of the published form; a reader refuses a higher one.
pub const FORMAT: u32 = 1;

/// What is known of the journal's file and not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalFile {
    /// The journal's path.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of it.
    pub sha256: String,
    /// Where and why it cannot be read on.
    pub damage: Option<String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// The run's name.
    pub run: String,
    pub verb: String,
    pub cluster: String,
    /// What kind of cluster it is; none where the journal does not say.
    pub environment: Option<Environment>,
    /// What happened, for somebody who was not there.
    pub summary: String,
    /// What is true once the run is done, in the playbook's words.
    pub aim: String,
    /// Who ran it.
    pub person: String,
    /// From which host.
    pub host: String,
    /// requorum's version.
    pub tool: String,
    /// The plan's digest.
    pub digest: String,
    /// When the first record was written.
    pub began: Timestamp,
    /// When the last one was.
    pub ended: Timestamp,
    /// The time between.
    pub took_ms: u64,
    /// How long it took to prove, before the run, that quorum was lost.
    pub proof_ms: Option<u64>,
    /// Whether the run wrote its last record; otherwise it was cut off, or still runs.
    pub finished: bool,
    /// How it ended, in one line.
    pub outcome: String,
    /// The exit code; none where the run was cut off.
    pub exit: Option<u8>,
    /// What came of it, as its last words said.
    pub result: String,
    /// The plan, as it was shown before consent.
    pub plan: String,
    /// The zones that had failed.
    pub failed_zones: Vec<String>,
    /// Every master that the plan knows of.
    pub masters: Vec<Master>,
    /// What became of quorum.
    pub quorum: Quorum,
    /// The first step without a way back; none where each can be taken back.
    pub no_return: Option<NoReturn>,
    /// What only a drill has; none for a run.
    pub drill: Option<Drill>,
    /// The stages; of a drill its phases, each followed by the stages of its runs.
    #[serde(rename = "phases")]
    pub stages: Vec<ReportedStage>,
    pub steps: Vec<Step>,
    /// What was found before the run.
    pub findings_before: Vec<Finding>,
    /// What a last look found after it; none where nobody looked: the run was cut off, or is a part of a drill.
    pub findings_after: Option<Vec<Finding>>,
    /// What the run's own checks said, those after its last change.
    pub proved: Vec<Proved>,
    /// Files that the plan rewrites.
    pub file_diffs: Vec<FileDiff>,
    /// What can be held against this report later.
    pub evidence: Vec<Evidence>,
    /// What was attested before the run.
    pub attestations: Vec<Reason>,
    /// Rules set aside.
    pub overrides: Vec<Reason>,
    /// What did not go as in the plan.
    pub deviations: Vec<String>,
    /// What happened that a plan allows for: what was done already, what was tried again.
    pub normal_events: Vec<String>,
    /// What is left to do.
    pub open_actions: Vec<Open>,
}

/// A master and its part in the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Master {
    pub name: String,
    /// Its zone; none where the journal does not say.
    pub zone: Option<String>,
    pub part: Part,
}

/// What a master is in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The survivor from which others grow.
    Seed,
    /// Serves, or will.
    Survivor,
    /// Comes back in this run.
    Returned,
    /// Left alone.
    LeftOut,
}

/// What became of quorum in the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quorum {
    /// Whether it was lost before the run began, which is what the run was for.
    pub lost_before: bool,
    /// When the drill itself made it be lost, in milliseconds since it began; none for a run.
    pub lost_ms: Option<u64>,
    /// When it was back, in milliseconds since the run began: a write was acknowledged.
    pub regained_ms: Option<u64>,
}

/// Where the way back ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoReturn {
    pub step: u32,
    pub why: String,
    /// When it began, in milliseconds since the run did; none where it was not reached.
    pub at_ms: Option<u64>,
}

/// A stage of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedStage {
    /// Its place, from 1.
    pub number: usize,
    /// What it does.
    pub name: String,
    /// Why, in the playbook's words.
    pub why: Option<String>,
    /// Whether later stages did not wait for it.
    pub beside: bool,
    /// When it began, in milliseconds since the run did; none where it was not reached.
    pub began_ms: Option<u64>,
    /// How long it took; none where it did not end.
    pub took_ms: Option<u64>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its place among all steps of the plan, as the journal has it; in a drill one that no other run's step has.
    pub id: u32,
    /// The run within a drill that it belongs to; none in a run of its own.
    pub run: Option<String>,
    /// Its stage: the number that people are told. In a drill it is that of the drill's own list, in words of its runs too.
    #[serde(rename = "phase")]
    pub stage: usize,
    /// The master.
    pub host: String,
    pub kind: String,
    /// What it does.
    pub title: String,
    /// Where it came to.
    pub state: State,
    /// When it began, in milliseconds since the run did.
    pub began_ms: Option<u64>,
    /// How long it took; none where it did not end.
    pub took_ms: Option<u64>,
    /// What it said last.
    pub said: String,
    /// The way back; none where it changes nothing.
    pub back: Option<String>,
    /// Every command of it.
    pub commands: Vec<Command>,
}

/// Where a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was not begun.
    NotBegun,
    /// It was started, and the journal ends there.
    CutOff,
    Done,
    /// It was done already.
    FoundDone,
    Failed,
    /// Nobody knows.
    Unknown,
}

impl From<PhaseState> for State {
    fn from(state: PhaseState) -> Self {
        match state {
            PhaseState::CutOff => Self::CutOff,
            PhaseState::Done => Self::Done,
            PhaseState::Failed => Self::Failed,
        }
    }
}

impl State {
    /// The state as a person says it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotBegun => "not begun",
            Self::CutOff => "cut off",
            Self::Done => "done",
            Self::FoundDone => "found done",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// One sign for it, so that no colour is needed to tell.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::NotBegun => "·",
            Self::CutOff => "…",
            Self::Done => "✓",
            Self::FoundDone => "=",
            Self::Failed => "✗",
            Self::Unknown => "?",
        }
    }
}

/// A command that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    pub host: String,
    /// The command as shown.
    pub command: String,
    /// Its exit status; none when the outcome is unknown.
    pub exit: Option<u32>,
    /// How long it took, all times together.
    pub took_ms: u64,
    /// How often it ran in a row with the same answer.
    pub times: u64,
    /// What it said.
    pub said: String,
}

/// A check of the run's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proved {
    pub step: u32,
    pub host: String,
    /// What was checked.
    pub what: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was said.
    pub said: String,
}

/// A file that the plan rewrites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDiff {
    pub host: String,
    /// The file.
    pub path: String,
    pub step: u32,
    /// Whether it was written.
    pub written: bool,
    /// The change as a unified diff, secrets taken out.
    pub diff: String,
}

/// Something whose hash was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    pub what: String,
    /// SHA-256 of it; the first 16 digits for a plan.
    pub sha256: String,
    /// Its size, where it has one.
    pub bytes: Option<u64>,
    /// Where it lies.
    #[serde(rename = "where")]
    pub place: String,
}

/// Something a person said, and about what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The zone, master or rule.
    pub of: String,
    /// What was said.
    pub why: String,
}

impl Report {
    /// The number that people are told of a step: its line among the stages.
    #[must_use]
    pub fn number_of(&self, id: u32) -> usize {
        self.steps.iter().find(|step| step.id == id).map_or(0, |step| step.stage)
    }

    /// What became of quorum, as a person says it.
    #[must_use]
    pub fn quorum_words(&self) -> String {
        let Quorum { lost_before, lost_ms, regained_ms } = &self.quorum;
        match (lost_before, lost_ms, regained_ms.map(super::millis)) {
            (true, _, None) => "lost before the run began; not regained in it".to_owned(),
            (true, _, Some(back)) => format!("lost before the run began; regained after {back}"),
            (false, None, _) if self.drill.is_some() => "not known to have been lost".to_owned(),
            (false, None, _) => "not lost before the run".to_owned(),
            (false, Some(lost), back) => {
                let back = back.map_or("by the old cluster".to_owned(), |back| format!("after {back}"));
                format!("lost on purpose after {}; regained {back}", super::millis(*lost))
            }
        }
    }

    /// When the proof that quorum is lost was made.
    #[must_use]
    pub const fn proof_when(&self) -> &'static str {
        if self.drill.is_some() { "within the drill" } else { "before the run" }
    }
}

/// The report of a run or a drill; nothing where the journal begins with neither. Of a drill, `runs` are the reports of
/// its [`parts`], as many as there are.
#[must_use]
pub fn of(records: &Records, file: &JournalFile, runs: &[Report]) -> Option<Report> {
    let report = match records {
        Records::Run(records) => replay(records).map(|replay| build::report(&replay, file)),
        Records::Drill(records) => drill::of(records, file, runs),
    };
    report.map(|report| Report { summary: summary::of(&report), ..report })
}
