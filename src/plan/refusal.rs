//! Why there is no plan: nothing to do, or the rules that forbid it.

use serde::{Deserialize, Serialize};

use super::Rule;

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
