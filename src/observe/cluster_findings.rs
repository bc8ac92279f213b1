//! Findings about a cluster as a whole and not about one master: two clusters that serve, one that is not the recorded
//! one, members that match no known master, revisions that differ.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Cluster, ClusterId, Master, MasterName};
use crate::observe::Code;

use super::api_server_list::{self, reading_from_several};
use super::members::{Entry, Membership, Presence, Vote, membership};
use super::records::{Newest, newest};
use super::{ClusterRecord, Finding, Observation, Severity, Status, fork};

type Serving = BTreeMap<ClusterId, BTreeSet<MasterName>>;

/// Masters are asked one after the other, and each answer is a moment old when it comes. No site writes this much
/// meanwhile; a member whose log is not the others' is off by a restore's bump, or by all it has lost.
const REVISIONS_APART: u64 = 100_000;

pub(super) fn findings(cluster: &Cluster, observation: &Observation, serving: &Serving) -> Vec<Finding> {
    let mut all = Vec::from_iter(recorded(observation, serving));
    all.extend(fork::findings(observation, serving));
    if serving.len() > 1 {
        all.push(split_brain(cluster, observation, serving));
    }
    all.extend(api_server_list::findings(cluster, observation, serving));
    for masters in serving.values() {
        let membership = membership(cluster, observation, masters);
        all.extend(members(&membership, observation));
        all.extend(revisions(observation, masters));
        let back = |master: &Master| membership.vote(&master.name) == Vote::Votes;
        if membership.members.is_ok() && cluster.masters().all(back) {
            all.extend(newest(observation, serving).known().and_then(still_cordoned));
        }
    }
    all
}

/// While the zone is lost its nodes are to be cordoned. Nobody is asked: a person may have uncordoned them by hand.
fn still_cordoned(record: &ClusterRecord) -> Option<Finding> {
    let text = format!(
        "run {} had nodes of the lost zone cordoned, and it is not recorded that a run took that back: those that have the \
         annotation `requorum/cordoned-by` get pods again by `requorum recover` with the line `uncordon: seed` in its \
         playbook, or by: kubectl uncordon NODE",
        record.run
    );
    record.cordons.then_some(Finding { code: Code::NodesCordoned, severity: Severity::Note, master: None, text })
}

fn error(code: Code, text: String) -> Finding {
    Finding { code, severity: Severity::Error, master: None, text }
}

/// Whether what serves is what the newest run made.
fn recorded(observation: &Observation, serving: &Serving) -> Option<Finding> {
    match newest(observation, serving) {
        Newest::Unrecorded => None,
        Newest::Unclear(why) => Some(error(Code::RecordsContradict, why)),
        Newest::Known(record) if serving.is_empty() || serving.contains_key(&record.cluster) => None,
        Newest::Known(record) => {
            let ids = serving.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Some(error(
                Code::NotTheRecordedCluster,
                format!(
                    "cluster {ids} serves, and it is not the recorded one: run {} made cluster {} ({}). Writes to that cluster are missing here",
                    record.run,
                    record.cluster,
                    whose(observation, record.cluster)
                ),
            ))
        }
    }
}

/// Where a record of that cluster lies.
fn whose(observation: &Observation, cluster: ClusterId) -> String {
    let mut names: Vec<String> = observation
        .answering()
        .filter(|(_, seen)| {
            let record = seen.traces.as_ref().ok().and_then(|traces| traces.record.as_ref());
            record.is_some_and(|record| record.cluster == cluster)
        })
        .map(|(name, _)| name.to_string())
        .collect();
    if observation.known_before.records.iter().any(|record| record.cluster == cluster) {
        names.push("a journal on this bastion".to_owned());
    }
    format!("recorded by {}", names.join(", "))
}

fn split_brain(cluster: &Cluster, observation: &Observation, serving: &Serving) -> Finding {
    let sides: Vec<String> = serving
        .iter()
        .map(|(id, masters)| {
            let names = masters.iter().map(MasterName::as_str).collect::<Vec<_>>().join(", ");
            let revision = fork::revision(observation, masters);
            let at =
                revision.map_or_else(|| "an unknown revision".to_owned(), |revision| format!("revision {revision}"));
            format!("cluster {id} at {at} through {names}")
        })
        .collect();
    let both: Vec<String> =
        reading_from_several(cluster, observation, serving).iter().map(ToString::to_string).collect();
    let both = match both.is_empty() {
        true => String::new(),
        false => format!("; API servers that read from both in turn: {}", both.join(", ")),
    };
    error(Code::SplitBrain, format!("two clusters take writes: {}{both}", sides.join("; ")))
}

fn members(membership: &Membership, observation: &Observation) -> Vec<Finding> {
    let (id, entries) = match &membership.members {
        Ok(known) => known,
        Err(why) => {
            let text = format!("it is not known who votes in the cluster that serves: {why}");
            return vec![error(Code::MembersUnclear, text)];
        }
    };
    let silent: Vec<String> = membership.with(Vote::Unknown).iter().map(ToString::to_string).collect();
    let of = |entry: &Entry| -> Option<Finding> {
        let shown = entry.shown();
        let (kind, severity, costs) = match entry.member.votes() {
            true => ("voter", Severity::Error, ": it counts towards the quorum size, but cannot vote"),
            false => ("learner", Severity::Warning, ""),
        };
        let (code, text) = match (&entry.master, entry.presence) {
            (Some(_), Presence::Unstarted) => {
                (Code::UnstartedMember, format!("is {kind} {shown} of cluster {id} and has not started{costs}"))
            }
            (Some(_), Presence::NoLeader) => (
                Code::NoLeader,
                format!(
                    "is {kind} {shown} of cluster {id}, which serves, and its etcd has no leader: it does not reach the \
                     others{costs}; check the network between it and their peer ports"
                ),
            ),
            (Some(_), _) => return None,
            (None, Presence::Unstarted) => (
                Code::UnstartedMember,
                format!(
                    "cluster {id} has a {kind} {shown} that has never started; {}",
                    advice_on_stranger(entry, &silent, observation)
                ),
            ),
            (None, _) => (
                Code::UnknownMember,
                format!(
                    "cluster {id} has a {kind} {shown} that could not be matched to a master; {}",
                    advice_on_stranger(entry, &silent, observation)
                ),
            ),
        };
        Some(Finding { code, severity, master: entry.master.clone(), text })
    };
    entries.iter().filter_map(of).collect()
}

/// What to do about a member that no master is known to be. To remove one that is alive takes a voter from the cluster:
/// nobody is told to while it may be a master that is only silent, or while its peer port answers.
#[must_use]
pub fn advice_on_stranger(entry: &Entry, silent: &[String], observation: &Observation) -> String {
    let ports = || observation.answering().filter_map(|(_, seen)| seen.peer_ports.as_ref().ok());
    let urls = &entry.member.peer_urls;
    let answers = ports().any(|ports| urls.iter().any(|url| ports.open.contains(url)));
    let untried = ports().any(|ports| urls.iter().any(|url| ports.unknown.contains_key(url)));
    let alive = match (answers, untried) {
        (true, _) => "its peer port answers; ",
        (false, true) => "it is not known whether its peer port answers; ",
        (false, false) => "",
    };
    if !silent.is_empty() {
        let who = silent.join(", ");
        return format!(
            "{alive}it may be {who}, which cannot be checked now: make {who} answer, or run `requorum status` once from \
             where they do answer"
        );
    }
    if answers {
        return format!("{alive}add its machine to the inventory");
    }
    let id = entry.member.id;
    let sure = match entry.presence {
        Presence::Unstarted => "make sure that no machine is about to start as it",
        _ => "make sure that its machine is off permanently",
    };
    format!("add its machine to the inventory; or, to remove it, first {sure}, then: etcdctl member remove {id}")
}

/// What to do about a voter whose data is gone. Started without it, it would have forgotten what it acknowledged, and etcd
/// itself may end with a panic (its term and log are those of a member that never was).
#[must_use]
pub fn advice_on_lost_data(name: &MasterName, membership: &Membership) -> String {
    format!(
        "do not start etcd on {name}: it votes, and its data is not there. If its disk is only not mounted, mount it. If the \
         data is gone, on a master that serves: {}",
        removal(name, membership)
    )
}

/// How a voter is removed by hand, so that its master can rejoin.
#[must_use]
pub fn removal(name: &MasterName, membership: &Membership) -> String {
    let entries = membership.members.iter().flat_map(|(_, entries)| entries);
    let id =
        entries.filter(|entry| entry.master.as_ref() == Some(name)).map(|entry| entry.member.id.to_string()).next();
    format!(
        "etcdctl member remove {}",
        id.unwrap_or_else(|| format!("ID      # that of {name} in `etcdctl member list`"))
    )
}

/// Members of one cluster have one log: the leader's revision is everybody's, but for what is under way.
fn revisions(observation: &Observation, masters: &BTreeSet<MasterName>) -> Vec<Finding> {
    let said: Vec<(&MasterName, &Status)> =
        masters.iter().filter_map(|name| Some((name, observation.seen(name)?.status.as_ref().ok()?))).collect();
    let Some((leader, led)) = said.iter().find(|(_, status)| status.leader == Some(status.member)) else {
        return Vec::new();
    };
    let apart = |(name, status): &(&MasterName, &Status)| {
        let (own, leaders) = (status.revision, led.revision);
        let (severity, text) = if own > leaders.saturating_add(REVISIONS_APART) {
            let text = format!(
                "is at revision {own}, its leader {leader} at {leaders}: no member is ahead of its leader. Their data differs; stop the writers, keep both data directories, and compare them"
            );
            (Severity::Error, text)
        } else if leaders > own.saturating_add(REVISIONS_APART) {
            let text = format!(
                "is at revision {own}, its leader {leader} at {leaders}: it is catching up, or its data differs from the leader's. If the gap does not shrink, rebuild it from the others"
            );
            (Severity::Error, text)
        } else {
            return None;
        };
        Some(Finding { code: Code::RevisionApart, severity, master: Some((*name).clone()), text })
    };
    said.iter().filter_map(apart).collect()
}
