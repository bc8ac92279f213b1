//! An `initiate-dr` that has been done, or was killed once its new cluster had started: what is left to do. Stops and starts
//! no etcd.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::model::{Master, MasterName, Zone, ZoneName};
use crate::observe::assess::assess;
use crate::observe::records::newest;
use crate::observe::{ClusterRecord, Member, Members};
use crate::plan::api_servers::{self, ApiDraft};
use crate::plan::build::Builder;
use crate::plan::checks::{self, Refusals};
use crate::plan::draft::{Participant, PlanDraft};
use crate::plan::{After, Input, NoPlan, Plan, PlannedMember, Rule, Stage, added_checks};
use crate::playbook::{Action, Expectation, Playbook, PlaybookLine, Service};

use super::{join, the_failed_are_down};

/// What a run left to do; nothing where none is recognized. It is by what it recorded: the cluster's ID and that its members
/// are the survivors.
pub(super) fn left(input: Input<'_>) -> Option<Result<Plan, NoPlan>> {
    let assessment = assess(input.cluster, input.seen);
    let (cluster, serving) = assessment.serving.iter().next().filter(|_| assessment.serving.len() == 1)?;
    // One that did not come to its end has left what serves here, too.
    let own = || {
        let records = serving.iter().filter_map(|name| input.seen.seen(name)?.traces.as_ref().ok()?.record.as_ref());
        records.into_iter().find(|record| record.cluster == *cluster).cloned()
    };
    let record =
        newest(input.seen, &assessment.serving).known().filter(|record| record.finished).cloned().or_else(own)?;
    let members = serving.iter().find_map(|name| input.seen.seen(name)?.members.as_ref().ok())?;
    let known = serving.len() == members.list.len() && members.list.iter().all(Member::votes);
    let whole_zones = input.cluster.zones.values().any(|zone| is_lost(zone, serving));
    let done = record.cluster == *cluster && known && whole_zones;
    let left = done.then(|| rest(input, record.clone(), serving, members))?;
    let of_it = record.finished || may_be_finished(&record, input);
    (of_it || !matches!(left, Err(NoPlan::NothingToDo(_)))).then_some(left)
}

/// So long after it began, a run that was killed is finished by the same command. Later the lost zone may have been back
/// meanwhile, and have taken writes; then a person must say which cluster counts.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// Whether the run that made the cluster was killed a short while ago. Clocks that disagree say nothing.
fn may_be_finished(record: &ClusterRecord, input: Input<'_>) -> bool {
    let age = input.request.run.began().zip(record.run.began()).map(|(now, then)| now.duration_since(then));
    !record.finished && age.is_some_and(|age| SignedDuration::ZERO <= age && age <= FRESH)
}

/// Whether nobody of this zone serves.
fn is_lost(zone: &Zone, serving: &BTreeSet<MasterName>) -> bool {
    zone.masters.keys().all(|name| !serving.contains(name))
}

fn rest(
    input: Input<'_>,
    record: ClusterRecord,
    serving: &BTreeSet<MasterName>,
    list: &Members,
) -> Result<Plan, NoPlan> {
    let survivors = Participant::all(input, serving);
    let mut refusals = Refusals::new(input.request);
    api_servers::refuse(input, &survivors, &mut refusals);
    let finishes = may_be_finished(&record, input);
    // What the run did not live to see is seen now, and only if the lost zone is still down. Nor is Kubernetes given a cluster
    // that nobody saw finished while an older one may serve.
    let unfinished = !record.finished;
    if unfinished {
        let lost = input.cluster.zones.values().filter(|zone| is_lost(zone, serving)).map(|zone| zone.name.clone());
        the_failed_are_down(input, &lost.collect(), &mut refusals);
        the_left_out_are_down(input, serving, &mut refusals);
    }
    refusals.done()?;
    let members: Vec<PlannedMember> = survivors.iter().map(Participant::member).collect::<Result<_, _>>()?;
    let voters: Vec<&MasterName> = members.iter().map(|member| &member.master).collect();
    let api = ApiDraft::of(input.cluster, input.seen);
    let names = join(serving.iter().map(MasterName::as_str));
    let said = format!("run {} has already done it: cluster {} of {names} serves", record.run, record.cluster);
    let nothing = || NoPlan::NothingToDo(said.clone());
    let seed = survivors.first().copied().ok_or_else(nothing)?;
    if !finishes && survivors.iter().all(|participant| api.is_final(input, participant, &voters)) {
        return Err(nothing());
    }
    let (token, cluster) = (record.token.clone(), list.cluster);
    let draft = PlanDraft {
        input,
        failed: Vec::new(),
        survivors,
        seed,
        returned: Vec::new(),
        cluster,
        token: token.clone(),
        source: None,
        record,
        members: members.clone(),
        texts: BTreeMap::new(),
        api,
    };
    let silent = if unfinished { added_checks::silent(&draft, true) } else { Vec::new() };
    let (stages, draft) = Builder::unroll_alone(draft, silent, &lines(input.playbook, finishes))?;
    if stages.is_empty() {
        return Err(nothing());
    }
    let summary = match finishes {
        true => &input.playbook.summary,
        false => "The surviving zone's API servers serve, with its etcd alone.",
    };
    let after = After { cluster, token, members };
    let mut plan = plan(input, serving.clone(), seed.name().clone(), after, (summary.to_owned(), stages));
    plan.findings.extend(draft.api.idle);
    Ok(plan)
}

/// Those that were left out in a survivor's own zone may be a majority, too.
fn the_left_out_are_down(input: Input<'_>, serving: &BTreeSet<MasterName>, refusals: &mut Refusals<'_>) {
    let of_lost = |master: &Master| input.cluster.zones.get(&master.zone).is_some_and(|zone| is_lost(zone, serving));
    let left_out = || input.cluster.masters().filter(|master| !serving.contains(&master.name) && !of_lost(master));
    checks::attested(left_out(), input, refusals);
    for master in
        left_out().filter(|master| input.seen.seen(&master.name).is_some_and(|seen| seen.etcd_runs() != Some(false)))
    {
        refusals.add(
            Rule::FailedZoneRuns,
            format!("{} was left out, answers over SSH and runs etcd", master.name),
            "stop its etcd there, and see that it cannot start; then give the same command again",
        );
    }
}

/// The playbook's lines that are left: those about API servers, and of a run that was killed all that prove and record what
/// it started.
fn lines(playbook: &Playbook, finishes: bool) -> Vec<PlaybookLine> {
    let starts = |line: &PlaybookLine| matches!(line.action, Action::Start { what: Service::Etcd, .. });
    let after = playbook.lines.iter().position(starts).map_or(0, |place| place + 1);
    let left = |line: &&PlaybookLine| match line.action {
        Action::ClearLeases(_) | Action::Cordon(_) | Action::ServeApi(_) => true,
        Action::ClearNospace(_)
        | Action::Expect(Expectation::OneWritableCluster | Expectation::EveryoneServes)
        | Action::Record(_) => finishes,
        _ => false,
    };
    playbook.lines[after..].iter().filter(left).cloned().collect()
}

fn plan(
    input: Input<'_>,
    survivors: BTreeSet<MasterName>,
    seed: MasterName,
    after: After,
    (summary, stages): (String, Vec<Stage>),
) -> Plan {
    let lost = input.cluster.zones.values().filter(|zone| is_lost(zone, &survivors));
    let failed_zones: BTreeSet<ZoneName> = lost.map(|zone| zone.name.clone()).collect();
    let others = input.cluster.masters().map(|master| &master.name).filter(|name| !survivors.contains(*name));
    let left_out = others.cloned().collect();
    Plan { summary, failed_zones, survivors, seed: Some(seed), left_out, after: Some(after), ..Plan::of(input, stages) }
}
