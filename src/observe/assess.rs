//! What an observation means: findings by code, and a verdict. Pure; terminal, journal and docs use the same codes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::command::at_most;
use crate::model::{Cluster, ClusterId, MasterName};

use super::alarms::tell_relief;
use super::{Finding, Observation, Verdict, cluster_findings, master_findings, verdict};

/// Findings and verdict together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// The state.
    pub verdict: Verdict,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// The clusters that serve, and through which masters.
    pub serving: BTreeMap<ClusterId, BTreeSet<MasterName>>,
}

/// The most characters of a finding, in every form: a hundred masters with their URLs are half of it.
const LONGEST_FINDING: usize = 8_000;

/// Says what an observation means.
#[must_use]
pub fn assess(cluster: &Cluster, observation: &Observation) -> Assessment {
    let mut serving: BTreeMap<ClusterId, BTreeSet<MasterName>> = BTreeMap::new();
    for (name, seen) in observation.answering() {
        if let (true, Some(id)) = (seen.serves(), seen.cluster()) {
            serving.entry(id).or_default().insert(name.clone());
        }
    }
    let mut findings: Vec<Finding> = cluster
        .masters()
        .flat_map(|master| master_findings::findings(master, observation.masters.get(&master.name)))
        .collect();
    findings.extend(cluster_findings::findings(cluster, observation, &serving));
    tell_relief(observation, &mut findings);
    for finding in &mut findings {
        finding.text = at_most(std::mem::take(&mut finding.text), LONGEST_FINDING);
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let verdict = verdict::verdict(cluster, observation, &serving, &findings);
    Assessment { verdict, findings, serving }
}
