//! The clusters of a split brain, and the command after which only one of them serves. Knows what the records and the
//! revisions say; if two clusters both took writes, only a person can say which is the true one.

use std::collections::BTreeSet;

use crate::model::{Cluster, ClusterId, MasterName, ZoneName};
use crate::observe::Observation;
use crate::observe::assess::Assessment;
use crate::observe::fork::taken_since;
use crate::observe::records::{newest, records};

/// One of the clusters that serve.
struct Candidate<'a> {
    cluster: ClusterId,
    masters: &'a BTreeSet<MasterName>,
    /// The zones through which the others serve.
    others: BTreeSet<&'a ZoneName>,
    /// How many revisions it took since one of the two was made from the other, where that is known.
    taken: Option<u64>,
}

/// The commands that end a split brain, the one that loses least first; `again` is how the command line begins.
#[must_use]
pub fn ways_out(cluster: &Cluster, seen: &Observation, assessment: &Assessment, again: &str) -> String {
    let mut candidates = candidates(cluster, seen, assessment);
    let known = newest(seen, &assessment.serving);
    let recorded =
        known.known().and_then(|record| candidates.iter().find(|candidate| candidate.cluster == record.cluster));
    if let Some(candidate) = recorded {
        let own: BTreeSet<&ZoneName> =
            candidate.masters.iter().filter_map(|name| Some(&cluster.master(name)?.zone)).collect();
        // A fence is for a whole zone, and the recorded cluster serves through this one.
        if !own.is_disjoint(&candidate.others) {
            return format!("{again} recover      # it stops the other cluster's etcd first");
        }
        return format!("{again} fence {}      # then: {again} recover", spaced(&candidate.others));
    }
    // What an unfinished run had consent for stands first, but for a cluster that took nothing.
    let begun = |id: ClusterId| {
        let traces = seen.answering().filter_map(|(_, seen)| seen.traces.as_ref().ok());
        traces.filter_map(|traces| traces.record.as_ref()).any(|record| !record.finished && record.cluster == id)
    };
    candidates.sort_by_key(|candidate| (candidate.taken == Some(0), !begun(candidate.cluster)));
    let way = |candidate: &Candidate<'_>| {
        let taken =
            candidate.taken.map_or_else(String::new, |taken| format!(", which took {} since", revisions(taken)));
        let (others, masters) = (spaced(&candidate.others), spaced(candidate.masters));
        format!("{again} fence {others}      # keeps cluster {} of {masters}{taken}", candidate.cluster)
    };
    let third = third(seen, assessment);
    let wrote: Vec<&Candidate<'_>> = candidates.iter().filter(|candidate| candidate.taken != Some(0)).collect();
    // Where only one took writes, to fence it is no choice.
    if let ([candidate], false) = (&wrote[..], third) {
        return format!(
            "{}; the other took no write since one was created from the other, so no write is lost; then: {again} recover",
            way(candidate)
        );
    }
    let why = match wrote.len() {
        _ if third => "only you can tell: a record names a third cluster, which does not serve",
        0 => "neither took a write since one was created from the other",
        _ => {
            "only you can tell: compare revisions and data; writes that only the fenced side took are not in the other"
        }
    };
    let each: Vec<String> = candidates.iter().map(way).collect();
    format!("{}\n({why}; then: {again} recover)", each.join("\nor: "))
}

/// Whether a cluster was recorded that neither serves nor was left by one that does: it may hold what these lack.
fn third(seen: &Observation, assessment: &Assessment) -> bool {
    let serves = |id: &ClusterId| assessment.serving.contains_key(id);
    let left = |id: &ClusterId| records(seen).any(|record| serves(&record.cluster) && record.ancestors.contains(id));
    records(seen).any(|record| !serves(&record.cluster) && !left(&record.cluster))
}

fn candidates<'a>(cluster: &'a Cluster, seen: &'a Observation, assessment: &'a Assessment) -> Vec<Candidate<'a>> {
    let taken = taken_since(seen, &assessment.serving);
    let candidate = |(id, masters): (&ClusterId, &'a BTreeSet<MasterName>)| {
        let others = assessment.serving.iter().filter(|(other, _)| *other != id).flat_map(|(_, masters)| masters);
        let others = others.filter_map(|name| cluster.master(name)).map(|master| &master.zone).collect();
        Candidate { cluster: *id, masters, others, taken: taken.get(id).copied() }
    };
    assessment.serving.iter().map(candidate).collect()
}

fn revisions(count: u64) -> String {
    match count {
        0 => "no revision".to_owned(),
        1 => "1 revision".to_owned(),
        _ => format!("{count} revisions"),
    }
}

/// Names, as a command takes them.
pub(crate) fn spaced(all: impl IntoIterator<Item = impl ToString>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" ")
}

/// What a person does about a cluster that serves and is not the recorded one.
pub(crate) fn not_recorded(cluster: &Cluster) -> String {
    format!(
        "make the masters of the recorded cluster answer and serve, and fence the zone that serves now (requorum fence ZONE \
         --override fence-takes-quorum=REASON); or, if the cluster that serves now is the right one, move the other cluster's \
         record aside: {} on the masters that have it, the run's directory (`requorum runs list`) on this bastion",
        cluster.record()
    )
}
