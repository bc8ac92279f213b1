//! The verdict: what state the cluster is in, from who serves, who votes and what was found. Finds nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{Cluster, ClusterId, MasterName};

use super::members::{Membership, Vote, membership};
use super::{Finding, Observation, Severity};

/// What state the cluster is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every master of the inventory is a voter and serves.
    Healthy,
    /// It serves, and something is wrong.
    Degraded,
    /// No quorum, proved.
    QuorumLost,
    /// It serves, and every voter stands in one zone.
    OneZone,
    /// Two clusters serve.
    SplitBrain,
    /// It could not be told.
    Unknown,
}

impl Verdict {
    /// Every verdict there is.
    pub const ALL: [Self; 6] =
        [Self::Healthy, Self::Degraded, Self::QuorumLost, Self::OneZone, Self::SplitBrain, Self::Unknown];

    /// The verdict as machines read it, as in JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::QuorumLost => "quorum-lost",
            Self::OneZone => "one-zone",
            Self::SplitBrain => "split-brain",
            Self::Unknown => "unknown",
        }
    }

    /// How much a person is needed: of several clusters the one with the highest counts. A loss that is proved comes before
    /// one that may be.
    #[must_use]
    pub const fn urgency(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Degraded => 1,
            Self::OneZone => 2,
            Self::Unknown => 3,
            Self::QuorumLost => 4,
            Self::SplitBrain => 5,
        }
    }

    /// The verdict in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded: it serves, and something is wrong",
            Self::QuorumLost => "QUORUM LOST",
            Self::OneZone => "one zone serves alone",
            Self::SplitBrain => "SPLIT BRAIN: two clusters take writes",
            Self::Unknown => "unknown",
        }
    }
}

/// The verdict on what was seen.
pub(super) fn verdict(
    cluster: &Cluster,
    observation: &Observation,
    serving: &BTreeMap<ClusterId, BTreeSet<MasterName>>,
    findings: &[Finding],
) -> Verdict {
    let Some(masters) = serving.values().next() else {
        return match &observation.proof {
            // Where every etcd that was asked has ended, nobody was asked who could tell.
            Some(proof) if proof.is_lost() => Verdict::QuorumLost,
            _ => Verdict::Unknown,
        };
    };
    if serving.len() > 1 {
        return Verdict::SplitBrain;
    }
    let membership = membership(cluster, observation, masters);
    if one_zone_alone(cluster, &membership) {
        return Verdict::OneZone;
    }
    let voters = membership.voters();
    let whole = cluster.masters().all(|master| voters.contains(&master.name) && masters.contains(&master.name));
    if whole && membership.members.is_ok() && findings.iter().all(|finding| finding.severity == Severity::Note) {
        Verdict::Healthy
    } else {
        Verdict::Degraded
    }
}

/// Whether all voters stand in one zone. A master of which that is not known may vote in another, and a voter that is no known
/// master may stand there.
fn one_zone_alone(cluster: &Cluster, membership: &Membership) -> bool {
    let may_vote = |master: &MasterName| matches!(membership.vote(master), Vote::Votes | Vote::Unknown);
    let zones = cluster.zones.values().filter(|zone| zone.masters.keys().any(may_vote));
    let stranger = membership.strangers().any(|entry| entry.member.votes());
    membership.members.is_ok() && !stranger && cluster.zones.len() > 1 && zones.count() == 1
}
