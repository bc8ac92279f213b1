//! Plans `fence` and `unfence`: keep a zone's etcd from serving, or let it start again. Neither starts anything.

use std::collections::BTreeSet;

use crate::model::{Cluster, ClusterId, MasterName};
use crate::observe::assess::assess;
use crate::observe::fork::Forks;
use crate::observe::records::{Newest, newest, replaces};
use crate::observe::traces::{Replaced, fence_text, parked_text};
use crate::observe::{ApiServer, ClusterRecord, Read, Seen, Traces};
use crate::plan::Rule;
use crate::step::{Step, fence, last_revision, park, stop, unfence};

use super::checks::{self, Refusals};
use super::draft::Participant;
use super::initiate::join;
use super::{Goal, Input, NoPlan, Plan, Planned, Refusal, Stage, cordoned, cut_off};

/// Plans to stop and fence whatever of the named zones answers.
///
/// # Errors
/// When none answers that is not fenced yet, or fencing would take a living cluster's quorum.
pub fn fence(input: Input<'_>) -> Result<Plan, NoPlan> {
    let mut refusals = Refusals::new(input.request);
    let participants = answering(input);
    for participant in &participants {
        checks::starter_is_known(participant.master, participant.seen, &mut refusals);
    }
    takes_no_quorum(input, &mut refusals);
    may_serve(input, &mut refusals);
    refusals.done()?;
    let fenced = |participant: &Participant<'_>| {
        participant.seen.traces.as_ref().is_ok_and(|traces| traces.fenced && traces.drop_in)
            && participant.seen.etcd_runs() == Some(false)
            && (participant.seen.api_server.is_ok() || !participant.master.etcd.record.is_main())
            && api_server(participant).is_none_or(|api| api.parked && (api.after.is_empty() || api.after_parked))
    };
    if participants.iter().all(fenced) {
        return Err(nothing_more(input, &participants, "fenced and down"));
    }
    let reason = fence_text("fence", &input.request.run, &input.request.person);
    let forks = Forks::of(input.seen, &assess(input.cluster, input.seen).serving);
    let supervisor = |participant: &Participant<'_>| participant.master.etcd.supervisor();
    let keep = |participant: &Participant<'_>| participant.keep_tools();
    let ask = |participant: &Participant<'_>| ask_revision(participant, forks.as_ref());
    let park = |participant: &Participant<'_>| {
        let components = api_server(participant)?.components();
        let reason = parked_text("fence", &input.request.run, &input.request.person);
        Some(Step::from(park::Park { components, reason }))
    };
    let stop = |participant: &Participant<'_>| {
        Some(Step::from(stop::Stop { supervisor: supervisor(participant), grace: stop::GRACE, by_force: true }))
    };
    let fence = |participant: &Participant<'_>| {
        let asked = ask(participant).map(|_| participant.name().clone());
        Some(Step::from(fence::Fence { supervisor: supervisor(participant), reason: reason.clone(), asked }))
    };
    Ok(of_kinds(input, &participants, &[&keep, &ask, &park, &stop, &fence]))
}

/// Its API server: it serves what the main cluster's etcd has, and is parked whatever its list is.
fn api_server<'a>(participant: &Participant<'a>) -> Option<&'a ApiServer> {
    let main = participant.master.etcd.record.is_main();
    participant.seen.api_server.as_ref().ok().filter(|_| main)?.as_ref()
}

/// A parked one that is not seen would stay parked, and nobody would say so.
fn api_server_is_known(participant: &Participant<'_>, refusals: &mut Refusals<'_>) {
    if let Err(why) = &participant.seen.api_server
        && participant.master.etcd.record.is_main()
    {
        refusals.add(
            Rule::ApiServerUnclear,
            format!("{}: {why}", participant.name()),
            format!("{}; or `--override api-server-unclear=REASON`", why.next()),
        );
    }
}

/// Where another cluster has taken over: whether this one's etcd has more is known only while it runs. Not whether it runs
/// now, which may have changed by the time the plan is made again.
fn ask_revision(participant: &Participant<'_>, forks: Option<&Forks>) -> Option<Step> {
    let (etcdctl, access) = (participant.etcdctl().ok()?, participant.client().ok()?);
    let (master, supervisor) = (participant.name().clone(), participant.master.etcd.supervisor());
    Some(last_revision::AskRevision { master, supervisor, etcdctl, access, forks: forks?.clone() }.into())
}

/// Plans to take the fences of the named zones away.
///
/// # Errors
/// When no fenced one answers, or old data would wake up beside a new cluster.
pub fn unfence(input: Input<'_>) -> Result<Plan, NoPlan> {
    let mut refusals = Refusals::new(input.request);
    let participants = answering(input);
    for participant in &participants {
        checks::marks_are_read(participant.master, participant.seen, false, &mut refusals);
        api_server_is_known(participant, &mut refusals);
    }
    wakes_nothing_half_made(&participants, &mut refusals);
    wakes_no_old_data(input, &mut refusals);
    sees_the_others(input, &mut refusals);
    refusals.done()?;
    if participants.iter().all(|participant| participant.seen.traces.as_ref().is_ok_and(|traces| !traces.fenced)) {
        return Err(nothing_more(input, &participants, "not fenced"));
    }
    let lift = |participant: &Participant<'_>| {
        let parked =
            api_server(participant).filter(|api| api.is_held_back()).map(ApiServer::components).unwrap_or_default();
        Step::from(unfence::Unfence { supervisor: participant.master.etcd.supervisor(), parked })
    };
    let mut plan = plan(input, &participants, &lift);
    let stay = cordoned::stay_by_newest(input, &plan.stages);
    plan.findings.extend(stay);
    Ok(plan)
}

/// All who answer are as wanted. Of a silent master nobody knows, so that with one it is not "nothing to do".
fn nothing_more(input: Input<'_>, participants: &[Participant<'_>], state: &str) -> NoPlan {
    let silent = silent(input, participants);
    if silent.is_empty() {
        return NoPlan::NothingToDo(format!("its masters are {state}"));
    }
    let why = match participants {
        [] => "no master of the zone answers over SSH".to_owned(),
        _ => format!("{} cannot be asked over SSH; the others named are {state}", join(&silent)),
    };
    let next = match input.request.goal {
        Goal::Unfence => "try again when one does".to_owned(),
        _ => {
            format!(
                "try again when one of them answers; until then keep {} cut off there",
                cut_off::words(&cut_off::ports(input))
            )
        }
    };
    NoPlan::Refused(vec![Refusal::new(Rule::NobodyAnswers, why, next)])
}

fn silent(input: Input<'_>, participants: &[Participant<'_>]) -> BTreeSet<MasterName> {
    zone_masters(input.cluster, input)
        .filter(|name| participants.iter().all(|participant| participant.name() != name))
        .collect()
}

/// A stage with a step of this kind for every one of the participants.
pub(super) fn plan(
    input: Input<'_>,
    participants: &[Participant<'_>],
    kind: &dyn Fn(&Participant<'_>) -> Step,
) -> Plan {
    of_kinds(input, participants, &[&|participant: &Participant<'_>| Some(kind(participant))])
}

/// A step of a kind for a master; nothing where it needs none.
pub(super) type StepOf<'a> = &'a dyn Fn(&Participant<'_>) -> Option<Step>;

/// A stage for each of `kinds` that somebody needs.
pub(super) fn of_kinds(input: Input<'_>, participants: &[Participant<'_>], kinds: &[StepOf<'_>]) -> Plan {
    let mut id = 0;
    let mut stages = Vec::new();
    for kind in kinds {
        let needed = participants.iter().filter_map(|participant| Some((participant.name(), kind(participant)?)));
        let steps: Vec<Planned> = needed
            .map(|(name, step)| {
                id += 1;
                Planned { id, host: name.clone(), step }
            })
            .collect();
        if let Some(first) = steps.first() {
            stages.push(Stage { title: first.step.kind().title(), why: None, background: false, steps });
        }
    }
    let names: BTreeSet<MasterName> = participants.iter().map(|participant| participant.name().clone()).collect();
    Plan {
        failed_zones: input.request.failed_zones.clone(),
        left_out: silent(input, participants),
        returned: names,
        ..Plan::of(input, stages)
    }
}

fn zone_masters<'a>(cluster: &'a Cluster, input: Input<'a>) -> impl Iterator<Item = MasterName> + use<'a> {
    cluster.within(&input.request.failed_zones).map(|master| master.name.clone())
}

fn answering(input: Input<'_>) -> Vec<Participant<'_>> {
    let names: Vec<MasterName> = zone_masters(input.cluster, input).collect();
    Participant::all(input, &names)
}

/// A zone may be fenced while its cluster serves only where another cluster, recorded by a run, has taken over.
fn takes_no_quorum(input: Input<'_>, refusals: &mut Refusals<'_>) {
    let assessment = assess(input.cluster, input.seen);
    let zone: BTreeSet<MasterName> = zone_masters(input.cluster, input).collect();
    for (id, masters) in &assessment.serving {
        let through: BTreeSet<_> = masters.intersection(&zone).collect();
        let outside = |id: &ClusterId| assessment.serving.get(id).is_some_and(|masters| !masters.is_subset(&zone));
        let elsewhere = match newest(input.seen, &assessment.serving) {
            Newest::Known(record) => record.cluster != *id && outside(&record.cluster),
            // Which of two that serve is the true one only a person can say, and says it by naming a zone.
            Newest::Unclear(_) => assessment.serving.keys().any(|other| other != id && outside(other)),
            Newest::Unrecorded => false,
        };
        if !through.is_empty() && !elsewhere {
            refusals.add(
                Rule::FenceTakesQuorum,
                format!(
                    "cluster {id} serves through {}, and no newer cluster from a finished run serves elsewhere: fencing may cost its quorum",
                    join(&through)
                ),
                "if that is what you want: --override fence-takes-quorum=REASON",
            );
        }
    }
}

/// A running etcd of which nobody knows whether it serves may well serve.
fn may_serve(input: Input<'_>, refusals: &mut Refusals<'_>) {
    for name in zone_masters(input.cluster, input) {
        let Some(seen) = input.seen.seen(&name) else { continue };
        if seen.etcd_runs() != Some(false) && !serves_or_not(seen) {
            let ended = seen.certificates.as_ref().is_ok_and(|certificates| certificates.ended().next().is_some());
            let why = if ended { ": certificates there have ended, so that its etcd cannot be asked" } else { "" };
            refusals.add(
                Rule::FenceTakesQuorum,
                format!("it is not known whether {name} serves a living cluster{why}"),
                "make it answer, or if fencing is what you want: --override fence-takes-quorum=REASON",
            );
        }
    }
}

/// Whether it is known that it serves or that it does not. A read that failed says something only where the port answers
/// otherwise, or where etcd has not been ready since its start: else it was the asking that failed, by an ended
/// certificate for example.
fn serves_or_not(seen: &Seen) -> bool {
    match &seen.read {
        Ok(Read::Answered) => true,
        Ok(Read::Failed(_)) => {
            seen.status.is_ok() || seen.unit.as_ref().is_ok_and(|unit| unit.active_state == "activating")
        }
        Err(_) => false,
    }
}

/// Whether a newer cluster exists is known only from every master outside the zone.
fn sees_the_others(input: Input<'_>, refusals: &mut Refusals<'_>) {
    for master in input.cluster.masters().filter(|master| !input.request.failed_zones.contains(&master.zone)) {
        let traces = input.seen.seen(&master.name).map(|seen| &seen.traces);
        if !matches!(traces, Some(Ok(_))) {
            refusals.add(
                Rule::UnfenceBlind,
                format!("{} cannot be asked whether a newer cluster exists", master.name),
                "make it answer, or rejoin the zone with `requorum recover`",
            );
        }
    }
}

/// What a run replaced and did not finish is started by nobody else: a half-made cluster would serve beside whatever serves.
fn wakes_nothing_half_made(participants: &[Participant<'_>], refusals: &mut Refusals<'_>) {
    for participant in participants {
        let (name, traces) = (participant.name(), participant.seen.traces.as_ref().ok());
        match traces.and_then(Traces::half_made) {
            Some(Replaced::Restored(run)) => refusals.add(
                Rule::UnfenceHalfMade,
                format!(
                    "run {run} replaced the data of {name} and did not finish: its etcd would start another cluster"
                ),
                format!("give {name} its own data back: requorum undo {run}"),
            ),
            Some(Replaced::Emptied(run)) => refusals.add(
                Rule::UnfenceHalfMade,
                format!(
                    "run {run} moved the data of {name} aside and did not finish: its etcd would start with no data"
                ),
                "continue that run: requorum recover",
            ),
            None => {}
        }
    }
}

/// Old data may wake up only where no run has made a newer cluster: as the masters outside recorded it, and this bastion's
/// own runs.
fn wakes_no_old_data(input: Input<'_>, refusals: &mut Refusals<'_>) {
    let zone: BTreeSet<MasterName> = zone_masters(input.cluster, input).collect();
    let record_of = |name: &MasterName| input.seen.seen(name)?.traces.as_ref().ok()?.record.as_ref();
    let is_older = |own: Option<&ClusterRecord>, other: &ClusterRecord| {
        own.is_none_or(|own| own.cluster != other.cluster && !replaces(own, other))
    };
    let outside = input.seen.answering().map(|(name, _)| name).filter(|name| !zone.contains(*name));
    let outside = outside.filter_map(|name| Some((name.to_string(), record_of(name)?)));
    // Its data says it itself, where its etcd, its log or its fence does; a record may be gone.
    let has_data_of = |name: &MasterName, other: &ClusterRecord| {
        let own = Participant::all(input, [name]).first().and_then(Participant::holds_data_of);
        let marked = || Some(input.seen.seen(name)?.traces.as_ref().ok()?.last_revision.as_ref()?.cluster);
        own.or_else(marked) == Some(other.cluster)
    };
    let is_stale = |name: &&MasterName, other: &ClusterRecord| {
        input.seen.seen(name).is_some() && is_older(record_of(name), other) && !has_data_of(name, other)
    };
    // What this bastion recorded may be the zone's own: one master of it that has it is enough.
    let of_zone = |other: &&ClusterRecord| {
        zone.iter().filter_map(record_of).all(|own| is_older(Some(own), other))
            && !zone.iter().any(|name| has_data_of(name, other))
    };
    let own_runs = input.seen.known_before.records.iter().filter(of_zone);
    let own_runs = own_runs.map(|record| ("a run of this bastion".to_owned(), record));
    let newer = outside.chain(own_runs).find(|(_, other)| zone.iter().any(|name| is_stale(&name, other)));
    if let Some((by, record)) = newer {
        refusals.add(
            Rule::UnfenceWakesOldData,
            format!(
                "run {} made cluster {} ({by}); this zone's data is older, and would serve as a second cluster",
                record.run, record.cluster
            ),
            "rejoin the zone with `requorum recover`; if this zone's data is what counts: --override \
             unfence-wakes-old-data=REASON",
        );
    }
}
