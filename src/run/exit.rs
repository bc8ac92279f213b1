//! All exit codes. Knows nothing about terminals.

use serde::Serialize;

use crate::observe::Verdict;
use crate::plan::{Goal, Plan};
use crate::step::{Effect, Step};

use super::runner::{Ending, Outcome};

/// Done, or nothing to do.
pub const DONE: u8 = 0;
/// Failed before anything was changed.
pub const FAILED: u8 = 1;
/// `plan`: there is something to do; `inventory import`: there is something left to fill in.
pub const CHANGES: u8 = 2;
/// A safety rule said no; nothing was changed.
pub const REFUSED: u8 = 3;
/// Stopped midway.
pub const STOPPED: u8 = 4;
/// Stopped, and the state is not known.
pub const UNKNOWN: u8 = 5;
/// Done, but verification failed.
pub const UNVERIFIED: u8 = 6;
/// Another run holds the lock.
pub const LOCKED: u8 = 7;
/// The command line is wrong, or names a run that is not kept.
pub const USAGE: u8 = 64;
/// Inventory, playbook or template is wrong, or a journal is damaged.
pub const BAD_INPUT: u8 = 65;
/// Interrupted before any change.
pub const INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The command line is wrong, or names what is not there.
    Usage,
    /// A file that the person gave is wrong or cannot be read, or a journal is damaged.
    BadInput,
    /// Rules forbid it.
    Refused,
    /// It could not be done; nothing was changed.
    Failed,
    /// Another run holds the lock.
    Locked,
    /// The run that is to be unlocked has not ended.
    StillRuns,
    /// The journal cannot be written, so that nobody can say how far the run came.
    Unrecorded,
    /// The person interrupted.
    Interrupted,
}

impl Kind {
    /// What a command that failed so ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Usage => USAGE,
            Self::BadInput => BAD_INPUT,
            Self::Refused => REFUSED,
            Self::Failed => FAILED,
            Self::Locked | Self::StillRuns => LOCKED,
            Self::Unrecorded => UNKNOWN,
            Self::Interrupted => INTERRUPTED,
        }
    }
}

/// What `status` ends with.
#[must_use]
pub const fn of_verdict(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Healthy => DONE,
        Verdict::Degraded => 10,
        Verdict::QuorumLost => 11,
        Verdict::OneZone => 12,
        Verdict::SplitBrain => 13,
        Verdict::Unknown => 14,
    }
}

/// What `status` of several clusters ends with: nothing stands for one of which nothing was seen.
#[must_use]
pub fn of_verdicts(verdicts: impl Iterator<Item = Option<Verdict>>) -> u8 {
    let urgency = |verdict: &Option<Verdict>| verdict.unwrap_or(Verdict::Unknown).urgency();
    verdicts.max_by_key(urgency).map_or(DONE, |verdict| verdict.map_or(FAILED, of_verdict))
}

/// Whether a step only looks whether the world still is what the plan was made for.
fn is_look(step: &Step) -> bool {
    step.does(|effect| matches!(effect, Effect::ChecksNoLeader(_) | Effect::ChecksSilence | Effect::ChecksNoVote(_)))
}

/// The exit code of a run.
#[must_use]
pub fn code(plan: &Plan, outcome: &Outcome) -> u8 {
    let is_check = |id: u32| plan.steps().any(|planned| planned.id == id && is_look(&planned.step));
    match &outcome.ending {
        Ending::Done => DONE,
        Ending::Interrupted(_) if !outcome.changed => INTERRUPTED,
        Ending::Stopped(trouble) if !outcome.changed && is_check(trouble.step) => REFUSED,
        Ending::Stopped(_) if !outcome.changed => FAILED,
        Ending::Stopped(trouble) if is_verification(plan, trouble.step) => UNVERIFIED,
        Ending::Stopped(_) | Ending::Interrupted(_) => STOPPED,
        Ending::Unknown(_) => UNKNOWN,
    }
}

/// Whether a failed step means that the work is done and its proof is not: exit code 6 instead of 4.
fn is_verification(plan: &Plan, id: u32) -> bool {
    // A new cluster that never took a write is not done.
    let new = plan.goal == Goal::InitiateDr;
    let proves = |step: &Step| {
        step.kind().effects().iter().all(|effect| match effect {
            Effect::ChecksWrite { .. } => !new,
            Effect::ComparesData | Effect::Records(_) => true,
            _ => false,
        })
    };
    let acts_later = plan.steps().any(|planned| planned.id > id && !proves(&planned.step));
    plan.steps().any(|planned| planned.id == id && proves(&planned.step)) && !acts_later
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_clusters_the_one_that_needs_a_person_most_counts() {
        let code = |verdicts: &[Option<Verdict>]| of_verdicts(verdicts.iter().copied());
        let [healthy, degraded, lost, split] =
            [Verdict::Healthy, Verdict::Degraded, Verdict::QuorumLost, Verdict::SplitBrain].map(Some);
        assert_eq!(code(&[degraded, split]), 13);
        assert_eq!(code(&[split, degraded]), 13);
        assert_eq!(code(&[lost, split, healthy]), 13);
        assert_eq!(code(&[healthy, degraded]), 10);
        assert_eq!(code(&[healthy, healthy]), DONE);
        assert_eq!(code(&[degraded, None]), FAILED);
        assert_eq!(code(&[None, lost]), 11);
        for verdict in Verdict::ALL {
            assert_eq!(code(&[Some(verdict)]), of_verdict(verdict));
        }
    }
}
