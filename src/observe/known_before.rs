//! What this bastion knew before this look: which member each master was when a cluster was last seen to serve, and
//! which clusters its own finished runs made. Knows nothing about files.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{Cluster, ClusterId, ClusterName, MasterName, MemberId};

use super::assess::Assessment;
use super::members::membership;
use super::records::{Newest, newest};
use super::{ClusterRecord, Observation};

/// Everything from before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBefore {
    /// What the last good look found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<LastLook>,
    /// What this bastion's finished runs recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<ClusterRecord>,
    /// Of the runs that hold a master: those of this bastion that have ended.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ended: BTreeSet<String>,
}

impl KnownBefore {
    /// Whether nothing is known from before.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.look.is_none() && self.records.is_empty() && self.ended.is_empty()
    }
}

/// Which member each master was: a dark master cannot say so itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastLook {
    /// The format's version, 1.
    pub version: u32,
    /// The inventory's cluster.
    pub name: ClusterName,
    /// The cluster that served.
    pub cluster: ClusterId,
    /// Its members, by master.
    pub members: BTreeMap<MasterName, KnownMember>,
}

/// A master as a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownMember {
    /// Its ID in that cluster.
    pub id: MemberId,
    /// Its name; empty where it had not started.
    pub name: String,
    /// Where its peers reached it.
    pub peer_urls: Vec<String>,
}

/// The version of a kept look.
const VERSION: u32 = 1;

impl LastLook {
    /// Reads what was kept of this cluster; nothing where it is another's, or of a format that is not known.
    #[must_use]
    pub fn read(text: &str, name: &ClusterName) -> Option<Self> {
        let look: Self = serde_json::from_str(text).ok()?;
        (look.version == VERSION && look.name == *name).then_some(look)
    }

    /// What is worth keeping of a look: of one in which one cluster serves that no record contradicts, and tells its
    /// members. What was known of a master that is not recognized this time stays known while its member is in the list.
    #[must_use]
    pub fn of(cluster: &Cluster, seen: &Observation, assessment: &Assessment) -> Option<Self> {
        let serving = assessment.serving.values().next().filter(|_| assessment.serving.len() == 1)?;
        let newest = newest(seen, &assessment.serving);
        let contradicted = match newest {
            Newest::Unrecorded => false,
            Newest::Known(record) => !assessment.serving.contains_key(&record.cluster),
            Newest::Unclear(_) => true,
        };
        if contradicted {
            return None;
        }
        let membership = membership(cluster, seen, serving);
        let (id, entries) = membership.members.as_ref().ok()?;
        let before = seen.known_before.look.iter().filter(|look| look.cluster == *id).flat_map(|look| &look.members);
        let stays = |(_, known): &(&MasterName, &KnownMember)| entries.iter().any(|entry| entry.member.id == known.id);
        let mut members: BTreeMap<MasterName, KnownMember> =
            before.filter(stays).map(|(master, known)| (master.clone(), known.clone())).collect();
        for (master, member) in entries.iter().filter_map(|entry| Some((entry.master.as_ref()?, &entry.member))) {
            let (name, peer_urls) = (member.name.clone(), member.peer_urls.clone());
            members.insert(master.clone(), KnownMember { id: member.id, name, peer_urls });
        }
        Some(Self { version: VERSION, name: cluster.name.clone(), cluster: *id, members })
    }
}
