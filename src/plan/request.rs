//! What the operator asks for, as the planner takes it. Does not know how it was asked.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{MasterName, RunId, Token, ZoneName};

use super::{Goal, Rule, SnapshotFile};

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
    /// Whether quorum must be proved lost by waiting, whatever counting says.
    pub timed_proof: bool,
}

impl Request {
    /// What a proof may count with.
    #[must_use]
    pub fn counts_with(&self) -> Option<&BTreeMap<String, String>> {
        (!self.timed_proof).then_some(&self.attested)
    }
}

impl Request {
    /// The rules set aside as a plan keeps them: by name, so that another version can read them.
    pub(crate) fn set_aside(&self) -> BTreeMap<String, String> {
        self.overrides.iter().map(|(rule, why)| (rule.to_string(), why.clone())).collect()
    }
}
