//! Two inventories of one cluster compared by what they mean: members, quorum, who would survive. Reads no file and
//! contacts no master.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::cluster::{Cluster, Master};
use crate::model::name::{Address, ClusterName, MasterName, ZoneName};
use crate::model::quorum;

mod dangers;
mod follow;

pub use dangers::Danger;

/// What happens to one master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// It is new.
    Added {
        /// The zone it stands in.
        zone: ZoneName,
        /// Where it is reached.
        address: Address,
    },
    /// It is gone.
    Removed {
        /// The zone it stood in.
        zone: ZoneName,
        /// Where it was reached.
        address: Address,
    },
    /// It stands elsewhere.
    Moved {
        /// Before.
        from: ZoneName,
        /// After.
        to: ZoneName,
    },
    /// A setting of it differs.
    Set(Setting),
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its keys, with dots between them.
    pub setting: &'static str,
    /// Before; nothing for `null`.
    pub from: Option<String>,
    /// After; nothing for `null`.
    pub to: Option<String>,
}

/// One inventory's quorum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// How many masters vote.
    pub voters: usize,
    /// How many must agree.
    pub needed: usize,
    /// How many may be lost.
    pub tolerance: usize,
    /// For each zone: what its loss means.
    pub zones: BTreeMap<ZoneName, Loss>,
}

/// What losing a zone means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Whether the others go on by themselves.
    pub quorum_kept: bool,
    /// Who is lost; `recover` brings them home.
    pub lost: Vec<MasterName>,
    /// Who is left; where quorum is lost, `initiate_dr` makes the new cluster of them.
    pub survivors: Vec<MasterName>,
}

/// What lies between two inventories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// The cluster, as it is called afterwards.
    pub cluster: ClusterName,
    /// Before; nothing where there was no inventory.
    pub before: Option<Side>,
    /// After; nothing where there is none any more.
    pub after: Option<Side>,
    /// Each master that changes, and how.
    pub masters: BTreeMap<MasterName, Vec<Change>>,
    /// Settings of the cluster that differ.
    pub settings: Vec<Setting>,
    /// What must not be done like this.
    pub dangers: Vec<Danger>,
    /// What has to be done on the cluster to follow the change, in this order.
    pub follow: Vec<String>,
}

impl Changes {
    /// Compares two inventories, either of which may not exist; nothing where neither does.
    #[must_use]
    pub fn between(old: Option<&Cluster>, new: Option<&Cluster>) -> Option<Self> {
        let cluster = new.or(old)?.name.clone();
        let mut changes = Self {
            cluster,
            before: old.map(Side::of),
            after: new.map(Side::of),
            masters: masters(old, new),
            settings: old.zip(new).map(|(old, new)| settings(old, new)).unwrap_or_default(),
            dangers: Vec::new(),
            follow: Vec::new(),
        };
        if let Some((old, new)) = old.zip(new) {
            changes.dangers = dangers::of(old, new, &changes);
        }
        changes.follow = follow::steps(&changes);
        Some(changes)
    }

    /// Whether nothing that has a meaning differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.masters.is_empty() && self.settings.is_empty()
    }

    /// Every change of one master, with its name.
    fn each(&self) -> impl Iterator<Item = (&MasterName, &Change)> {
        self.masters.iter().flat_map(|(name, changes)| changes.iter().map(move |change| (name, change)))
    }
}

impl Side {
    /// What an inventory's masters and zones mean for its quorum.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Self {
        let voters = cluster.masters().count();
        let names = |masters: &mut dyn Iterator<Item = &Master>| masters.map(|master| master.name.clone()).collect();
        let loss = |zone: &ZoneName| {
            let zone = BTreeSet::from([zone.clone()]);
            let survivors: Vec<MasterName> = names(&mut cluster.outside(&zone));
            let quorum_kept = quorum::is_quorum(survivors.len(), voters);
            Loss { quorum_kept, lost: names(&mut cluster.within(&zone)), survivors }
        };
        Self {
            voters,
            needed: quorum::needed(voters),
            tolerance: quorum::tolerance(voters),
            zones: cluster.zones.keys().map(|zone| (zone.clone(), loss(zone))).collect(),
        }
    }
}

impl Change {
    /// Where the master was and is reached, if that differs.
    fn readdressed(&self) -> Option<(&str, &str)> {
        match self {
            Self::Set(Setting { setting: "address", from: Some(from), to: Some(to) }) => Some((from, to)),
            _ => None,
        }
    }
}

fn masters(old: Option<&Cluster>, new: Option<&Cluster>) -> BTreeMap<MasterName, Vec<Change>> {
    let by_name = |cluster: Option<&Cluster>| -> BTreeMap<MasterName, Master> {
        let masters = cluster.into_iter().flat_map(Cluster::masters);
        masters.map(|master| (master.name.clone(), master.clone())).collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    let names: BTreeSet<&MasterName> = old.keys().chain(new.keys()).collect();
    let change = |name: &MasterName| match (old.get(name), new.get(name)) {
        (None, Some(after)) => vec![Change::Added { zone: after.zone.clone(), address: after.address.clone() }],
        (Some(before), None) => vec![Change::Removed { zone: before.zone.clone(), address: before.address.clone() }],
        (Some(before), Some(after)) => kept(before, after),
        (None, None) => Vec::new(),
    };
    names.into_iter().map(|name| (name.clone(), change(name))).filter(|(_, changes)| !changes.is_empty()).collect()
}

fn kept(before: &Master, after: &Master) -> Vec<Change> {
    let mut changes = Vec::new();
    if before.zone != after.zone {
        changes.push(Change::Moved { from: before.zone.clone(), to: after.zone.clone() });
    }
    if before != after {
        let pairs = before.settings().into_iter().zip(after.settings());
        let differ = pairs.filter(|(before, after)| before.1 != after.1);
        changes.extend(differ.map(|((setting, from), (_, to))| Change::Set(Setting { setting, from, to })));
    }
    changes
}

fn settings(old: &Cluster, new: &Cluster) -> Vec<Setting> {
    let of = |cluster: &Cluster| {
        let seconds = |time: std::time::Duration| format!("{} s", time.as_secs_f64());
        let objectives = cluster.objectives;
        [
            ("cluster", Some(cluster.name.to_string())),
            ("environment", Some(cluster.environment.to_string())),
            ("objectives.rto", objectives.and_then(|objectives| objectives.rto).map(seconds)),
            ("objectives.rpo", objectives.and_then(|objectives| objectives.rpo).map(seconds)),
        ]
    };
    let pairs = of(old).into_iter().zip(of(new)).filter(|(before, after)| before.1 != after.1);
    pairs.map(|((setting, from), (_, to))| Setting { setting, from, to }).collect()
}

#[cfg(test)]
mod tests;
