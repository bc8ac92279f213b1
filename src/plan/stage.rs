//! A stage of a plan and its steps, each on its host. Knows nothing of other stages.

use serde::{Deserialize, Serialize};

use crate::model::MasterName;
use crate::step::Step;

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
