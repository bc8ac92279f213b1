//! Which steps run side by side in one stage, by what they do. Knows nothing about masters, nor kinds of steps.

use crate::step::snapshot::Source;
use crate::step::{Effect, Step};

/// Whether a step needs nothing of the one before it: env file and record lie elsewhere than the data that is moved; the
/// snapshot is worth nothing unless both looks find what the plan was made on.
pub(super) fn may_run_in_parallel(before: &Step, step: &Step) -> bool {
    let (before, after) = (before.kind().effects(), step.kind().effects());
    let needs_nothing = |effect: &Effect<'_>| match before[..] {
        [Effect::MovesData(_)] => {
            matches!(effect, Effect::WritesFile(_) | Effect::WritesList(_) | Effect::Records(_) | Effect::ChecksSilence)
        }
        [Effect::ChecksNoLeader(_)] => matches!(effect, Effect::SavesSnapshot(Source::Live { .. })),
        _ => false,
    };
    !after.is_empty() && after.iter().all(needs_nothing)
}
