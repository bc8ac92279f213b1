//! An `initiate-dr` that has been done: whether anything is left to do with API servers. Touches no etcd.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{MasterName, Zone, ZoneName};
use crate::observe::assess::assess;
use crate::observe::records::newest;
use crate::observe::{ClusterRecord, Member, Members};
use crate::plan::api_servers::{self, ApiDraft};
use crate::plan::build::Builder;
use crate::plan::checks::Refusals;
use crate::plan::draft::{Participant, PlanDraft};
use crate::plan::{After, Input, NoPlan, Plan, PlannedMember, Stage, cut_off};
use crate::playbook::Action;

use super::join;

/// What the finished run left to do; nothing where no finished run is recognized. It is by what it recorded: the cluster's ID
/// and that its members are the survivors.
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
    let whole_zones = input.cluster.zones.values().any(|zone| zone.masters.keys().all(|name| !serving.contains(name)));
    let done = record.cluster == *cluster && known && whole_zones;
    let said = || {
        let names = join(serving.iter().map(MasterName::as_str));
        format!("run {} has already done it: cluster {cluster} of {names} serves", record.run)
    };
    let survivors = Participant::all(input, serving);
    let left = done.then(|| rest(input, record.clone(), survivors, members, said()))?;
    (record.finished || !matches!(left, Err(NoPlan::NothingToDo(_)))).then_some(left)
}

fn rest<'a>(
    input: Input<'a>,
    record: ClusterRecord,
    survivors: Vec<Participant<'a>>,
    list: &Members,
    said: String,
) -> Result<Plan, NoPlan> {
    let mut refusals = Refusals::new(input.request);
    api_servers::refuse(input, &survivors, &mut refusals);
    refusals.done()?;
    let members: Vec<PlannedMember> = survivors.iter().map(Participant::member).collect::<Result<_, _>>()?;
    let voters: Vec<&MasterName> = members.iter().map(|member| &member.master).collect();
    let api = ApiDraft::of(input.cluster, input.seen);
    let nothing = || NoPlan::NothingToDo(said.clone());
    let seed = survivors.first().copied().ok_or_else(nothing)?;
    if survivors.iter().all(|participant| api.is_final(input, participant, &voters)) {
        return Err(nothing());
    }
    let names = survivors.iter().map(|participant| participant.name().clone()).collect();
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
    let lines = input.playbook.lines.iter();
    let lines: Vec<_> =
        lines.filter(|line| matches!(line.action, Action::ClearLeases(_) | Action::ServeApi(_))).cloned().collect();
    let (stages, _) = Builder::unroll_alone(draft, &lines)?;
    if stages.is_empty() {
        return Err(nothing());
    }
    Ok(plan(input, names, seed.name().clone(), After { cluster, token, members }, stages))
}

fn plan(input: Input<'_>, survivors: BTreeSet<MasterName>, seed: MasterName, after: After, stages: Vec<Stage>) -> Plan {
    let lost = |zone: &&Zone| zone.masters.keys().all(|name| !survivors.contains(name));
    let failed_zones: BTreeSet<ZoneName> =
        input.cluster.zones.values().filter(lost).map(|zone| zone.name.clone()).collect();
    let others = input.cluster.masters().map(|master| &master.name).filter(|name| !survivors.contains(*name));
    let left_out = others.cloned().collect();
    Plan {
        version: 1,
        goal: input.request.goal,
        run: input.request.run.clone(),
        cluster: input.cluster.name.clone(),
        environment: Some(input.cluster.environment),
        zones: input.cluster.zone_of_masters(),
        summary: "The surviving zone's API servers serve, with its etcd alone.".to_owned(),
        failed_zones,
        survivors,
        seed: Some(seed),
        returned: BTreeSet::new(),
        left_out,
        attested: input.request.attested.clone(),
        overrides: input.request.set_aside(),
        after: Some(after),
        ports: cut_off::ports(input),
        old_data: BTreeMap::new(),
        proof: None,
        findings: assess(input.cluster, input.seen).findings,
        stages,
    }
}
