//! What a finished run's journal says about the cluster that it served: the record that it left on the masters.

use crate::model::ClusterName;
use crate::observe::ClusterRecord;
use crate::step::Effect;

use super::{Record, RunEvent};

/// What comes after a run's end: the lock let go, a last look, and a line that was cut off.
const AFTER_THE_END: usize = 8;

/// The record of a run of this cluster that came to its end, from its journal's text. Only the first line and the last
/// ones are read: `status` does so with every journal there is.
#[must_use]
pub fn recorded(text: &str, name: &ClusterName) -> Option<ClusterRecord> {
    let first: Record<RunEvent> = serde_json::from_str(text.lines().next()?).ok()?;
    let RunEvent::Run { plan, .. } = first.what else { return None };
    let last =
        text.lines().rev().take(AFTER_THE_END).filter_map(|line| serde_json::from_str::<Record<RunEvent>>(line).ok());
    let done = last.into_iter().any(|record| matches!(record.what, RunEvent::End { exit: 0, .. }));
    if plan.cluster != *name || !done {
        return None;
    }
    let effects = plan.steps().flat_map(|planned| planned.step.kind().effects());
    let records = effects.filter_map(|effect| match effect {
        Effect::Records(record) if record.finished => Some(record.clone()),
        _ => None,
    });
    records.last()
}
