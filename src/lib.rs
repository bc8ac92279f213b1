//! requorum gives a stretched Kubernetes cluster its etcd quorum back and brings the lost zone home.
//!
//! ```text
//!  inventory  playbook  templates        masters ◄── ssh ── Command ◄─┐
//!      │          │         │               └──► output               │
//!      ▼          ▼         ▼                     │                   │
//!   model::Cluster  playbook::Playbook    observe::Observation        │
//!      └──────────┬─────────┴───────────────┬─────┘                   │
//!                 ▼                         ▼                         │
//!           plan::plan ◄───────── observe::assess → Findings          │
//!                 │   └─ Refusal → terminal                           │
//!                 ▼                                                   │
//!               Plan ──► plan::safety (may only say no)               │
//!                 ├────► report (a dry run ends here)                 │
//!                 ▼                                                   │
//!            run::runner ── intent → act → judge ─────────────────────┘
//!                 └── Record → journal (append + fsync) · terminal
//! ```
//!
//! Reading, acting and showing happen in `world`. `model`, `observe`, `playbook`, `step`, `plan` and `report` are plain
//! functions over plain values: no I/O, no clock, no environment, no randomness.

pub mod cli;
pub mod model;
pub mod observe;
pub mod plan;
pub mod playbook;
pub mod report;
pub mod run;
pub mod sim;
pub mod step;
pub mod world;
