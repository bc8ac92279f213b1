//! The command to run after `status`, depending on what was seen. Every command is one that the program's own parser
//! takes.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Cluster, Master, MasterName, RunId, ZoneName};
use crate::observe::assess::Assessment;
use crate::observe::records::{Newest, newest};
use crate::observe::traces::Replaced;
use crate::observe::{ClusterRecord, Code, Holder, Observation, Seen, Severity, Traces, Verdict, proof};
use crate::plan::checks::to_attest;
use crate::plan::cut_off;
use crate::plan::split_brain::{self, spaced};
use crate::run::hold;

mod voters;

/// What a next step is made of: the inventory, a look, and `again`, the command line's beginning.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) seen: &'a Observation,
    pub(super) assessment: &'a Assessment,
    pub(super) again: &'a str,
}

/// What to do about masters that a run holds. The last renewal anywhere counts: a living run may have lost one master.
pub fn held<'a>(
    locks: impl Iterator<Item = (&'a MasterName, &'a Holder, Option<u64>)>,
    seen: &Observation,
    again: &str,
) -> Option<String> {
    let (_, lock, unrenewed_s) = locks.min_by_key(|(_, _, unrenewed_s)| unrenewed_s.unwrap_or(0))?;
    let (run, host) = (&lock.run, &lock.host);
    let progress = format!("`{again} runs show {run}` says how far it came");
    Some(match unrenewed_s {
        _ if seen.known_before.ended.contains(run) => {
            format!("{again} unlock {run}      # that run has ended and left its lock; {progress}")
        }
        Some(age) if age >= hold::LIVES.as_secs() => format!(
            "{again} unlock {run}      # that run stopped without releasing its lock: it last renewed it {age} s ago; on {host}, {progress}"
        ),
        _ => format!(
            "wait for run {run} on {host}; if it was killed: {again} unlock {run}      # refused while that run is alive"
        ),
    })
}

/// The command that comes next; `way_on` is the one that goes on with a run that stopped midway.
pub(super) fn next(situation: Situation<'_>, way_on: Option<&str>) -> Option<String> {
    let Situation { cluster, seen, assessment, again } = situation;
    if let Some(unlock) = held(seen.locks(), seen, again) {
        return Some(unlock);
    }
    if let Some(undo) = undo(situation, way_on) {
        return Some(undo);
    }
    if let Some(back) = api_servers(situation) {
        return Some(back);
    }
    let newest = newest(seen, &assessment.serving);
    match (assessment.verdict, &newest) {
        (Verdict::Healthy, _) => None,
        (Verdict::QuorumLost, _) => Some(match way_on {
            Some(command) => goes_on(command),
            None => format!("{again} initiate-dr      # and do not restart etcd on a survivor before it"),
        }),
        (Verdict::SplitBrain, _) => Some(split_brain::ways_out(cluster, seen, assessment, again)),
        (Verdict::OneZone | Verdict::Degraded, Newest::Unclear(_)) => Some(format!(
            "find out which of these clusters has the acknowledged writes; then, on the masters that recorded the other one: mv \
             {record} {record}.not-kept      # then: {again} recover",
            record = cluster.record()
        )),
        (Verdict::OneZone | Verdict::Degraded, Newest::Known(record))
            if !assessment.serving.contains_key(&record.cluster) =>
        {
            Some(not_recorded(situation, record))
        }
        (Verdict::OneZone, newest) => Some(rejoin(situation, newest.known())),
        (Verdict::Degraded, newest) => {
            let next = voters::without_data(situation).or_else(|| voters::rejoins(situation, newest));
            let next = next.or_else(|| voters::idle(situation)).or_else(|| voters::fenced_voters(situation));
            let next = next.or_else(|| starting(situation));
            Some(next.unwrap_or_else(|| "fix the findings above, the errors first".to_owned()))
        }
        (Verdict::Unknown, _) if matches!(seen.proof, Some(proof::Outcome::Lost { .. })) => {
            Some(way_on.map_or_else(|| all_ended(situation), goes_on))
        }
        (Verdict::Unknown, _) if seen.answering().any(|(_, seen)| seen.refuses_reads()) => {
            Some(format!("make etcd let requorum in, as the errors above say; then: {again} status"))
        }
        (Verdict::Unknown, _) if seen.proof.is_none() && seen.answering().next().is_some() => {
            Some(format!("{again} status      # takes the time to prove whether quorum is lost"))
        }
        (Verdict::Unknown, _) if matches!(seen.proof, Some(proof::Outcome::Alive { .. })) => {
            Some(format!("{again} status      # a moment ago there was a quorum: look once more"))
        }
        (Verdict::Unknown, _) if matches!(seen.proof, Some(proof::Outcome::Unknown { .. })) => Some(format!(
            "{again} status      # looks once more; where a zone is known to be off, `{again} initiate-dr` asks how, and counts with that"
        )),
        (Verdict::Unknown, _) => Some("fix the errors above; at least one master must let requorum in".to_owned()),
    }
}

/// The API servers of a cluster that serves are parked, or know masters that are none of its voters: the command that is given
/// again leaves its etcd alone and puts that right.
fn api_servers(situation: Situation<'_>) -> Option<String> {
    let Situation { seen, assessment, again, .. } = situation;
    let command = match assessment.verdict {
        Verdict::OneZone => "initiate-dr",
        // Who is lost does not rejoin yet.
        Verdict::Degraded if voters::are_all_dark(situation) => "initiate-dr",
        Verdict::Degraded => "recover",
        _ => return None,
    };
    let open = |name: &&MasterName| {
        let of = |code| assessment.findings.iter().any(|one| one.code == code && one.master.as_ref() == Some(name));
        of(Code::ApiServerParked) || of(Code::ApiServerList)
    };
    let serving = assessment.serving.values().flatten().filter(|name| seen.seen(name).is_some_and(Seen::serves));
    let names: BTreeSet<&str> = serving.filter(open).map(|name| name.as_str()).collect();
    (!names.is_empty()).then(|| {
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        format!("{again} {command}      # the API server of {names} is parked, or has another list of etcd servers than it should")
    })
}

/// One zone serves alone. What comes back of the others must not serve, and `recover` stops it first.
fn rejoin(situation: Situation<'_>, record: Option<&ClusterRecord>) -> String {
    let Situation { cluster, seen, again, .. } = situation;
    let dark: BTreeSet<&ZoneName> =
        cluster.masters().filter(|master| seen.seen(&master.name).is_none()).map(|master| &master.zone).collect();
    match dark.is_empty() {
        true => format!("{again} recover      # the other masters answer; it stops their old etcd first"),
        false => {
            let finish = record.filter(|record| !record.finished).map(|record| {
                format!("; within an hour of run {}, which did not end, `{again} initiate-dr` records that its cluster counts", record.run)
            });
            format!(
                "{again} recover      # once the masters of {0} answer; until then keep {0} off, or keep {1} cut off there{2}",
                spaced(&dark),
                cut_off::words(&cut_off::of(seen)),
                finish.unwrap_or_default()
            )
        }
    }
}

/// Where a run stopped with its survivors down, they take their own data again: if a cluster serves that a half-made one
/// would stand beside, and if nothing serves and this bastion knows no way on with that run.
fn undo(situation: Situation<'_>, way_on: Option<&str>) -> Option<String> {
    let Situation { seen, assessment, again, .. } = situation;
    if assessment.serving.is_empty()
        && let Some(start) = begun(situation)
    {
        return Some(start);
    }
    let down = seen.answering().filter(|(_, seen)| seen.etcd_runs() == Some(false));
    // A cluster of that run's own that serves, if only in part, is gone forward with.
    let made = |traces: &Traces| {
        traces
            .record
            .as_ref()
            .is_some_and(|record| !record.finished && assessment.serving.contains_key(&record.cluster))
    };
    let stopped = down.filter_map(|(_, seen)| seen.traces.as_ref().ok()).filter(|traces| !made(traces));
    let run = stopped.filter_map(stopped_by).next()?;
    match (assessment.serving.is_empty(), way_on) {
        (false, _) => Some(format!(
            "{again} undo {run}      # that run did not finish, and the cluster that it replaced serves again"
        )),
        (true, None) => {
            Some(format!("{again} undo {run}      # that run did not finish; then start again: {again} initiate-dr"))
        }
        (true, Some(_)) => None,
    }
}

/// A start of the new cluster was begun: it is gone forward with. Whoever is silent could be the old cluster.
fn begun(situation: Situation<'_>) -> Option<String> {
    let Situation { cluster, seen, again, .. } = situation;
    let begun = |master: &&Master| {
        let traces = seen.seen(&master.name).filter(|seen| seen.etcd_runs() == Some(false));
        traces.and_then(|seen| seen.traces.as_ref().ok()).is_some_and(|traces| traces.begun().is_some())
    };
    let master = cluster.masters().find(begun)?;
    let silent: Vec<&str> = cluster
        .masters()
        .map(|master| &master.name)
        .filter(|name| seen.seen(name).is_none())
        .map(|name| name.as_str())
        .collect();
    let off = if silent.is_empty() { String::new() } else { format!("{} must be off or cut off; ", silent.join(", ")) };
    let fenced = seen.seen(&master.name).and_then(|seen| seen.traces.as_ref().ok()).is_some_and(|traces| traces.fenced);
    // Somebody has fenced it since.
    let lift = if fenced { format!("rm {}; ", master.etcd.supervisor().fence_marker()) } else { String::new() };
    Some(format!("on {}: {lift}{}      # {off}then: {again} status", master.name, start_of(master)))
}

fn start_of(master: &Master) -> String {
    master.etcd.supervisor().start_by_hand()
}

/// The run that replaced a survivor's data, or fenced it to do so, and did not finish.
fn stopped_by(traces: &Traces) -> Option<&RunId> {
    match traces.half_made() {
        Some(Replaced::Restored(run)) => Some(run),
        Some(Replaced::Emptied(_)) => None,
        None => traces.fenced_by.as_ref().filter(|_| traces.fenced && traces.fenced_survivor),
    }
}

/// Nothing is wrong but API servers that have just been started.
fn starting(situation: Situation<'_>) -> Option<String> {
    let Situation { seen, assessment, .. } = situation;
    let young = |name: &&MasterName| {
        let api = seen.seen(name).and_then(|seen| seen.api_server.as_ref().ok()?.as_ref());
        api.is_some_and(|api| api.young)
    };
    let wrong = assessment.findings.iter().filter(|finding| finding.severity != Severity::Note);
    let (starts, other): (Vec<_>, Vec<_>) = wrong.partition(|finding| {
        finding.code == Code::ApiServerNotReady && finding.master.as_ref().is_some_and(|name| young(&name))
    });
    let names: BTreeSet<&str> = starts.iter().filter_map(|one| Some(one.master.as_ref()?.as_str())).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    (!names.is_empty() && other.is_empty()).then(|| {
        format!("wait for the API server of {names}, and look again      # if it says so twice: crictl ps -a there")
    })
}

fn goes_on(command: &str) -> String {
    format!("{command}      # continues the run that stopped midway")
}

/// Every etcd that could be asked has ended. Where no master is dark nothing is lost, and etcd is started again; else
/// somebody must know of the dark ones, and that what lies here is what is wanted. What a newer cluster was made from is
/// started nowhere.
fn all_ended(situation: Situation<'_>) -> String {
    let Situation { cluster, seen, again, .. } = situation;
    let dark: Vec<_> = cluster.masters().filter(|master| seen.seen(&master.name).is_none()).collect();
    let midway = format!("if a run stopped midway: {again} runs show last");
    let recorded = match newest(seen, &BTreeMap::new()) {
        Newest::Unrecorded => None,
        Newest::Known(record) => Some(record),
        Newest::Unclear(why) => return format!("find out which cluster has the acknowledged writes: {why}; {midway}"),
    };
    let traces = |name: &MasterName| seen.seen(name).and_then(|seen| seen.traces.as_ref().ok());
    let is_of_it = |master: &&Master| {
        let own = traces(&master.name).and_then(|traces| traces.record.as_ref());
        let log = seen.seen(&master.name).and_then(|seen| Some(seen.log.as_ref().ok()?.cluster));
        recorded.is_none_or(|newest| own.map(|own| own.cluster).into_iter().chain(log).any(|id| id == newest.cluster))
    };
    let (own, older): (Vec<&Master>, Vec<&Master>) =
        cluster.masters().filter(|master| seen.seen(&master.name).is_some()).partition(is_of_it);
    if let (Some(newest), true) = (recorded, own.is_empty()) {
        let names: Vec<&str> = dark.iter().map(|master| master.name.as_str()).collect();
        return format!(
            "make {} answer      # run {} made cluster {}; the data on the others is older, and must not be started; {midway}",
            if names.is_empty() { "the masters of that cluster".to_owned() } else { names.join(", ") },
            newest.run,
            newest.cluster
        );
    }
    if dark.is_empty() {
        return start_all(situation, &own, &older, &midway);
    }
    if let Some(master) = own.iter().find(|master| traces(&master.name).is_some_and(|traces| !traces.fenced)) {
        return format!(
            "on {}: {}      # it does not serve without a majority, and shows how much it has applied; then: \
             {again} status",
            master.name,
            start_of(master)
        );
    }
    let failed: BTreeSet<&ZoneName> =
        dark.iter().map(|master| &master.zone).filter(|zone| !seen.zone_answers(cluster, zone)).collect();
    let attested: BTreeSet<String> = dark.iter().map(|master| to_attest(master, cluster, seen)).collect();
    let zones: String = match failed.is_empty() {
        true => " --failed-zone ZONE".to_owned(),
        false => failed.iter().map(|zone| format!(" --failed-zone {zone}")).collect(),
    };
    let attest: String =
        attested.iter().map(|who| format!(" --attest {who}=\"TICKET: how, confirmed by whom\"")).collect();
    format!(
        "{again} initiate-dr{zones}{attest} --override survivor-down=REASON      # only if {} stay off: writes that only they have are lost; otherwise make them answer and start etcd; {midway}",
        spaced(&attested)
    )
}

/// Nobody is dark: these have the newest data, and form a quorum again once they run.
fn start_all(situation: Situation<'_>, own: &[&Master], older: &[&Master], midway: &str) -> String {
    let Situation { seen, again, .. } = situation;
    let fenced = |name: &MasterName| {
        seen.seen(name).and_then(|seen| seen.traces.as_ref().ok()).is_some_and(|traces| traces.fenced)
    };
    let zones: BTreeSet<&ZoneName> =
        own.iter().filter(|master| fenced(&master.name)).map(|master| &master.zone).collect();
    let start: Vec<String> = own.iter().map(|master| format!("on {}: {}", master.name, start_of(master))).collect();
    let start = start.join("; ");
    let names: Vec<&str> = older.iter().map(|master| master.name.as_str()).collect();
    let what = match names.is_empty() {
        true => "no master is lost".to_owned(),
        false => format!("not on {}: its data is older; then: {again} recover", names.join(", ")),
    };
    match zones.is_empty() {
        true => format!("{start}      # {what}; {midway}"),
        false => format!("{again} unfence {}      # then {start}; {what}; {midway}", spaced(zones)),
    }
}

/// A cluster serves that is not the recorded one: its clients write into the past.
fn not_recorded(situation: Situation<'_>, record: &ClusterRecord) -> String {
    let Situation { cluster, assessment, again, .. } = situation;
    let serving: BTreeSet<&MasterName> = assessment.serving.values().flatten().collect();
    let zones: BTreeSet<&ZoneName> =
        cluster.masters().filter(|master| serving.contains(&master.name)).map(|master| &master.zone).collect();
    let kept = "if the serving cluster is the right one, move the record aside instead (docs/findings.md)";
    if zones.len() < cluster.zones.len() {
        return format!(
            "{again} fence {} --override fence-takes-quorum=REASON      # then start etcd where cluster {} was, and \
             {again} recover; {kept}",
            spaced(zones),
            record.cluster
        );
    }
    format!(
        "stop the writers, and find the data of cluster {} on the masters: findmnt -R, and ls -d next to the data directory; {kept}",
        record.cluster
    )
}
