//! Chooses the planner by what the run is for, and lets safety say no to what it made. Holds no rule itself.

use std::collections::BTreeMap;

use crate::model::Cluster;
use crate::observe::Observation;
use crate::playbook::Playbook;

use super::{Goal, NoPlan, Plan, Request, fence, initiate, recover, safety, undo};

/// Everything a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The inventory. A plan adds the containers that were found.
    pub cluster: &'a Cluster,
    pub playbook: &'a Playbook,
    /// Templates by name.
    pub templates: &'a BTreeMap<String, String>,
    /// What the masters said.
    pub seen: &'a Observation,
    /// What the operator asks for.
    pub request: &'a Request,
}

/// Chooses what to do, or says why nothing is done. Same input, same plan.
///
/// # Errors
/// [`NoPlan`]: nothing to do, or every rule that forbids it.
pub fn plan(input: Input<'_>) -> Result<Plan, NoPlan> {
    let cluster = input.seen.as_found(input.cluster);
    let input = Input { cluster: &cluster, ..input };
    let plan = match input.request.goal {
        Goal::InitiateDr => initiate::plan(input)?,
        Goal::Recover => recover::plan(input)?,
        Goal::Fence => fence::fence(input)?,
        Goal::Unfence => fence::unfence(input)?,
        Goal::Undo => undo::plan(input)?,
    };
    let broken = safety::check(&plan);
    if broken.is_empty() { Ok(plan) } else { Err(NoPlan::Refused(broken)) }
}
