//! What the lines of a journal can say, for a run and for a drill. Knows neither their order nor the disk.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::measures::Measures;
use crate::model::{ClusterName, Environment, MasterName, RunId, ZoneName};
use crate::observe::Finding;
use crate::plan::Plan;
use crate::playbook::Phase;
use crate::step::{Fact, HowStopped};

/// One line: a [`RunEvent`] or a [`DrillEvent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record<E> {
    /// Its place, from 1, without gaps.
    pub seq: u64,
    /// When, by the bastion's clock.
    pub at: Timestamp,
    pub what: E,
}

/// What one kind of journal can say, as far as every journal must know it.
pub trait JournalEvent: Serialize + DeserializeOwned {
    /// The format's version, which the first record has.
    fn version(&self) -> Option<u32>;

    /// The step that moves, and its move.
    fn step(&self) -> Option<(u32, &StepEvent)>;
}

/// What a record of a run says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// The first record: the whole plan, and who runs it.
    Run {
        /// The format's version.
        version: u32,
        /// requorum's version.
        tool: String,
        person: String,
        /// The bastion.
        host: String,
        /// The plan's digest.
        digest: String,
        /// The plan, without secrets.
        plan: Box<Plan>,
    },
    /// How long it took to prove that quorum is lost, in milliseconds; apart from the run's own time.
    Proof { took_ms: u64 },
    /// The masters are locked for this run.
    Locked,
    /// They are locked for the drill that this run is a part of.
    Lent(RunId),
    /// A step moves.
    Step {
        /// Its number in the plan.
        id: u32,
        host: MasterName,
        /// The move.
        event: StepEvent,
        /// How etcd ended, where this step ended it. Journals from before this was recorded lack it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped: Option<HowStopped>,
    },
    /// A command ended, or its end is unknown.
    Command {
        /// The step it belongs to.
        step: u32,
        /// Where it ran.
        host: MasterName,
        /// The command as shown.
        command: String,
        /// Its exit status; none when the outcome is unknown.
        exit: Option<u32>,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// What it said last, cleaned and cut.
        said: String,
    },
    /// Something that later steps need.
    Learnt(Fact),
    /// The masters were looked at once more under the lock, and the same plan came of it.
    LookedAgain {
        /// How long that took, in milliseconds.
        took_ms: u64,
    },
    /// A command was not begun, since the run no longer holds this master.
    LockLost(MasterName),
    /// The masters are unlocked.
    Unlocked,
    /// The last record but for what a look found afterwards.
    End {
        /// How it ended, in words.
        outcome: String,
        /// The exit code.
        exit: u8,
    },
    /// What a last look found, after the run.
    FoundAfter(Vec<Finding>),
}

impl JournalEvent for RunEvent {
    fn version(&self) -> Option<u32> {
        match self {
            Self::Run { version, .. } => Some(*version),
            _ => None,
        }
    }

    fn step(&self) -> Option<(u32, &StepEvent)> {
        match self {
            Self::Step { id, event, .. } => Some((*id, event)),
            _ => None,
        }
    }
}

/// What a record of a drill says. Its parts are runs with journals of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillEvent {
    /// The first record: what is to be lost and how, and who runs it.
    Drill {
        /// The format's version.
        version: u32,
        /// requorum's version.
        tool: String,
        person: String,
        /// The bastion.
        host: String,
        /// The drill, named as runs are.
        run: RunId,
        /// The inventory's cluster.
        cluster: ClusterName,
        /// What the inventory says it is.
        environment: Environment,
        /// The zone to be lost.
        zone: ZoneName,
        outage: String,
        /// Whether quorum must be proved lost by waiting.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        timed_proof: bool,
        /// When the drill gives up its purpose, in seconds.
        max_outage_s: u64,
    },
    /// What was seen before anything was lost.
    FoundBefore(Vec<Finding>),
    /// The masters are locked for this drill.
    Locked,
    /// A phase moves.
    Phase {
        name: Phase,
        /// The move.
        event: PhaseEvent,
    },
    /// A run within the drill begins.
    #[serde(rename = "runs")]
    RunBegan {
        run: RunId,
        /// The command.
        verb: String,
    },
    /// A run within the drill ended.
    #[serde(rename = "ran")]
    RunEnded {
        /// Which; nothing where there was nothing to do.
        run: Option<RunId>,
        /// The command.
        verb: String,
        /// Its exit code.
        exit: u8,
    },
    /// A file was kept beside the journal.
    #[serde(rename = "kept")]
    FileKept {
        name: String,
        /// Its size in bytes.
        bytes: u64,
        /// Its SHA-256.
        sha256: String,
    },
    /// An act of the way back is about to be done.
    WayBack(String),
    /// What a last look found, while the masters were still locked.
    FoundAfter(Vec<Finding>),
    /// The masters are unlocked.
    Unlocked,
    /// What was measured.
    Measured(Box<Measures>),
    /// What was done after the drill gave up, and what was left behind.
    Left(Vec<String>, Vec<String>),
    /// The last record.
    End {
        /// How it ended, in words.
        outcome: String,
        /// The exit code.
        exit: u8,
    },
}

impl JournalEvent for DrillEvent {
    fn version(&self) -> Option<u32> {
        match self {
            Self::Drill { version, .. } => Some(*version),
            _ => None,
        }
    }

    fn step(&self) -> Option<(u32, &StepEvent)> {
        None
    }
}

/// A phase's move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseEvent {
    /// It begins.
    Began,
    Done(String),
    /// It failed: the drill goes back or forward from here, whichever is shorter and safe.
    Failed(String),
}

/// A step's move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEvent {
    /// About to act.
    Started,
    Done(String),
    /// It was done already.
    FoundDone(String),
    Failed(String),
    /// Nobody knows whether it was done.
    OutcomeUnknown(String),
}
