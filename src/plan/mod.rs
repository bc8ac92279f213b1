//! A plan: every step of a run, final before the first one is done. A value that can be shown, stored and compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::digest::sha256;
use crate::model::{Cluster, ClusterId, ClusterName, Environment, MasterName, RunId, Token, ZoneName};
use crate::observe::database::Ends;
use crate::observe::{Finding, Observation};
use crate::playbook::Playbook;
use crate::step::{Step, Undo};

mod added_checks;
mod allowed;
mod binding;
mod build;
pub(crate) mod checks;
pub mod comparison;
mod conditions;
mod corrupt;
pub mod cut_off;
pub mod doctor;
mod draft;
pub mod drill;
pub mod env_file_changes;
pub mod existing_snapshot;
pub mod fence;
mod foreign;
pub mod initiate;
mod parallel_steps;
mod peer_reachability;
pub mod recover;
pub mod rehearse;
mod rendering;
mod rule;
pub mod safety;
mod seed;
pub mod split_brain;
pub mod undo;

pub use rule::Rule;

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The surviving zone serves alone.
    InitiateDr,
    /// The failed zone's masters are members again.
    Recover,
    /// A zone's etcd is stopped and cannot start.
    Fence,
    /// A zone's etcd may start again.
    Unfence,
    /// What a run replaced and did not finish is as it was before.
    Undo,
}

impl Goal {
    /// The playbook's name.
    #[must_use]
    pub const fn playbook(self) -> &'static str {
        match self {
            Self::InitiateDr => "initiate_dr",
            Self::Recover => "recover",
            Self::Fence => "fence",
            Self::Unfence => "unfence",
            Self::Undo => "undo",
        }
    }

    /// The command's name.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::InitiateDr => "initiate-dr",
            Self::Recover => "recover",
            Self::Fence => "fence",
            Self::Unfence => "unfence",
            Self::Undo => "undo",
        }
    }
}

/// A snapshot file of the bastion, as read there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFile {
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Whether etcd's own hash stands at its end and is right; a copied database has none.
    pub hash: TrailingHash,
    /// Which of the IDs asked for occur in it: the members of the cluster it comes from.
    pub member_ids: BTreeSet<String>,
    /// The runs of this bastion that took it of this cluster or used it, as their journals say; the earliest first.
    #[serde(default)]
    pub origins: Vec<existing_snapshot::SnapshotOrigin>,
    /// Where the database in it ends, or why that cannot be read.
    #[serde(default = "not_read")]
    pub ends: Result<Ends, String>,
    /// When the file was last written, where the bastion says it.
    #[serde(default)]
    pub written: Option<jiff::Timestamp>,
}

/// What a file's value says that was written before this was read.
fn not_read() -> Result<Ends, String> {
    Err(crate::observe::NOT_ASKED.to_owned())
}

/// The state of the SHA-256 that etcd puts at a snapshot's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrailingHash {
    /// There and right.
    Right,
    /// Not there: the size is that of a bare database.
    Absent,
    /// There and wrong, or the file is cut off.
    Wrong,
}

/// What the operator asks for, with everything random or personal made at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the run is for.
    pub goal: Goal,
    pub run: RunId,
    /// A fresh random token.
    pub token: Token,
    /// The zones said to have failed.
    pub failed_zones: BTreeSet<ZoneName>,
    /// The run that `undo` takes back.
    pub undoes: Option<RunId>,
    /// `recover` only these; the others later.
    pub only: BTreeSet<MasterName>,
    /// The survivor to grow from, where the planner may not choose.
    pub seed: Option<MasterName>,
    /// Zones and masters attested to be off, and by what.
    pub attested: BTreeMap<String, String>,
    /// Rules set aside, and why.
    pub overrides: BTreeMap<Rule, String>,
    /// A snapshot to use instead of the survivor's.
    pub snapshot: Option<SnapshotFile>,
    /// Who asks, for fences and records.
    pub person: String,
}

/// A member of the cluster as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMember {
    pub master: MasterName,
    /// Its name in etcd.
    pub name: String,
    pub peer_urls: Vec<String>,
}

/// The cluster that a run leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// Its ID.
    pub cluster: ClusterId,
    pub token: Token,
    pub members: Vec<PlannedMember>,
}

/// A step on its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its place among all steps of the plan, from 1; people are told [`Plan::number_of`] it.
    pub id: u32,
    /// The master it runs on.
    pub host: MasterName,
    pub step: Step,
}

/// Steps that run side by side: of one kind, each on a master of its own, or of kinds that touch different files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The playbook's line in words.
    pub title: String,
    /// Why, in the playbook's words.
    pub why: Option<String>,
    /// Whether later stages need not wait for it, and its failure is a warning.
    #[serde(rename = "beside")]
    pub background: bool,
    pub steps: Vec<Planned>,
}

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
            Undo::NothingChanged | Undo::ByHand(_) => None,
        })
    }

    /// A digest of the whole plan: same input, same digest.
    #[must_use]
    pub fn digest(&self) -> String {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        sha256(&bytes)[..16].to_owned()
    }
}

impl Request {
    /// The rules set aside as a plan keeps them: by name, so that another version can read them.
    pub(crate) fn set_aside(&self) -> BTreeMap<String, String> {
        self.overrides.iter().map(|(rule, why)| (rule.to_string(), why.clone())).collect()
    }
}

/// One reason why nothing may be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The rule, by the name that `--override` takes.
    pub rule: Rule,
    /// What was seen.
    pub why: String,
    pub next: String,
}

impl Refusal {
    pub(crate) fn new(rule: Rule, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { rule, why: why.into(), next: next.into() }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoPlan {
    /// Everything is as wanted.
    NothingToDo(String),
    /// Rules forbid it. Nothing was changed.
    Refused(Vec<Refusal>),
}

/// Everything a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The inventory.
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
