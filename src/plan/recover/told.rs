//! What a person should know of a `recover` before it begins. Refuses nothing.

use std::collections::BTreeSet;

use crate::model::{MasterName, quorum};
use crate::observe::assess::assess;
use crate::observe::{Code, Finding, Severity, fork};
use crate::plan::draft::PlanDraft;
use crate::plan::initiate::join;
use crate::plan::{Input, Stage};
use crate::step::Effect;
use crate::step::retire::Retire;

use super::TargetCluster;

/// Of each master whose data is moved aside and whose etcd does not say its revision: where that can be read.
pub(super) fn untold(input: Input<'_>, target: &TargetCluster, stages: &[Stage]) -> Vec<Finding> {
    let Some(record) = &target.record else { return Vec::new() };
    let effects = stages.iter().flat_map(|stage| &stage.steps).flat_map(|planned| planned.step.kind().effects());
    let retires = effects.filter_map(|effect| match effect {
        Effect::MovesData(retire) => Some(retire),
        _ => None,
    });
    let told = |retire: &Retire| {
        let seen = input.seen.seen(&retire.master)?;
        fork::untold(input.seen, record, &retire.master, seen, &retire.aside())
    };
    retires.filter_map(told).collect()
}

pub(super) fn findings(
    input: Input<'_>,
    draft: &PlanDraft<'_>,
    target: &TargetCluster,
    left_out: &BTreeSet<MasterName>,
) -> Vec<Finding> {
    let mut findings = assess(input.cluster, input.seen).findings;
    // Whether they stay so is told of what is planned.
    findings.retain(|finding| finding.code != Code::NodesCordoned);
    let mut note = |code: Code, text: String| {
        findings.push(Finding { code, severity: Severity::Warning, master: None, text });
    };
    if target.record.is_none() {
        note(
            Code::UnrecordedCluster,
            format!("no run of requorum has recorded cluster {}; it is used as it is", target.cluster),
        );
    }
    if !left_out.is_empty() {
        let voters = draft.members.len();
        let tolerance = quorum::tolerance(voters);
        note(
            Code::LeftOut,
            format!(
                "still without {}: the cluster will have {voters} voters and tolerate the loss of {tolerance}",
                join(left_out)
            ),
        );
    }
    findings
}
