//! A run that stopped while its survivors were down, and how to continue it. Knows only its journal and one look.

use std::path::Path;

use crate::observe::Observation;
use crate::plan::Plan;
use crate::report::outcome::{self, ReportedRun};
use crate::run::journal::{Record, RunEvent};

use crate::run::journal::replay::replay;

/// The command that goes on with the run of this journal, if what was seen is still what it left: each of its survivors
/// is down behind its fence, which goes when etcd is started. A fence of another run, or none, means that somebody has gone
/// on since.
#[must_use]
pub fn way_on(records: &[Record<RunEvent>], place: &Path, again: &str, seen: &Observation) -> Option<String> {
    let replay = replay(records)?;
    let outcome = replay.outcome();
    let states = &replay.states;
    let run = ReportedRun {
        plan: replay.plan,
        outcome: &outcome,
        states,
        proof: None,
        place,
        again,
        drill: replay.drill,
        later: true,
    };
    outcome::way_on(run).filter(|_| is_as_left(replay.plan, seen))
}

fn is_as_left(plan: &Plan, seen: &Observation) -> bool {
    plan.survivors.iter().all(|master| {
        seen.seen(master).is_some_and(|seen| {
            let fenced_by = seen.traces.as_ref().ok().and_then(|traces| traces.fenced_by.as_ref());
            fenced_by == Some(&plan.run) && seen.etcd_runs() == Some(false)
        })
    })
}
