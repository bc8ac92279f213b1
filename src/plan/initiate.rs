//! Plans `initiate_dr`: which masters failed, which survive, whose data is the freshest. Reads what was seen; asks
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::identity::{bootstrap_cluster_id, bootstrap_member_id};
use crate::model::{ClusterId, Master, MasterName, Token, ZoneName};
use crate::observe::assess::assess;
use crate::observe::members::known_urls;
use crate::observe::records::lineage_after;
use crate::observe::traces::RECORD_VERSION;
use crate::observe::{ClusterRecord, Contact, Seen, proof};
use crate::plan::Rule;
use crate::step::snapshot::Source;

use super::api_servers::{self, ApiDraft};
use super::build::Builder;
use super::checks::{self, Refusals};
use super::draft::{Participant, PlanDraft};
use super::seed::{self, seed, source};
use super::{
    After, Input, NoPlan, Plan, PlannedMember, binding, conditions, cordoned, corrupt, existing_snapshot,
    peer_reachability, split_brain,
};

mod again;
pub(super) mod old_data;

/// Plans.
///
/// # Errors
/// Nothing to do, or every rule that forbids it.
pub fn plan(input: Input<'_>) -> Result<Plan, NoPlan> {
    let mut refusals = Refusals::new(input.request);
    if let Some(left) = again::left(input) {
        return left;
    }
    nothing_serves(input, &mut refusals);
    // Where something serves, nothing else needs to be asked or put right.
    if !refusals.is_empty() {
        return Err(refusals.done().err().unwrap_or_else(|| NoPlan::Refused(vec![])));
    }
    quorum_is_lost(input, &mut refusals);
    let failed_zones = failed_zones(input, &mut refusals);
    if failed_zones.is_empty() {
        return Err(refusals.done().err().unwrap_or_else(|| NoPlan::NothingToDo("no zone failed".into())));
    }
    the_failed_are_down(input, &failed_zones, &mut refusals);
    let outside: Vec<&Master> = input.cluster.outside(&failed_zones).collect();
    checks::attested(outside.iter().copied(), input, &mut refusals);
    let survivors = Participant::all(input, outside.iter().map(|master| &master.name));
    if survivors.is_empty() {
        refusals.add(
            Rule::NoSurvivor,
            "no master outside the failed zone answers",
            "reach one of them over SSH, or restore from a snapshot by hand",
        );
    }
    every_record_is_read(input, &failed_zones, &mut refusals);
    survivors_are_fit(input, &survivors, &mut refusals);
    let older = |participant: &Participant<'_>| old_data::why(input, participant);
    match &input.request.snapshot {
        Some(file) => existing_snapshot::is_newest(file, &survivors, &older, &mut refusals),
        None => {
            survivors.iter().for_each(|participant| old_data::refuse(participant, older(participant), &mut refusals))
        }
    }
    let seed = seed(input, &survivors, &mut refusals);
    let (Some(seed), true) = (seed, refusals.is_empty()) else {
        return Err(refusals.done().err().unwrap_or_else(|| NoPlan::Refused(vec![])));
    };
    let source = source(input, seed, &mut refusals);
    refusals.done()?;
    build(input, failed_zones, survivors, seed, source)
}

fn build<'a>(
    input: Input<'a>,
    failed_zones: BTreeSet<ZoneName>,
    survivors: Vec<Participant<'a>>,
    seed: Participant<'a>,
    source: Source,
) -> Result<Plan, NoPlan> {
    let token = input.request.token.clone();
    let members: Vec<PlannedMember> = survivors.iter().map(Participant::member).collect::<Result<_, _>>()?;
    let ids: Vec<_> = members.iter().map(|member| bootstrap_member_id(&member.peer_urls, &token)).collect();
    let mut findings = assess(input.cluster, input.seen).findings;
    findings.extend(seed::findings(input, &failed_zones, &survivors, seed, &source));
    findings.extend(conditions::warnings(input, &survivors));
    let names: BTreeSet<MasterName> = survivors.iter().map(|participant| participant.name().clone()).collect();
    let left_out =
        input.cluster.masters().map(|master| &master.name).filter(|name| !names.contains(name)).cloned().collect();
    let cluster = bootstrap_cluster_id(&ids);
    let left = left(&seed).or_else(|| survivors.iter().find_map(left));
    let draft = PlanDraft {
        input,
        failed: Participant::all(input, input.cluster.within(&failed_zones).map(|master| &master.name)),
        survivors,
        seed,
        returned: Vec::new(),
        cluster,
        token: token.clone(),
        source: Some(source),
        record: record(input, left, cluster, &token),
        members: members.clone(),
        texts: BTreeMap::new(),
        api: ApiDraft::of(input.cluster, input.seen),
    };
    let (mut stages, draft) = Builder::unroll(draft, &input.playbook.lines)?;
    cordoned::record_first(&mut stages);
    findings.extend(draft.api.idle.iter().cloned());
    binding::data_fits(&draft)?;
    Ok(Plan {
        failed_zones,
        survivors: names,
        seed: Some(seed.name().clone()),
        left_out,
        after: Some(After { cluster: draft.cluster, token, members }),
        proof: input.seen.proof.as_ref().map(proof::Outcome::words),
        findings,
        ..Plan::of(input, stages)
    })
}

/// The record of the cluster that is to be made: what it is made from is the cluster whose data the survivors have.
fn record(input: Input<'_>, left: Option<ClusterId>, cluster: ClusterId, token: &Token) -> ClusterRecord {
    let mut line = lineage_after(left, input.seen);
    // Where a person says that older data counts, the new cluster comes after those that were recorded too: else nobody could
    // tell later which of them is the newest.
    let said = [Rule::OldData, Rule::SnapshotOlder, Rule::SnapshotOfAnotherCluster];
    if said.iter().any(|rule| input.request.overrides.contains_key(rule)) {
        line.overtakes(cluster, input.seen);
    }
    let run = input.request.run.clone();
    let seen = input.cluster.masters().filter_map(|master| input.seen.seen(&master.name));
    let mut recorded = seen.filter_map(|seen| seen.traces.as_ref().ok()?.record.as_ref());
    ClusterRecord {
        version: RECORD_VERSION,
        run: run.clone(),
        written_by: run,
        cluster,
        token: token.clone(),
        fork_revision: 0,
        ancestors: line.ancestors,
        generation: line.generation,
        finished: false,
        // What was cordoned for the cluster that is left, and never uncordoned, still is.
        cordons: recorded.any(|record| record.cordons && Some(record.cluster) == left),
    }
}

/// The cluster whose data a survivor has: its etcd or its log says so, else the record beside the data does.
fn left(participant: &Participant<'_>) -> Option<ClusterId> {
    let recorded = || Some(participant.seen.traces.as_ref().ok()?.record.as_ref()?.cluster);
    participant.holds_data_of().or_else(recorded)
}

fn nothing_serves(input: Input<'_>, refusals: &mut Refusals<'_>) {
    let assessment = assess(input.cluster, input.seen);
    if assessment.serving.len() > 1 {
        refusals.add(
            Rule::SplitBrain,
            "more than one cluster takes writes: another one would make it worse",
            split_brain::ways_out(input.cluster, input.seen, &assessment, "requorum"),
        );
    } else if let Some((name, _)) = input.seen.answering().find(|(_, seen)| seen.serves()) {
        refusals.add(
            Rule::QuorumAlive,
            format!("a linearizable read through {name} succeeded: a majority serves"),
            "leave it alone; `requorum status` says what to do, if anything",
        );
    }
}

fn quorum_is_lost(input: Input<'_>, refusals: &mut Refusals<'_>) {
    match &input.seen.proof {
        Some(proof::Outcome::Lost { .. } | proof::Outcome::Counted { .. }) => {}
        Some(proof::Outcome::Alive { evidence }) => {
            refusals.add(
                Rule::QuorumAlive,
                format!("quorum is not lost: {evidence}"),
                "leave it alone; `requorum status` says what to do, if anything",
            );
        }
        Some(proof::Outcome::Unknown { last_seen }) => {
            refusals.add(
                Rule::QuorumUnproved,
                format!("it could not be proved that quorum is lost: {last_seen}"),
                "give the same command again; if it says the same, fix what prevents the survivors from answering: `requorum status` names it",
            );
        }
        None => refusals.add(
            Rule::QuorumUnproved,
            "no master that answered could prove it",
            "make a survivor answer over SSH from this bastion, then: requorum initiate-dr",
        ),
    }
}

/// The zones named by the operator; without that those in which no master is seen running etcd.
fn failed_zones(input: Input<'_>, refusals: &mut Refusals<'_>) -> BTreeSet<ZoneName> {
    if !input.request.failed_zones.is_empty() {
        return input.request.failed_zones.clone();
    }
    // A zone with a master that answers is no failed zone just because another of its masters was attested.
    let attested = input.cluster.zones.keys().filter(|zone| {
        input.request.attested.contains_key(zone.as_str()) && !input.seen.zone_answers(input.cluster, zone)
    });
    let named: BTreeSet<ZoneName> = attested.cloned().collect();
    if !named.is_empty() {
        return named;
    }
    let down = |master: &Master| match input.seen.masters.get(&master.name) {
        Some(Contact::Answers(seen)) => seen.etcd_runs() == Some(false),
        _ => true,
    };
    let zones: BTreeSet<ZoneName> = input
        .cluster
        .zones
        .values()
        .filter(|zone| zone.masters.values().all(down))
        .map(|zone| zone.name.clone())
        .collect();
    if zones.is_empty() || zones.len() == input.cluster.zones.len() {
        let why = if zones.is_empty() { "every zone has a master that runs etcd" } else { "etcd runs in no zone" };
        refusals.add(
            Rule::WhichZone,
            format!("it is not clear which zone failed: {why}"),
            "name it: --failed-zone ZONE",
        );
        return BTreeSet::new();
    }
    zones
}

fn the_failed_are_down(input: Input<'_>, failed_zones: &BTreeSet<ZoneName>, refusals: &mut Refusals<'_>) {
    checks::attested(input.cluster.within(failed_zones), input, refusals);
    for master in input.cluster.within(failed_zones) {
        let Some(seen) = input.seen.seen(&master.name) else { continue };
        if seen.etcd_runs() != Some(false) {
            refusals.add(
                Rule::FailedZoneRuns,
                format!("{} of the failed zone answers over SSH and runs etcd", master.name),
                format!("stop and fence it first: requorum fence {}", master.zone),
            );
        }
    }
    for master in input.cluster.outside(failed_zones) {
        if let Some(seen) = input.seen.seen(&master.name) {
            nobody_else_listens(input, failed_zones, master, seen, refusals);
        }
    }
}

/// The second view: no peer port but the survivors' own may take a connection from a survivor.
fn nobody_else_listens(
    input: Input<'_>,
    failed_zones: &BTreeSet<ZoneName>,
    master: &Master,
    seen: &Seen,
    refusals: &mut Refusals<'_>,
) {
    let ports = match &seen.peer_ports {
        Ok(ports) => ports,
        Err(why) => {
            refusals.add(
                Rule::UnclearPeers,
                format!("{}: {why}", master.name),
                "make it answer; otherwise it is not known whether the failed zone's etcd is alive",
            );
            return;
        }
    };
    let own: Vec<String> = input
        .cluster
        .outside(failed_zones)
        .filter(|other| input.seen.seen(&other.name).is_some())
        .flat_map(|other| known_urls(other, input.cluster, input.seen))
        .collect();
    for (url, why) in peer_reachability::untried(input, ports, &own) {
        refusals.add(
            Rule::UnclearPeers,
            format!("{} could not try the peer port {url}: {why}", master.name),
            format!("make {0} resolve and try it (in its /etc/hosts, for example); otherwise it is not known whether an etcd is alive there", master.name),
        );
    }
    for url in ports.open.iter().filter(|url| !own.contains(url)) {
        refusals.add(
            Rule::FailedZoneAnswers,
            format!("{} reaches the peer port {url}: an etcd that was considered dead is alive", master.name),
            stop_first(input, failed_zones, url),
        );
    }
}

/// How an etcd that takes connections is kept from serving: by a fence where its master answers and is of a failed zone.
fn stop_first(input: Input<'_>, failed_zones: &BTreeSet<ZoneName>, url: &String) -> String {
    let owner = input.cluster.masters().find(|master| known_urls(master, input.cluster, input.seen).contains(url));
    let Some(owner) = owner else {
        return format!(
            "find out whose etcd that is, and stop it; fence what answers: requorum fence {}",
            split_brain::spaced(failed_zones)
        );
    };
    let name = &owner.name;
    match input.seen.seen(name) {
        Some(_) if failed_zones.contains(&owner.zone) => {
            format!("stop and fence it first: requorum fence {}", owner.zone)
        }
        Some(_) => format!("stop its etcd on {name} by hand, and see that it cannot start"),
        None => format!(
            "{name} does not answer over SSH, but its etcd does: switch {name} off, or cut it off from the survivors"
        ),
    }
}

fn survivors_are_fit(input: Input<'_>, survivors: &[Participant<'_>], refusals: &mut Refusals<'_>) {
    let file = input.request.snapshot.as_ref().map(|file| file.bytes);
    let db_bytes = survivors.iter().map(Participant::db_bytes).chain(file).max().unwrap_or(0);
    let mut clusters: BTreeMap<ClusterId, &MasterName> = BTreeMap::new();
    let mut unfit = Vec::new();
    for participant in survivors {
        let before = refusals.count();
        checks::agrees(participant.master, participant.seen, refusals);
        checks::tools(participant.master, participant.seen, true, refusals);
        checks::let_in(participant.master, participant.seen, refusals);
        checks::space(participant.master, participant.seen, db_bytes, refusals);
        conditions::refuse(input, participant, refusals);
        if refusals.count() > before {
            unfit.push((participant.name(), refusals.count()));
        }
        if let Some(id) = participant.seen.cluster() {
            clusters.insert(id, participant.name());
        }
    }
    // One that is fit is enough to grow from.
    for (name, count) in unfit.iter().filter(|_| unfit.len() < survivors.len()) {
        let instead = format!(
            "or, if that takes too long, leave {name} out (what only it has is lost): switch it off, and add --attest \
             {name}=\"TICKET: how, confirmed by whom\""
        );
        refusals.or_else(*count, &instead);
    }
    api_servers::refuse(input, survivors, refusals);
    peer_reachability::peers_reach_each_other(survivors, refusals);
    corrupt::refuse(input, survivors, refusals);
    if clusters.len() > 1 {
        let sides = join(clusters.iter().map(|(id, name)| format!("{name} in {id}")));
        refusals.add(
            Rule::TwoClusters,
            format!("the survivors belong to different clusters: {sides}"),
            "one of them was recovered before: find out which has the acknowledged writes, and leave the other one out: switch it \
             off, and add --attest NAME=\"TICKET: how, confirmed by whom\"",
        );
    }
}

/// Which cluster is the newest is known only where every record that can be asked for was read. A master of a failed zone may be
/// off as well.
pub(super) fn every_record_is_read(input: Input<'_>, failed_zones: &BTreeSet<ZoneName>, refusals: &mut Refusals<'_>) {
    for master in input.cluster.masters() {
        if let Some(seen) = input.seen.seen(&master.name) {
            checks::marks_are_read(master, seen, failed_zones.contains(&master.zone), refusals);
        }
    }
}

/// Words with commas between them.
pub(super) fn join(words: impl IntoIterator<Item = impl ToString>) -> String {
    words.into_iter().map(|word| word.to_string()).collect::<Vec<_>>().join(", ")
}
