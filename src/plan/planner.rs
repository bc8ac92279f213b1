//! Chooses the planner by what the run is for, and lets safety say no to what it made. Holds no rule itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Cluster;
use crate::observe::Observation;
use crate::observe::assess::assess;
use crate::playbook::Playbook;

use super::{Goal, NoPlan, Plan, Request, Stage, cut_off, fence, initiate, recover, safety, undo};

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

impl Plan {
    /// What every plan says of itself, with these stages; who takes part is the planner's to say.
    pub(super) fn of(input: Input<'_>, stages: Vec<Stage>) -> Self {
        Self {
            version: 1,
            goal: input.request.goal,
            run: input.request.run.clone(),
            cluster: input.cluster.name.clone(),
            environment: Some(input.cluster.environment),
            zones: input.cluster.zone_of_masters(),
            summary: input.playbook.summary.clone(),
            failed_zones: BTreeSet::new(),
            survivors: BTreeSet::new(),
            seed: None,
            returned: BTreeSet::new(),
            left_out: BTreeSet::new(),
            attested: input.request.attested.clone(),
            overrides: input.request.set_aside(),
            only: input.request.only.clone(),
            after: None,
            ports: cut_off::ports(input),
            old_data: input.seen.old_data(),
            proof: None,
            findings: assess(input.cluster, input.seen).findings,
            stages,
        }
    }
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
