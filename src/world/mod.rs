//! The real ports: SSH, disk, clock, terminal. The only place that touches the outside.

#![allow(clippy::disallowed_methods, reason = "this is the edge")]

mod ansible;
pub mod bastion;
pub mod checkout;
pub mod clock;
pub mod completion;
pub mod files;
mod git;
pub mod last_look;
pub mod local;
mod readiness;
mod regular;
mod revisions;
pub mod ssh;
mod ssh_files;
pub mod state;
pub mod store;
pub mod terminal;
mod told;
