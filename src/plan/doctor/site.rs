//! What speaks for or against the whole cluster, what `status` finds, and the bastion. Knows no details of single
//! nodes.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::command::clean;
use crate::model::{Cluster, MasterName};
use crate::observe::api_server_list::{Hosts, Leads};
use crate::observe::assess::assess;
use crate::observe::{Answer, Contact, Observation, StateDirectory, Unclear};
use crate::observe::{Code, Finding, Severity};

use super::{Check, LossOutcome, Rehearsal, Remark};

/// What a run writes on the bastion beside the snapshot: its journal.
const JOURNAL_BYTES: u64 = 16 << 20;

/// Whether it is peace: a rehearsal of a loss means nothing while there is one.
pub(super) fn peace(cluster: &Cluster, seen: &Observation) -> Vec<Remark> {
    match assess(cluster, seen).serving.len() {
        1 => Vec::new(),
        0 => vec![Remark::error(
            Code::NotServing,
            Check::Plan,
            "no master serves now: the doctor is for a cluster that serves, and what it says of a loss is not true now",
            "requorum status",
        )],
        clusters => vec![Remark::error(
            Code::NotServing,
            Check::Plan,
            format!("{clusters} clusters serve now: the doctor is for one, and what it says of a loss is not true now"),
            "requorum status",
        )],
    }
}

/// Whether all API servers know the same etcds. One that knows its own alone is like the others that do.
pub(super) fn api_servers(cluster: &Cluster, seen: &Observation) -> Option<Remark> {
    let hosts = Hosts::of(cluster, seen);
    let mut lists: BTreeMap<String, Vec<&MasterName>> = BTreeMap::new();
    for (name, seen) in seen.answering() {
        let Ok(Some(api)) = &seen.api_server else { continue };
        if api.flags.is_err() {
            continue;
        }
        let listed = hosts.of_list(name, api);
        let servers: BTreeSet<&String> = api.flags.iter().flat_map(|flags| hosts.listed(name, &flags.etcd)).collect();
        let nobodys = servers.into_iter().filter(|server| matches!(hosts.leads(name, server), Leads::Unknown));
        let nobodys: Vec<String> = nobodys.map(|server| clean(server)).collect();
        let known = match listed.len() {
            1 if listed.contains(name) && nobodys.is_empty() => "each its own alone".to_owned(),
            _ => join(listed.iter().map(ToString::to_string).chain(nobodys)),
        };
        lists.entry(known).or_default().push(name);
    }
    let told = |(known, those): (&String, &Vec<&MasterName>)| format!("{}: {known}", join(those.iter().copied()));
    (lists.len() > 1).then(|| {
        let text = format!("the API servers know different etcds: {}", join_with("; ", lists.iter().map(told)));
        let next =
            "`requorum recover` widens a list that `initiate-dr` had narrowed; otherwise write the same one everywhere";
        Remark::warning(Code::ApiServerListsDiffer, Check::Etcd, text, next)
    })
}

fn join(words: impl IntoIterator<Item = impl ToString>) -> String {
    join_with(", ", words)
}

fn join_with(between: &str, words: impl IntoIterator<Item = impl ToString>) -> String {
    words.into_iter().map(|word| word.to_string()).collect::<Vec<_>>().join(between)
}

/// What the planner says of a survivor in its own words.
const SAID_BY_THE_PLANNER: [Code; 3] = [Code::Unclear, Code::ToolMissing, Code::NoRestoreTool];

/// What `status` finds as well, with what to do.
pub(super) fn observed(cluster: &Cluster, seen: &Observation, rehearsals: &[Rehearsal]) -> Vec<Remark> {
    let of = |ending: fn(&LossOutcome) -> bool| -> BTreeSet<&MasterName> {
        rehearsals.iter().filter(|one| ending(&one.ending)).flat_map(|one| &one.survivors).collect()
    };
    let needed = of(|ending| *ending != LossOutcome::QuorumKept);
    let refused = of(|ending| matches!(ending, LossOutcome::Refused(_)));
    let findings = assess(cluster, &without_nodes(seen)).findings.into_iter();
    let said_before = |finding: &Finding| {
        let planner = SAID_BY_THE_PLANNER.contains(&finding.code);
        planner && finding.master.as_ref().is_some_and(|master| refused.contains(master))
    };
    findings
        // What the unit writes by itself is a condition of each master's.
        .filter(|finding| finding.code != Code::WrittenByUnit && !said_before(finding))
        .map(|finding| {
            let survives = finding.master.as_ref().is_some_and(|master| needed.contains(master));
            // `status` only warns of a lock; a run would not begin.
            let severity = if finding.code == Code::Locked && survives { Severity::Error } else { finding.severity };
            let check = if [Code::Silent, Code::Refused, Code::NotAsked].contains(&finding.code) {
                Check::Reach
            } else {
                Check::Etcd
            };
            let next = next_of(finding.code);
            Remark { master: finding.master, ..Remark::new(severity, finding.code, check, finding.text, next) }
        })
        .collect()
}

/// As if it had not been asked what was not answered of a node's layout and unit: its conditions say that.
fn without_nodes(seen: &Observation) -> Observation {
    let mut seen = seen.clone();
    for contact in seen.masters.values_mut() {
        if let Contact::Answers(seen) = contact
            && seen.node.is_err()
        {
            seen.node = Err(Unclear::not_put("its conditions say it"));
        }
    }
    seen
}

/// What to do about a finding of `status`. One that is not named here (a certificate's end, say) speaks for itself,
/// and has none.
fn next_of(code: Code) -> &'static str {
    match code {
        Code::Silent => "make it answer over SSH; it would be missing in an incident",
        Code::Refused => "make SSH work from this bastion, as the text says",
        Code::NotAsked => "run it again",
        Code::EtcdDown => "look at its log there; `requorum recover` if it should rejoin",
        Code::NotReady | Code::SplitBrain => "requorum status",
        Code::Fenced | Code::FenceBroken => {
            "`requorum recover`, or `requorum unfence ZONE` where no newer cluster exists"
        }
        Code::Locked => "wait for that run to end; if it was killed: requorum unlock RUN",
        Code::NoSpaceAlarm => "run the commands in the text",
        Code::Learner => "requorum recover",
        Code::ToolMissing => "install what is missing",
        Code::NoRestoreTool => "install the etcdutl that belongs to this etcd version",
        Code::MembersUnclear => {
            "fix what the text names: a proxy in root's environment, or the peer port's certificate"
        }
        Code::NotTheRecordedCluster | Code::RecordsContradict => "requorum status",
        Code::Unclear => "see the text; run as root, or fix the node",
        Code::NoRevisionBump => "after initiate-dr restart every API server, or upgrade to an etcd whose tool can",
        _ => "",
    }
}

/// Whether this bastion can keep a run.
pub(super) fn state_directory(directory: &Answer<StateDirectory>, seen: &Observation) -> Vec<Remark> {
    let directory = match directory {
        Ok(directory) => directory,
        Err(why) => {
            let next = "make the state directory usable, or name another: --state-dir DIR";
            return vec![Remark::error(Code::BastionState, Check::Bastion, why.to_string(), next)];
        }
    };
    let place = &directory.place;
    let mut remarks = Vec::new();
    if !directory.writable {
        let text = format!("{place} on this bastion cannot be written: no run could keep its journal");
        let next = "make it writable, or name another: --state-dir DIR";
        remarks.push(Remark::error(Code::BastionState, Check::Bastion, text, next));
    }
    if let Some(mode) = directory.mode.filter(|mode| mode & 0o022 != 0) {
        let text = format!("{place} on this bastion may be written by others (mode {mode:o})");
        remarks.push(Remark::warning(Code::BastionState, Check::Bastion, text, format!("chmod go-w {place}")));
    }
    let largest = seen.answering().filter_map(|(_, seen)| seen.disk.as_ref().ok()).map(|disk| disk.db_bytes).max();
    let needed = largest.unwrap_or(0) + JOURNAL_BYTES;
    if directory.free_bytes < needed {
        let (free, needed) = (directory.free_bytes >> 20, needed >> 20);
        let text = format!("{free} MiB are free for {place} on this bastion; journal and snapshot need {needed}");
        let next = "make space there, or name another place: --state-dir DIR";
        // Without its copy of the snapshot a run goes on and warns; without its journal it does not.
        let severity = if directory.free_bytes < JOURNAL_BYTES { Severity::Error } else { Severity::Warning };
        remarks.push(Remark::new(severity, Code::BastionSpace, Check::Bastion, text, next));
    }
    remarks
}
