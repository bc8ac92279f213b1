//! A plan: every step of a run, final before the first one is done. A value that can be shown, stored and compared.

mod added_checks;
mod after;
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
mod goal;
pub mod initiate;
mod parallel_steps;
mod peer_reachability;
#[allow(clippy::module_inception, reason = "it holds the plan")]
mod plan;
mod planner;
pub mod recover;
mod refusal;
pub mod rehearse;
mod rendering;
mod request;
mod rule;
pub mod safety;
mod seed;
mod snapshot_file;
pub mod split_brain;
mod stage;
pub mod undo;

pub use after::{After, PlannedMember};
pub use goal::Goal;
pub use plan::Plan;
pub use planner::{Input, plan};
pub use refusal::{NoPlan, Refusal};
pub use request::Request;
pub use rule::Rule;
pub use snapshot_file::{SnapshotFile, TrailingHash};
pub use stage::{Planned, Stage};
