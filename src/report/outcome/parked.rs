//! Which API servers a run that stopped has left parked, and how each is put back.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::model::{Component, MasterName};
use crate::run::journal::StepState;
use crate::step::Effect;

use super::super::names;
use super::{Open, ReportedRun};

/// Whose are parked, as far as the run knows: of a step that was begun, what it may have done.
pub(super) fn components(run: ReportedRun<'_>) -> BTreeMap<&MasterName, Vec<&Component>> {
    let state = |id: u32| run.states.get(&id).copied().unwrap_or(StepState::Planned);
    let mut parked = BTreeMap::new();
    for planned in run.plan.steps() {
        for effect in planned.step.kind().effects() {
            match effect {
                Effect::ParksApiServer(components) if state(planned.id) != StepState::Planned => {
                    parked.insert(&planned.host, components.iter().collect());
                }
                Effect::ServesApi(_) if state(planned.id) == StepState::Done => {
                    parked.remove(&planned.host);
                }
                _ => {}
            }
        }
    }
    parked
}

/// How a person puts them back, once etcd there serves.
pub(super) fn back_by_hand(host: &MasterName, components: &[Component]) -> String {
    let lines = components.iter().map(|component| format!("  on {host}: {}\n", component.start_by_hand()));
    format!("Its API server is parked still; once its etcd serves:\n{}", lines.collect::<String>())
}

/// What is told of them.
pub(super) fn words(run: ReportedRun<'_>) -> Option<Open> {
    let parked = components(run);
    if parked.is_empty() {
        return None;
    }
    let when = if run.later { "Parked when the journal ended" } else { "Parked now" };
    let mut text = format!("{when} (it serves nothing): the API server of {}.\n", names(parked.keys().copied()));
    text.push_str("The commands below put it back. By hand, once its etcd serves the right cluster:\n");
    for (host, components) in parked {
        for component in components {
            let _ = writeln!(text, "  on {host}: {}", component.start_by_hand());
        }
    }
    Some(Open::next(text))
}
