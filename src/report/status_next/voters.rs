//! What comes next for the masters of a cluster that serves which are down or have no vote in it. Does not know what comes next
//! where nothing serves.

use std::collections::BTreeSet;

use crate::model::{Master, MasterName, ZoneName};
use crate::observe::Seen;
use crate::observe::cluster_findings::advice_on_lost_data;
use crate::observe::members::{Vote, membership};
use crate::observe::records::Newest;
use crate::plan::cut_off;
use crate::plan::split_brain::spaced;

use super::{Situation, rejoin, start_of};

/// A voter of the cluster that serves whose data is gone: it must not be started, and rejoins as a member of its own.
pub(super) fn without_data(situation: Situation<'_>) -> Option<String> {
    let Situation { cluster, seen, assessment, again } = situation;
    let membership = membership(cluster, seen, assessment.serving.values().next()?);
    let lacks = |master: &&Master| {
        let gone = |seen: &Seen| seen.has_no_data() && seen.etcd_runs() == Some(false);
        seen.seen(&master.name).is_some_and(gone) && membership.vote(&master.name) == Vote::Votes
    };
    let master = cluster.masters().find(lacks)?;
    Some(format!("{}      # then: {again} recover", advice_on_lost_data(&master.name, &membership)))
}

/// A voter of the cluster that serves whose etcd is down and could be started: not fenced, and its data its own.
pub(super) fn idle(situation: Situation<'_>) -> Option<String> {
    let Situation { cluster, seen, assessment, again } = situation;
    // One that has no vote in it, or of which nobody knows, has other data: it may not serve beside.
    let membership = membership(cluster, seen, assessment.serving.values().next()?);
    let free = |master: &&Master| {
        seen.seen(&master.name).is_some_and(|seen| {
            let traces = seen.traces.as_ref().ok();
            let own = traces.is_some_and(|traces| !traces.fenced && traces.half_made().is_none());
            seen.etcd_runs() == Some(false) && own && membership.vote(&master.name) == Vote::Votes
        })
    };
    // A kubelet that has the manifest starts it by itself: at once, or later after each crash.
    let coming = |master: &&Master| {
        let unit = seen.seen(&master.name).and_then(|seen| seen.unit.as_ref().ok());
        master.etcd.supervisor().pod().is_some() && unit.is_some_and(|unit| !unit.ended())
    };
    if let Some(master) = cluster.masters().filter(free).find(|master| !coming(master)) {
        return Some(format!("on {}: {}      # then: {again} status", master.name, start_of(master)));
    }
    let master = cluster.masters().find(free)?;
    Some(format!(
        "{again} status      # {}'s kubelet has etcd's manifest and starts it, after crashes within 5 minutes; its log is in /var/log/pods",
        master.name
    ))
}

/// Voters of the cluster that serves whose etcd a fence keeps from starting.
pub(super) fn fenced_voters(situation: Situation<'_>) -> Option<String> {
    let Situation { cluster, seen, assessment, again } = situation;
    let membership = membership(cluster, seen, assessment.serving.values().next()?);
    let fenced = |master: &&Master| {
        let traces = seen.seen(&master.name).and_then(|seen| seen.traces.as_ref().ok());
        let waits = traces.is_some_and(|traces| traces.fenced && traces.half_made().is_none());
        waits && membership.vote(&master.name) == Vote::Votes
    };
    let masters: Vec<&Master> = cluster.masters().filter(fenced).collect();
    let zones: BTreeSet<&ZoneName> = masters.iter().map(|master| &master.zone).collect();
    let names: Vec<&str> = masters.iter().map(|master| master.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{again} unfence {}      # if {} should serve again: it votes, and a fence keeps its etcd from starting",
            spaced(zones),
            names.join(", ")
        )
    })
}

/// The masters that have no vote in the cluster that serves, and whether each answers.
fn without_a_vote(situation: Situation<'_>) -> (Vec<&MasterName>, Vec<&MasterName>) {
    let Some(serving) = situation.assessment.serving.values().next() else { return (Vec::new(), Vec::new()) };
    let membership = membership(situation.cluster, situation.seen, serving);
    let lacks = |name: &&MasterName| matches!(membership.vote(name), Vote::None | Vote::Learner);
    let names = situation.cluster.masters().map(|master| &master.name).filter(lacks);
    names.partition(|name| situation.seen.seen(name).is_some())
}

/// Whether everybody that has no vote is dark, and somebody is: the lost masters of a cluster that goes on without them.
pub(super) fn are_all_dark(situation: Situation<'_>) -> bool {
    let (back, dark) = without_a_vote(situation);
    back.is_empty() && !dark.is_empty()
}

/// They rejoin; who is dark of them may still be a majority of what was before.
pub(super) fn rejoins(situation: Situation<'_>, newest: &Newest) -> Option<String> {
    let (back, dark) = without_a_vote(situation);
    let Situation { seen, again, .. } = situation;
    match (back.is_empty(), dark.is_empty()) {
        (true, true) => None,
        (true, false) => Some(rejoin(situation, newest.known())),
        (false, true) => Some(format!("{again} recover      # masters that do not vote yet")),
        (false, false) => Some(format!(
            "{again} recover --only {}      # they do not vote yet; until {} answer, keep them off, or keep {} cut off there",
            spaced(&back),
            spaced(&dark),
            cut_off::words(&cut_off::of(seen)),
        )),
    }
}
