//! How a run ended, as values: where it stopped, what it learned, how long each stage took. Touches nothing outside.

use std::time::Duration;

use crate::model::MasterName;
use crate::step::Facts;

/// How long one stage took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageTime {
    pub title: String,
    pub took: Duration,
    /// How much of it was waiting for etcd (an election, its 5 s rule), as told by the steps.
    pub waited: Duration,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every step is done.
    Done,
    /// A step failed.
    Stopped(Trouble),
    /// Nobody knows whether a step was done.
    Unknown(Trouble),
    /// The operator interrupted between two steps, before this one.
    Interrupted(Trouble),
}

impl Ending {
    /// The ending in one line, for the journal.
    #[must_use]
    pub fn words(&self) -> String {
        let (how, trouble) = match self {
            Self::Done => return "done".to_owned(),
            Self::Stopped(trouble) => ("stopped", trouble),
            Self::Unknown(trouble) => ("stopped, outcome unknown", trouble),
            Self::Interrupted(trouble) => ("interrupted", trouble),
        };
        format!("{how} at step {} on {} ({}): {}", trouble.number, trouble.host, trouble.title, trouble.why)
    }
}

/// Where and why a run did not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The step's place among all steps of the plan.
    pub step: u32,
    /// The line of the plan's list that it stands in, which is what people are told.
    pub number: usize,
    pub host: MasterName,
    /// The step's title.
    pub title: String,
    pub why: String,
}

/// What a run leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// How long each stage took.
    pub phases: Vec<StageTime>,
    /// What was learnt.
    pub facts: Facts,
    /// What failed without ending the run.
    pub warnings: Vec<String>,
    /// Whether anything was changed on a master that takes part.
    pub changed: bool,
    /// Whether the lock was taken away meanwhile, so that somebody else may have gone on.
    pub lock_lost: bool,
}
