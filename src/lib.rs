//! requorum restores the etcd quorum of a stretched Kubernetes cluster and rejoins the lost zone.
//!
//! `docs/design.md` has the map. Reading, acting and showing happen in `world`. `model`, `config`, `observe`, `playbook`, `step`,
//! `plan` and `report` are plain functions over plain values: no I/O, no clock, no environment, no randomness.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod cli;
pub mod config;
pub mod import;
pub mod model;
pub mod observe;
pub mod plan;
pub mod playbook;
pub mod report;
pub mod review;
pub mod run;
/// Built for tests only: the program as it is shipped knows no model.
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod step;
pub mod verbs;
pub mod world;
