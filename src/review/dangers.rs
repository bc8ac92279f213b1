//! The rules that a change of an inventory may break. Reads no file and contacts no master.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::cluster::{Cluster, Environment};
use crate::model::name::{MasterName, ZoneName};

use super::{Change, Changes, Side};

/// Something dangerous about the change as a whole: it breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Danger {
    /// The rule, for machines.
    pub rule: &'static str,
    /// What is dangerous.
    pub why: String,
    /// What to do instead.
    pub instead: String,
}

/// Every rule that is broken on the way from `old` to `new`.
pub(super) fn of(old: &Cluster, new: &Cluster, changes: &Changes) -> Vec<Danger> {
    let mut dangers = addresses_that_change_hands(old, new);
    if let Some((before, after)) = changes.before.as_ref().zip(changes.after.as_ref()) {
        dangers.extend(members_that_change_at_once(before, changes));
        dangers.extend(majorities_that_move(before, after));
    }
    if old.environment == Environment::Production && new.environment != Environment::Production {
        dangers.push(Danger {
            rule: "production-unmarked",
            why: format!(
                "a production cluster is called {}, so that a drill could break it on purpose",
                new.environment
            ),
            instead: "leave `environment: production`".to_owned(),
        });
    }
    dangers
}

/// SSH and etcd would take one machine for the other.
fn addresses_that_change_hands(old: &Cluster, new: &Cluster) -> Vec<Danger> {
    let before: BTreeMap<&str, &MasterName> =
        old.masters().map(|master| (master.address.as_str(), &master.name)).collect();
    let taken = new.masters().filter_map(|after| {
        let owner = before.get(after.address.as_str()).filter(|owner| **owner != &after.name)?;
        Some(Danger {
            rule: "address-reused",
            why: format!("{} takes the address {} of {owner}", after.name, after.address),
            instead: format!(
                "give {} an address of its own, or remove {owner} and its member first, in a change before this one",
                after.name
            ),
        })
    });
    taken.collect()
}

/// etcd changes one member at a time, and each change must leave a quorum that runs.
fn members_that_change_at_once(before: &Side, changes: &Changes) -> Option<Danger> {
    let masters = |wanted: fn(&Change) -> bool| {
        changes.each().filter(|(_, change)| wanted(change)).map(|(name, _)| name).collect::<BTreeSet<_>>()
    };
    let away = masters(|change| matches!(change, Change::Removed { .. }) || change.readdressed().is_some()).len();
    let added = masters(|change| matches!(change, Change::Added { .. })).len();
    let (voters, tolerance) = (before.voters, before.tolerance);
    if away > tolerance {
        return Some(Danger {
            rule: "quorum-at-once",
            why: format!(
                "{away} of {voters} members are removed or moved at once, but the cluster tolerates the loss of {tolerance}"
            ),
            instead: "one member a change, each followed on the cluster until `requorum status` says healthy"
                .to_owned(),
        });
    }
    (away + added > 1).then(|| Danger {
        rule: "one-member-at-a-time",
        why: format!("{} members change in one step", away + added),
        instead: "one member a change: etcd takes one at a time, and each must serve before the next".to_owned(),
    })
}

/// Zones whose loss costs the quorum and did not before. A zone that only has another name is the same zone.
fn majorities_that_move(before: &Side, after: &Side) -> Vec<Danger> {
    let costly = |side: &Side| -> BTreeMap<ZoneName, Vec<MasterName>> {
        let lost = side.zones.iter().filter(|(_, loss)| !loss.quorum_kept);
        lost.map(|(zone, loss)| (zone.clone(), loss.lost.clone())).collect()
    };
    let known = costly(before);
    let moved = costly(after)
        .into_iter()
        .filter(|(zone, masters)| !known.contains_key(zone) && !known.values().any(|others| others == masters));
    moved
        .map(|(zone, masters)| Danger {
            rule: "majority-moved",
            why: format!(
                "losing {zone} costs the quorum ({} of {} members), and did not before",
                masters.len(),
                after.voters
            ),
            instead: format!("keep fewer than half of the members in {zone}; else drill its loss before relying on it"),
        })
        .collect()
}
