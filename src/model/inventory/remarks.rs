//! What a person should know about a valid inventory, each remark with its place. Reads no disk.

use std::collections::BTreeSet;

use crate::model::cluster::{Become, Cluster};
use crate::model::diagnostic::{Diagnostic, Place, Severity, Source};
use crate::model::quorum;

use super::places::Places;

/// What losing each zone would mean, what an even count is worth, and settings that are allowed but seldom meant.
#[must_use]
pub fn remarks(source: &Source, cluster: &Cluster) -> Vec<Diagnostic> {
    let places = Places::of(source);
    let places = places.as_ref();
    let at = |place: Option<Place>| place.unwrap_or_else(|| Place::of(source, 0..0));
    let voters = cluster.masters().count();
    let mut remarks = Vec::new();
    for zone in cluster.zones.values() {
        let survivors = cluster.outside(&BTreeSet::from([zone.name.clone()])).count();
        let kept = quorum::is_quorum(survivors, voters);
        let quorum = if kept { "quorum kept" } else { "quorum lost" };
        let said = format!(
            "{} lost ({} of {voters} masters): {quorum}, {survivors} survivor{}",
            zone.name,
            zone.masters.len(),
            if survivors == 1 { "" } else { "s" }
        );
        let place = at(places.and_then(|places| places.zone(&zone.name)));
        remarks.push(Diagnostic::of(Severity::Note, if kept { "quorum-kept" } else { "quorum-lost" }, place, said));
    }
    if voters.is_multiple_of(2) {
        let said = format!(
            "{voters} masters tolerate the loss of {}, as {} do: the last one does not make it safer",
            quorum::tolerance(voters),
            voters - 1
        );
        let place = at(places.and_then(|places| places.key("zones")));
        remarks.push(Diagnostic::of(Severity::Warning, "even-count", place, said));
    }
    for master in cluster.masters().filter(|m| m.ssh.elevate == Become::None && m.ssh.user.as_str() != "root") {
        let (name, user) = (&master.name, &master.ssh.user);
        let said = format!("{name}: logs in as {user} and does not become root, which works only if {user} is root");
        let place = at(places.and_then(|places| places.master(master)));
        remarks.push(Diagnostic::of(Severity::Warning, "not-root", place, said));
    }
    remarks
}
