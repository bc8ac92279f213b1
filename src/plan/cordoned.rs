//! What a person should know of cordoned nodes: a line that does nothing, and nodes that stay cordoned. Cordons nobody.

use crate::observe::assess::assess;
use crate::observe::records::newest;
use crate::observe::{ClusterRecord, Code, Finding, Severity};
use crate::playbook::{Action, PlaybookLine};
use crate::step::{Effect, Step};

use super::{Input, Stage};

/// A line of a playbook of which nothing comes, and why.
pub(super) fn idle(word: &str, why: &str) -> Finding {
    let text = format!("the playbook's line `{word}` does nothing here: {why}; by hand: kubectl {word} NODE");
    Finding { code: Code::CordonIdle, severity: Severity::Warning, master: None, text }
}

fn does_it(stages: &[Stage]) -> bool {
    stages
        .iter()
        .flat_map(|stage| &stage.steps)
        .any(|planned| planned.step.does(|effect| *effect == Effect::CordonsNodes))
}

/// A run that comes later, maybe from another bastion, knows from the record alone whether nodes are cordoned: it says so before
/// they are.
pub(super) fn record_first(stages: &mut [Stage]) {
    if !does_it(stages) {
        return;
    }
    for planned in stages.iter_mut().flat_map(|stage| &mut stage.steps) {
        if let Step::Record(step) = &mut planned.step {
            step.record.cordons = true;
        }
    }
}

/// Whether a `recover` has nodes to uncordon, though nothing else is to be done.
pub(super) fn is_to_be_lifted(record: Option<&ClusterRecord>, lines: &[PlaybookLine]) -> bool {
    record.is_some_and(|record| record.cordons) && lines.iter().any(|line| matches!(line.action, Action::Uncordon(_)))
}

/// Nodes that a run has cordoned, and that these stages leave so.
pub(super) fn stay(record: Option<&ClusterRecord>, stages: &[Stage]) -> Option<Finding> {
    let record = record.filter(|record| record.cordons && !does_it(stages))?;
    let text = format!(
        "run {} had nodes of the lost zone cordoned, and nothing here takes that back: they have the annotation \
         `requorum/cordoned-by`, and get pods again by: kubectl uncordon NODE",
        record.run
    );
    Some(Finding { code: Code::NodesCordoned, severity: Severity::Warning, master: None, text })
}

/// The same by the newest record that was seen.
pub(super) fn stay_by_newest(input: Input<'_>, stages: &[Stage]) -> Option<Finding> {
    let serving = assess(input.cluster, input.seen).serving;
    stay(newest(input.seen, &serving).known(), stages)
}
