//! Plans `recover`: which cluster serves, which masters return, what each one's member list will be.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ClusterId, Master, MasterName, RETIRED, Token};
use crate::observe::assess::assess;
use crate::observe::cluster_findings::{advice_on_lost_data, advice_on_stranger, removal};
use crate::observe::members::{Membership, Vote, membership};
use crate::observe::records::{Newest, newest};
use crate::observe::traces::{RECORD_VERSION, Replaced};
use crate::observe::{ClusterRecord, Contact, Seen, Traces, denied};
use crate::plan::Rule;

use super::api_servers::{self, ApiDraft};
use super::build::Builder;
use super::checks::{self, Refusals};
use super::draft::{Participant, PlanDraft, initial_cluster};
use super::initiate::{every_record_is_read, join};
use super::{After, Input, NoPlan, Plan, PlannedMember, Refusal, binding, conditions, cordoned, corrupt, split_brain};

mod told;

/// The cluster to come back to.
struct TargetCluster {
    cluster: ClusterId,
    voters: BTreeSet<MasterName>,
    membership: Membership,
    record: Option<ClusterRecord>,
}

/// Plans.
///
/// # Errors
/// Nothing to do, or every rule that forbids it.
pub fn plan(input: Input<'_>) -> Result<Plan, NoPlan> {
    let target = target_cluster(input)?;
    let mut refusals = Refusals::new(input.request);
    let survivors = Participant::all(input, &target.voters);
    let returned_names = returned(input, &target, &mut refusals);
    let returned = Participant::all(input, &returned_names);
    list_is_ours(input, &target, &mut refusals);
    every_record_is_read(input, &BTreeSet::new(), &mut refusals);
    for participant in &returned {
        checks::agrees(participant.master, participant.seen, &mut refusals);
        checks::tools(participant.master, participant.seen, false, &mut refusals);
        // What comes over the wire, not what lies there: a rebuilt master has nothing yet.
        let db_bytes = survivors.iter().map(Participant::db_bytes).max().unwrap_or(0);
        checks::space(participant.master, participant.seen, db_bytes, &mut refusals);
        conditions::refuse(input, participant, &mut refusals);
    }
    for participant in &survivors {
        checks::agrees(participant.master, participant.seen, &mut refusals);
        checks::tools(participant.master, participant.seen, false, &mut refusals);
        checks::let_in(participant.master, participant.seen, &mut refusals);
        conditions::refuse_rendering(input, participant, &mut refusals);
    }
    corrupt::refuse(input, &survivors, &mut refusals);
    let everyone: Vec<Participant<'_>> = survivors.iter().chain(&returned).copied().collect();
    api_servers::refuse(input, &everyone, &mut refusals);
    let Some(seed) = leader(&survivors).or_else(|| survivors.first().copied()) else {
        let next =
            format!("make one of {} answer over SSH from this bastion, then: requorum recover", join(&target.voters));
        refusals.add(Rule::NoSurvivor, "no master of the serving cluster answers over SSH", next);
        return Err(refusals.done().err().unwrap_or_else(|| NoPlan::Refused(vec![])));
    };
    refusals.done()?;
    build(input, target, survivors, seed, returned)
}

fn build<'a>(
    input: Input<'a>,
    target: TargetCluster,
    survivors: Vec<Participant<'a>>,
    seed: Participant<'a>,
    returned: Vec<Participant<'a>>,
) -> Result<Plan, NoPlan> {
    let token = token(&target, seed)?;
    let members: Vec<PlannedMember> = survivors.iter().map(Participant::member).collect::<Result<_, _>>()?;
    let names: BTreeSet<MasterName> = returned.iter().map(|participant| participant.name().clone()).collect();
    let api = ApiDraft::of(input.cluster, input.seen).measured_by(&survivors);
    let draft = PlanDraft {
        input,
        failed: returned.clone(),
        survivors,
        seed,
        returned,
        cluster: target.cluster,
        token: token.clone(),
        source: None,
        record: record(input, &target, &token),
        members,
        texts: BTreeMap::new(),
        api,
    };
    let lifts = cordoned::is_to_be_lifted(target.record.as_ref(), &input.playbook.lines);
    if names.is_empty() && !lifts && is_final(&draft, target.record.is_some())? {
        let stay = cordoned::stay(target.record.as_ref(), &[]).map(|finding| format!("; {}", finding.text));
        return Err(NoPlan::NothingToDo(all_is_done(&draft) + &stay.unwrap_or_default()));
    }
    let (stages, draft) = Builder::unroll(draft, &input.playbook.lines)?;
    let bound = binding::joiners_fit(&draft)?;
    let all = input.cluster.masters().map(|master| master.name.clone());
    let left_out: BTreeSet<MasterName> =
        all.filter(|name| !target.voters.contains(name) && !names.contains(name)).collect();
    let warnings = conditions::warnings(input, &draft.returned);
    let told = bound.into_iter().chain(warnings).chain(told::untold(input, &target, &stages));
    let told = told.chain(draft.api.idle.clone()).chain(cordoned::stay(target.record.as_ref(), &stages));
    let findings = told::findings(input, &draft, &target, &left_out).into_iter().chain(told).collect();
    let zones = input.cluster.masters().filter(|master| names.contains(&master.name)).map(|master| master.zone.clone());
    Ok(Plan {
        failed_zones: zones.collect(),
        survivors: target.voters,
        seed: Some(seed.name().clone()),
        returned: names,
        left_out,
        after: Some(After { cluster: draft.cluster, token, members: draft.members }),
        findings,
        ..Plan::of(input, stages)
    })
}

/// A master whose etcd does not let requorum in: whether it serves is not known.
fn not_let_in(input: Input<'_>) -> Option<(&MasterName, &String)> {
    input.seen.answering().find_map(|(name, seen)| Some((name, seen.denied.as_ref()?)))
}

/// The cluster that serves; beside a split brain the one that a run of ours recorded.
fn target_cluster(input: Input<'_>) -> Result<TargetCluster, NoPlan> {
    let refuse = |rule, why: String, next: &str| NoPlan::Refused(vec![Refusal::new(rule, why, next)]);
    let assessment = assess(input.cluster, input.seen);
    let newest = newest(input.seen, &assessment.serving);
    let recorded = newest.known().and_then(|record| assessment.serving.keys().find(|id| **id == record.cluster));
    let Some(cluster) = recorded.or_else(|| assessment.serving.keys().next().filter(|_| assessment.serving.len() == 1))
    else {
        return Err(if let Some((master, word)) = not_let_in(input).filter(|_| assessment.serving.is_empty()) {
            let why = format!("which cluster serves is not known: etcd on {master} does not let requorum in: {word}");
            refuse(Rule::Denied, why, denied::NEXT)
        } else if assessment.serving.is_empty() {
            refuse(
                Rule::NothingServes,
                "no master serves: there is no cluster to rejoin".into(),
                "restore the quorum first: requorum initiate-dr",
            )
        } else {
            let why = match &newest {
                Newest::Unclear(why) => format!("two clusters serve, and {why}"),
                _ => "two clusters serve, and no finished run says which is the one to keep".to_owned(),
            };
            refuse(Rule::SplitBrain, why, &split_brain::ways_out(input.cluster, input.seen, &assessment, "requorum"))
        });
    };
    let membership = membership(input.cluster, input.seen, &assessment.serving[cluster]);
    if let Err(why) = &membership.members {
        let why = format!("it is not known who votes in the serving cluster: {why}");
        return Err(refuse(Rule::Unclear, why, "fix what the text names, then: requorum recover"));
    }
    match newest {
        Newest::Known(other) if other.cluster != *cluster => {
            let why = format!(
                "cluster {cluster} serves, and the recorded one is {}, which run {} made",
                other.cluster, other.run
            );
            Err(refuse(Rule::NotTheRecordedCluster, why, &split_brain::not_recorded(input.cluster)))
        }
        Newest::Unclear(why) => {
            Err(refuse(Rule::NotTheRecordedCluster, why, &split_brain::not_recorded(input.cluster)))
        }
        newest => {
            let record = newest.known().cloned();
            Ok(TargetCluster { cluster: *cluster, voters: membership.voters(), membership, record })
        }
    }
}

/// Who comes back: every master without a vote, or those named by `--only`.
fn returned(input: Input<'_>, target: &TargetCluster, refusals: &mut Refusals<'_>) -> BTreeSet<MasterName> {
    let only = &input.request.only;
    for name in only.iter().filter(|name| target.voters.contains(name)) {
        refusals.add(Rule::Only, format!("{name} votes already"), "name masters that should rejoin");
    }
    let (mut back, mut dark) = (BTreeSet::new(), Vec::new());
    for master in input.cluster.masters().filter(|master| !target.voters.contains(&master.name)) {
        let wanted = only.is_empty() || only.contains(&master.name);
        if target.membership.vote(&master.name) == Vote::Unknown {
            refusals.add(
                Rule::UnknownMember,
                format!(
                    "it is not known whether {} is one of the members that could not be matched to a master",
                    master.name
                ),
                format!("make {} answer, or run `requorum status` once from where it does", master.name),
            );
            continue;
        }
        match input.seen.masters.get(&master.name) {
            Some(Contact::Answers(_)) if wanted => {
                back.insert(master.name.clone());
            }
            // Left for later, and yet able to elect a leader with another one left for later.
            Some(Contact::Answers(seen)) if seen.etcd_runs() != Some(false) => refusals.add(
                Rule::LeftRunning,
                format!("{} is to rejoin later, but runs etcd now", master.name),
                stop_first(input, target, master),
            ),
            Some(Contact::Answers(_)) => {}
            _ if wanted => {
                let why = checks::dark_because(input.seen, &master.name).unwrap_or_default();
                dark.push((master.name.as_str(), why));
            }
            _ => {}
        }
    }
    still_dark(&dark, &back, refusals);
    back
}

/// How one that is left for later is kept from serving. A zone is fenced as a whole, so not one in which a voter stands.
fn stop_first(input: Input<'_>, target: &TargetCluster, master: &Master) -> String {
    let votes_there = |voter: &MasterName| input.cluster.master(voter).is_some_and(|voter| voter.zone == master.zone);
    match target.voters.iter().any(votes_there) {
        true => {
            format!("stop its etcd on {0} by hand, and see that it cannot start; or let {0} rejoin now", master.name)
        }
        false => format!("stop and fence it first: requorum fence {}", master.zone),
    }
}

/// Masters that should rejoin and do not answer; those that do can be rejoined without them.
fn still_dark(dark: &[(&str, String)], back: &BTreeSet<MasterName>, refusals: &mut Refusals<'_>) {
    if dark.is_empty() {
        return;
    }
    let (names, reasons) = checks::silent(dark);
    let (does, them) = if dark.len() == 1 { ("does", "it") } else { ("do", "them") };
    let next = if back.is_empty() {
        format!("wait for {them}, then give the same command again")
    } else {
        let only: Vec<&str> = back.iter().map(MasterName::as_str).collect();
        format!("wait for {them}, or rejoin the others now: --only {}", only.join(" "))
    };
    refusals.add(Rule::StillDark, format!("{names} should rejoin and {does} not answer: {reasons}"), next);
}

/// Every member must be a master of the inventory: a list that names others is not the one that was planned for.
fn list_is_ours(input: Input<'_>, target: &TargetCluster, refusals: &mut Refusals<'_>) {
    let silent: Vec<String> = target.membership.with(Vote::Unknown).iter().map(ToString::to_string).collect();
    for entry in target.membership.strangers() {
        let kind = if entry.member.votes() { "voter" } else { "learner" };
        refusals.add(
            Rule::UnknownMember,
            format!("the member list has a {kind} {} that could not be matched to a master", entry.shown()),
            advice_on_stranger(entry, &silent, input.seen),
        );
    }
    for (name, seen) in target.voters.iter().filter_map(|name| Some((name, input.seen.seen(name)?))) {
        if seen.etcd_runs() == Some(false) {
            refusals.add(
                Rule::VoterDown,
                format!("{name} votes in the serving cluster and its etcd does not run"),
                input.cluster.master(name).map_or_else(String::new, |master| started(master, seen, &target.membership)),
            );
        } else if seen.has_no_leader() {
            refusals.add(
                Rule::VoterDown,
                format!("{name} votes in the serving cluster, and its etcd has no leader: it does not reach the others"),
                "restore the network between it and the others' peer ports; then it catches up by itself: requorum status",
            );
        }
    }
    for name in target.voters.iter().filter(|name| input.seen.seen(name).is_none()) {
        refusals.add(
            Rule::VoterDark,
            format!("{name} votes in the serving cluster and does not answer over SSH"),
            format!(
                "make it reachable: its settings must be rewritten; or, if its machine is gone for good, on a master that \
                 serves: {}; then: requorum recover",
                removal(name, &target.membership)
            ),
        );
    }
}

/// How a voter's etcd is started again. Finished runs leave retired directories too: only the run that left it half-made
/// is named.
fn started(master: &Master, seen: &Seen, membership: &Membership) -> String {
    let own = Participant::alone(master, seen);
    let (data, supervisor) = (own.data_dir(), master.etcd.supervisor());
    let start = supervisor.start_by_hand();
    let traces = seen.traces.as_ref().ok();
    if let Some(Replaced::Restored(run) | Replaced::Emptied(run)) = traces.and_then(Traces::half_made) {
        // Data in its place has its own log, here too.
        let log = own.wal_dir().ok().flatten().and_then(|log| log.moved().cloned());
        let log = log.map(|log| format!("mv -T {log} {log}.not-used; mv -T {log}.{RETIRED}{run} {log}; "));
        return format!(
            "give it back the data that run {run} moved aside, on {0}: mv -T {data} {data}.not-used; {1}mv -T \
             {data}.{RETIRED}{run} {data}; rm {2}; {start} (where {data} is a mount point: the \
             same with {data}/member and {data}/{RETIRED}{run}/member)",
            master.name,
            log.unwrap_or_default(),
            supervisor.fence_marker()
        );
    }
    if seen.has_no_data() {
        return format!("{}; then: requorum recover", advice_on_lost_data(&master.name, membership));
    }
    match traces.is_some_and(|traces| traces.fenced) {
        true => format!("requorum unfence {}, then on {}: {start}", master.zone, master.name),
        false => format!("on {}: {start}", master.name),
    }
}

fn leader<'a>(survivors: &[Participant<'a>]) -> Option<Participant<'a>> {
    survivors
        .iter()
        .find(|participant| participant.seen.status.as_ref().is_ok_and(|status| status.leader == Some(status.member)))
        .copied()
}

/// The serving cluster's token: as recorded, else as its members' env files say.
fn token(target: &TargetCluster, seed: Participant<'_>) -> Result<Token, NoPlan> {
    if let Some(record) = &target.record {
        return Ok(record.token.clone());
    }
    // etcd's own default (`embed/config.go`).
    let said = seed.settings()?.get("initial-cluster-token");
    Ok(Token(said.unwrap_or_else(|| "etcd-cluster".to_owned())))
}

fn record(input: Input<'_>, target: &TargetCluster, token: &Token) -> ClusterRecord {
    let run = input.request.run.clone();
    target.record.clone().unwrap_or_else(|| ClusterRecord {
        version: RECORD_VERSION,
        run: run.clone(),
        written_by: run,
        cluster: target.cluster,
        token: token.clone(),
        fork_revision: 0,
        ancestors: Vec::new(),
        generation: 0,
        finished: true,
        cordons: false,
    })
}

fn all_is_done(draft: &PlanDraft<'_>) -> String {
    let listed = draft.survivors.iter().all(has_final_list);
    let lists = if listed { ", and the settings of each name the final list" } else { "" };
    format!("every master votes in cluster {}{lists}", draft.cluster)
}

/// Whether its settings are to have the final list: a manifest is not changed while its pod runs.
fn has_final_list(participant: &Participant<'_>) -> bool {
    participant.master.etcd.supervisor().pod().is_none()
}

/// Whether every master's settings have the final list already and the record is there.
fn is_final(draft: &PlanDraft<'_>, recorded: bool) -> Result<bool, NoPlan> {
    let list = initial_cluster(&draft.peers(None));
    let voters: Vec<&MasterName> = draft.members.iter().map(|member| &member.master).collect();
    if !draft.survivors.iter().all(|participant| draft.api.is_final(draft.input, participant, &voters)) {
        return Ok(false);
    }
    for participant in draft.survivors.iter().filter(|participant| has_final_list(participant)) {
        if participant.settings()?.get("initial-cluster").as_deref() != Some(list.as_str()) {
            return Ok(false);
        }
    }
    Ok(recorded)
}
