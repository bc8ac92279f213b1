//! A playbook: the ordered steps of a command, to which masters each applies, and why. Knows nothing about clusters.

use serde::{Deserialize, Serialize};

pub mod order;
pub mod shipped;
pub mod template;
pub mod text;

/// Who a step applies to; resolved by the planner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Masters of the failed zone that can be reached.
    Failed,
    /// Masters of the other zones, those that answer.
    Survivors,
    /// The survivor with the freshest data.
    Seed,
    /// Masters of the failed zone, back again.
    Returned,
    /// The master that an `each: returned` has come to.
    Joiner,
    /// Every master of the final member list.
    Everyone,
}

/// What must be so before the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// No leader anywhere and a failed linearizable read, for longer than two election timeouts.
    QuorumLost,
    /// Since the snapshot no leader has been seen and nothing was applied.
    StillLost,
    /// Every survivor acknowledges a write and shows the expected cluster ID.
    OneWritableCluster,
    /// Every member votes, shares one cluster ID and acknowledges a write.
    EveryoneServes,
}

/// What is stopped or started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// The etcd unit.
    Etcd,
}

/// A part of a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Ask whether `initiate_dr` would work.
    Doctor,
    /// Take a snapshot of the healthy cluster to the bastion.
    Snapshot,
    /// Let a canary write through a survivor and one through the zone that will be lost.
    Canaries,
    /// Lose the zone.
    Outage,
    /// Notice it.
    Detection,
    /// Give the survivors their quorum back.
    InitiateDr,
    /// Let the zone come back.
    Return,
    /// Bring the zone home.
    Recover,
    /// See that the cluster is as it must be now.
    Verification,
    /// Hold every promise that the canaries were given against what is stored.
    Ledger,
}

impl Phase {
    /// As a playbook writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Snapshot => "snapshot",
            Self::Canaries => "canaries",
            Self::Outage => "outage",
            Self::Detection => "detection",
            Self::InitiateDr => "initiate-dr",
            Self::Return => "return",
            Self::Recover => "recover",
            Self::Verification => "verification",
            Self::Ledger => "ledger",
        }
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Go on only if this is so.
    Expect(Expectation),
    /// Put the fence's drop-in in place beside the later steps; without its marker it does nothing.
    PrepareFence(Role),
    /// Keep etcd from starting, also after a reboot.
    Fence(Role),
    /// Save the data of the running survivor and verify the file.
    Snapshot(Role),
    /// Give the other masters of the role the seed's snapshot.
    DistributeSnapshot(Role),
    /// Copy the snapshot to the bastion, beside the later steps; its failure is a warning.
    FetchSnapshot(Role),
    /// Stop a service.
    Stop { what: Service, on: Role },
    /// Lift the fence and start a service, without waiting for its notification.
    Start { what: Service, on: Role },
    /// Move the data directory aside; what was restored takes its place.
    Retire(Role),
    /// Restore the snapshot into a fresh directory beside the old.
    Restore(Role),
    /// Render a template over the env file.
    Write {
        /// The template's name; without one each master's own, as the inventory has it.
        template: Option<String>,
        on: Role,
    },
    /// Add the master to the member list as a learner.
    Join(Role),
    /// Restart the learner once, as soon as it has the leader's snapshot.
    RestartLearner(Role),
    /// Give the learner its vote.
    Promote(Role),
    /// Make space and take back a NOSPACE alarm, where there is one: it survives a restore.
    ClearNospace(Role),
    /// Compare all members' data at one revision.
    Compare(Role),
    /// Leave on the masters what a second bastion would need: run, token, cluster ID, fork revision.
    Record(Role),
    /// Keep API servers, and what works through them, from running; end them at once.
    Park(Role),
    /// Let parked API servers know the etcd servers of the members alone.
    Narrow(Role),
    /// Remove the leases of API servers whose masters are no members.
    ClearLeases(Role),
    /// Let no pod be placed on the nodes of masters that are no members, nor on those of their zone.
    Cordon(Role),
    /// Take that back.
    Uncordon(Role),
    /// Put parked API servers back and wait for each; one that runs with another list gets the right one, one master at a time.
    ServeApi(Role),
    /// A part of a drill; only the playbook `drill` has such.
    Phase(Phase),
    /// Repeat steps for each master of a role, one after the other.
    Each {
        /// Over whom.
        role: Role,
        /// The steps, for the `joiner`.
        steps: Vec<PlaybookLine>,
    },
}

impl Action {
    /// Who the line applies to; `expect` says it by what is expected.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Expect(Expectation::EveryoneServes) | Self::Phase(_) => Role::Everyone,
            Self::Expect(_) => Role::Survivors,
            Self::PrepareFence(role)
            | Self::Fence(role)
            | Self::Snapshot(role)
            | Self::DistributeSnapshot(role)
            | Self::FetchSnapshot(role)
            | Self::Stop { on: role, .. }
            | Self::Start { on: role, .. }
            | Self::Retire(role)
            | Self::Restore(role)
            | Self::Write { on: role, .. }
            | Self::Join(role)
            | Self::RestartLearner(role)
            | Self::Promote(role)
            | Self::Compare(role)
            | Self::Record(role)
            | Self::ClearNospace(role)
            | Self::Park(role)
            | Self::Narrow(role)
            | Self::ClearLeases(role)
            | Self::Cordon(role)
            | Self::Uncordon(role)
            | Self::ServeApi(role)
            | Self::Each { role, .. } => *role,
        }
    }
}

/// A step of the playbook as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaybookLine {
    pub action: Action,
    /// Why, in the playbook's words.
    pub why: Option<String>,
    /// The line of the file it begins on, 1-based.
    pub at: u64,
}

/// A whole playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playbook {
    /// Its name: the command it is for.
    pub name: String,
    /// What is true once it ran.
    pub summary: String,
    /// The steps in order.
    pub lines: Vec<PlaybookLine>,
}
