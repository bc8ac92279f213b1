//! The plan as a value: all of its stages, who takes part, and what is true afterwards. Does not know how it was chosen.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::digest::sha256;
use crate::model::{ClusterName, Environment, MasterName, RunId, ZoneName};
use crate::observe::Finding;
use crate::step::Undo;

use super::{After, Goal, Planned, Stage};

/// Everything a run will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The format's version, 1.
    pub version: u32,
    /// What it is for.
    pub goal: Goal,
    /// The run it is for.
    pub run: RunId,
    /// The inventory's cluster.
    pub cluster: ClusterName,
    /// What kind of cluster it is; plans from before it was written down lack it.
    #[serde(default)]
    pub environment: Option<Environment>,
    /// Every master of the inventory and its zone, for those who read the plan without the inventory; empty in plans
    /// from before it was written down.
    #[serde(default)]
    pub zones: BTreeMap<MasterName, ZoneName>,
    /// What is true once it ran.
    pub summary: String,
    /// The zones that failed.
    pub failed_zones: BTreeSet<ZoneName>,
    /// The masters that serve, or will.
    pub survivors: BTreeSet<MasterName>,
    /// The survivor that others grow from.
    pub seed: Option<MasterName>,
    /// Masters that come back in this run.
    pub returned: BTreeSet<MasterName>,
    /// Those that `recover` was to take back and no others; empty where it was to take all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub only: BTreeSet<MasterName>,
    /// Masters left out of the cluster until a later `recover`.
    pub left_out: BTreeSet<MasterName>,
    /// What was attested, by whom or what.
    pub attested: BTreeMap<String, String>,
    /// Rules set aside, and why.
    pub overrides: BTreeMap<String, String>,
    /// The cluster as it will be, where the run makes one.
    pub after: Option<After>,
    /// The ports of etcd to cut off where nobody may serve; empty in plans from before they were written down.
    #[serde(default)]
    pub ports: BTreeSet<u16>,
    /// The directories with data that earlier runs moved aside on the masters that answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub old_data: BTreeMap<MasterName, BTreeSet<String>>,
    /// What was found while observing and planning.
    pub findings: Vec<Finding>,
    /// What shows that quorum is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The steps.
    pub stages: Vec<Stage>,
}

impl Plan {
    /// Every step in order.
    pub fn steps(&self) -> impl Iterator<Item = &Planned> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }

    /// The line of the plan's list that a step stands in, from 1: the one number that people are told. Masters that share
    /// the line are told apart by their names. 0 for a step that is not the plan's.
    #[must_use]
    pub fn number_of(&self, id: u32) -> usize {
        let holds = |stage: &Stage| stage.steps.iter().any(|planned| planned.id == id);
        self.stages.iter().position(holds).map_or(0, |index| index + 1)
    }

    /// Every master that the plan knows of, also those it leaves alone.
    #[must_use]
    pub fn masters(&self) -> BTreeSet<&MasterName> {
        let named = self.survivors.iter().chain(&self.returned).chain(&self.left_out);
        named.chain(self.zones.keys()).chain(self.steps().map(|planned| &planned.host)).collect()
    }

    /// The first step from which there is no way back.
    #[must_use]
    pub fn point_of_no_return(&self) -> Option<(&Planned, String)> {
        self.steps().find_map(|planned| match planned.step.kind().undo() {
            Undo::PointOfNoReturn(why) => Some((planned, why)),
            Undo::NothingChanged | Undo::Steps(_) | Undo::ByHand(_) => None,
        })
    }

    /// A digest of the whole plan: same input, same digest.
    #[must_use]
    pub fn digest(&self) -> String {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        sha256(&bytes)[..16].to_owned()
    }
}
