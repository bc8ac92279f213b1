//! What a person should know about an inventory that is right. Knows no file.

use std::collections::BTreeSet;

use crate::model::cluster::{Become, Cluster};
use crate::model::quorum;

/// What losing each zone would mean, and settings that are allowed but seldom meant.
#[must_use]
pub fn remarks(cluster: &Cluster) -> Vec<String> {
    let voters = cluster.masters().count();
    let zones = cluster.zones.values().map(|zone| {
        let survivors = cluster.outside(&BTreeSet::from([zone.name.clone()])).count();
        let quorum = if quorum::stands(survivors, voters) { "quorum kept" } else { "quorum lost" };
        format!("{} lost ({} of {voters} masters): {quorum}, {}", zone.name, zone.masters.len(), counted(survivors))
    });
    let users = cluster.masters().filter(|m| m.ssh.elevate == Become::None && m.ssh.user.as_str() != "root").map(|m| {
        let (name, user) = (&m.name, &m.ssh.user);
        format!("{name}: logs in as {user} and does not become root, which works only if {user} is root")
    });
    zones.chain(users).collect()
}

fn counted(survivors: usize) -> String {
    format!("{survivors} survivor{}", if survivors == 1 { "" } else { "s" })
}
