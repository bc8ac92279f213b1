//! The way back from a step, as a value. Knows no kind of step.

use serde::{Deserialize, Serialize};

use super::Step;

/// The way back from a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// It changes nothing.
    NothingChanged,
    /// These steps take it back, in this order.
    Steps(Vec<Step>),
    /// What would take it back, in words an operator can follow. Only what `recover` does to the member list of a cluster
    /// that serves: its way is on, so that no command takes a learner or a voter away again.
    ByHand(String),
    /// No way back, and why.
    PointOfNoReturn(String),
}

/// Why there is no way back from taking a run back.
pub(super) const GIVEN_UP: &str = "what that run made is not used any more; `requorum initiate-dr` would make it anew";
