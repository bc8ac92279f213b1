//! Which kinds of steps run side by side in one stage. Knows nothing about masters.

use crate::step::{Step, snapshot};

/// Whether a step needs nothing of the one before it: env file and record lie elsewhere than the data that is moved; the
/// snapshot is worth nothing unless both looks find what the plan was made on.
pub(super) fn may_run_in_parallel(before: &Step, step: &Step) -> bool {
    match (before, step) {
        (Step::Retire(_), Step::Write(_) | Step::Record(_) | Step::Silent(_)) => true,
        (Step::Leaderless(_), Step::Snapshot(snapshot)) => matches!(snapshot.source, snapshot::Source::Live { .. }),
        _ => false,
    }
}
