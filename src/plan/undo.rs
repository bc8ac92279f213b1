//! Plans `undo`: masters whose data was replaced by an `initiate-dr` that never came to a write get their own data
//! back. Starts no new cluster.

use std::collections::BTreeSet;

use crate::model::{AbsPath, Master, MasterName, RunId, WalDir};
use crate::observe::Traces;
use crate::observe::log::Log;
use crate::observe::traces::{Replaced, is_parked_by_initiate_dr, survivor_fence_text};
use crate::plan::Rule;
use crate::step::{Step, fence, return_data, return_file, return_record, serve_api, start_own, unfence, write_list};

use super::api_servers;
use super::checks::{self, Refusals};
use super::draft::Participant;
use super::initiate::join;
use super::{Input, NoPlan, Plan, fence as fencing};

/// Plans to take that run back wherever it left a trace.
///
/// # Errors
/// When it left none, or its new cluster may have acknowledged a write.
pub fn plan(input: Input<'_>) -> Result<Plan, NoPlan> {
    let Some(run) = &input.request.undoes else {
        return Err(NoPlan::NothingToDo("no run is named: requorum undo RUN".to_owned()));
    };
    let mut refusals = Refusals::new(input.request);
    let traced = Participant::all(input, input.cluster.masters().map(|master| &master.name));
    let traced: Vec<Participant<'_>> =
        traced.into_iter().filter(|participant| left_a_trace(participant, run)).collect();
    never_served(input, run, &traced, &mut refusals);
    everybody_is_seen(input, run, traced.is_empty(), &mut refusals);
    refusals.done()?;
    if traced.is_empty() {
        return Err(NoPlan::NothingToDo(format!("no master has its data replaced, or is fenced, by run {run}")));
    }
    Ok(of(input, run, &traced))
}

fn traces<'a>(participant: &Participant<'a>) -> Option<&'a Traces> {
    participant.seen.traces.as_ref().ok()
}

/// That run left it in another state than it was.
fn left_a_trace(participant: &Participant<'_>, run: &RunId) -> bool {
    let parked = api_servers::of(participant).is_some_and(|(api, _)| {
        let by = api.parked_by.as_deref().unwrap_or_default();
        api.is_held_back() && is_parked_by_initiate_dr(by, run)
    });
    parked || etcd_is_touched(participant, run)
}

/// Its data was replaced by that run, or it is a survivor down behind that run's fence with its data where it was. Or an
/// `undo` of it was cut off before the start, when nothing kept etcd from running any more.
fn etcd_is_touched(participant: &Participant<'_>, run: &RunId) -> bool {
    let fenced = |traces: &Traces| traces.fenced && traces.fenced_survivor && traces.fenced_by.as_ref() == Some(run);
    let down = participant.seen.etcd_runs() == Some(false);
    let to_start =
        |traces: &Traces| down && !traces.fenced && traces.half_made().is_none() && traces.undone.contains(run);
    traces(participant).is_some_and(|traces| {
        traces.replaced.as_ref().is_some_and(|replaced| replaced.by() == run) || fenced(traces) || to_start(traces)
    })
}

/// Once the new cluster has acknowledged a write, the old data lacks it. The fence goes when etcd is started.
fn never_served(input: Input<'_>, run: &RunId, traced: &[Participant<'_>], refusals: &mut Refusals<'_>) {
    for (name, seen) in input.seen.answering() {
        let record = seen.traces.as_ref().ok().and_then(|traces| traces.record.as_ref());
        if let Some(record) = record.filter(|record| record.finished && record.run == *run) {
            refusals.add(
                Rule::UndoFinished,
                format!("run {run} finished: cluster {} has acknowledged writes ({name})", record.cluster),
                "rejoin the other zone: requorum recover",
            );
        }
    }
    for participant in traced {
        checks::starter_is_known(participant.master, participant.seen, refusals);
        if let Err(why) = &participant.seen.settings {
            let why_not = format!("{}: which file run {run} wrote there is not known: {why}", participant.name());
            refusals.add(Rule::Unclear, why_not, why.next());
        }
        if let Err(why) = &participant.seen.wal_place {
            refusals.add(Rule::Unclear, format!("{}: {why}", participant.name()), why.next());
        }
        if may_have_served(participant, run) {
            let known = match &participant.seen.log {
                Ok(log) if log.has_had_a_leader() => "its log says that it had a leader",
                _ => "whether it had a leader is not known",
            };
            refusals.add(
                Rule::UndoStarted,
                format!(
                    "the fence of run {run} on {} is lifted: etcd was started on what it restored, and may have acknowledged \
                     writes ({known})",
                    participant.name()
                ),
                match another_serves(input, traced) {
                    false => "continue: `requorum status` names the next command".to_owned(),
                    true => format!(
                        "another cluster serves: if nothing was written through {} since, add --override undo-started=REASON",
                        participant.name()
                    ),
                },
            );
        }
        if older_than_another(input, participant, run) {
            refusals.add(
                Rule::UndoWakesOldData,
                format!(
                    "a newer cluster than that of {} was created: its own old data must not serve again",
                    participant.name()
                ),
                "rejoin it: requorum recover",
            );
        }
    }
}

/// Whether a cluster serves that is not the one that the run made.
fn another_serves(input: Input<'_>, traced: &[Participant<'_>]) -> bool {
    let made = |name: &MasterName| traced.iter().any(|participant| participant.name() == name);
    input.seen.answering().any(|(name, seen)| seen.serves() && !made(name))
}

/// Whether what the run restored may have been served: its own fence is lifted, and nothing says that no leader came of it.
fn may_have_served(participant: &Participant<'_>, run: &RunId) -> bool {
    let Some(traces) = traces(participant) else { return false };
    let restored = matches!(&traces.replaced, Some(Replaced::Restored(by)) if by == run);
    let led = participant.seen.log.as_ref().map_or(true, Log::has_had_a_leader);
    restored && !traces.is_held_back_by(run) && (participant.seen.etcd_runs() != Some(false) || led)
}

/// Whether a finished run has made another cluster than the one whose data this master would take again.
fn older_than_another(input: Input<'_>, participant: &Participant<'_>, run: &RunId) -> bool {
    let finished = |traces: &Traces| traces.record.clone().filter(|record| record.finished && record.run != *run);
    let own = traces(participant).and_then(finished).map(|record| record.cluster);
    if own.is_none()
        && matches!(traces(participant).and_then(|traces| traces.replaced.as_ref()), Some(Replaced::Restored(_)))
    {
        // That run's own record has taken the place of the one that was valid here.
        return false;
    }
    let others = input.seen.answering().filter(|(name, _)| *name != participant.name());
    let others = others.filter_map(|(_, seen)| finished(seen.traces.as_ref().ok()?));
    others.into_iter().any(|record| Some(record.cluster) != own)
}

/// A survivor that cannot be asked may have been started. Where no trace is seen anybody who cannot be asked may have one.
fn everybody_is_seen(input: Input<'_>, run: &RunId, nothing_seen: bool, refusals: &mut Refusals<'_>) {
    let traced = |name: &MasterName| {
        let traces = input.seen.seen(name).and_then(|seen| seen.traces.as_ref().ok());
        traces.is_some_and(|traces| traces.replaced.as_ref().is_some_and(|replaced| replaced.by() == run))
    };
    let may_have_taken_part = |master: &Master| {
        let Some(zone) = input.cluster.zones.get(&master.zone) else { return true };
        let known = |name: &&MasterName| input.seen.seen(name).is_some_and(|seen| seen.traces.is_ok());
        // A zone that was lost took no part. Of two, one was; of several, one whose masters have nothing of that run.
        zone.masters.keys().any(traced)
            || nothing_seen
            || (input.cluster.zones.len() > 2 && zone.masters.keys().find(known).is_none())
    };
    for master in input.cluster.masters().filter(|master| may_have_taken_part(master)) {
        let name = &master.name;
        if input.seen.seen(name).is_none_or(|seen| seen.traces.is_err()) {
            refusals.add(
                Rule::UndoBlind,
                format!("{name} cannot be asked whether etcd was started there on what run {run} restored"),
                format!(
                    "make it answer, then try again; if {name} was of a zone that run {run} took for lost: \
                     --override undo-blind=REASON"
                ),
            );
        }
    }
}

/// The way back of an `initiate-dr`'s steps, the last first; as for `fence`, whatever is not named is left as it is.
fn of(input: Input<'_>, run: &RunId, participants: &[Participant<'_>]) -> Plan {
    let names: BTreeSet<&MasterName> = participants.iter().map(Participant::name).collect();
    // A run that came no further than to park an API server has left its etcd running.
    let is_etcd_touched = |participant: &Participant<'_>| etcd_is_touched(participant, run);
    let what = match participants.iter().any(is_etcd_touched) {
        true => "the data and the cluster",
        false => "the API servers",
    };
    let summary = format!("{what} of {} are as before run {run} again.", join(&names));
    let supervisor = |participant: &Participant<'_>| participant.master.etcd.supervisor();
    // A start lifted the fence and came to nothing: nothing is half returned while etcd could start by itself.
    let fence = |participant: &Participant<'_>| {
        let fenced = traces(participant).is_some_and(|traces| traces.fenced && traces.drop_in);
        let reason = survivor_fence_text("undo", run, &input.request.person);
        (!fenced).then(|| fence::Fence { supervisor: supervisor(participant), reason, asked: None }.into())
    };
    let record = |participant: &Participant<'_>| {
        let at = participant.master.etcd.record.clone();
        Some(return_record::ReturnRecord { run: run.clone(), at }.into())
    };
    let file = |participant: &Participant<'_>| {
        let form = participant.seen.settings.as_ref().ok()?.file.form;
        let path = participant.written_at()?.0;
        Some(return_file::ReturnFile { path, form, run: run.clone() }.into())
    };
    let data = |participant: &Participant<'_>| {
        let (data_dir, mount_point) = (participant.data_dir().clone(), participant.mount_point());
        let (supervisor, run) = (supervisor(participant), run.clone());
        let wal_dir = participant.wal_dir().ok()?.as_ref().and_then(WalDir::moved).cloned();
        Some(return_data::ReturnData { supervisor, data_dir, mount_point, wal_dir, run }.into())
    };
    let unfence = |participant: &Participant<'_>| Some(unfence::Unfence::of(supervisor(participant)).into());
    let start =
        |participant: &Participant<'_>| Some(Step::from(start_own::StartOwn { supervisor: supervisor(participant) }));
    let of_etcd: [fencing::StepOf<'_>; 6] = [&fence, &record, &file, &data, &unfence, &start];
    let [fence, record, file, data, unfence, start] = of_etcd.map(|kind| {
        move |participant: &Participant<'_>| if is_etcd_touched(participant) { kind(participant) } else { None }
    });
    let list = |participant: &Participant<'_>| {
        let (api, _) = api_servers::of(participant)?;
        let path = AbsPath::new(api.written_at()).ok()?;
        Some(Step::from(write_list::ReturnList { path, form: api.file.form, run: run.clone() }))
    };
    // Whether its etcd finds a quorum again is not this run's to wait for.
    let serve = |participant: &Participant<'_>| {
        let (api, _) = api_servers::of(participant)?;
        Some(Step::from(serve_api::ServeApi::only_put_back(api.components())))
    };
    let kinds: [fencing::StepOf<'_>; 8] = [&fence, &record, &list, &file, &data, &unfence, &start, &serve];
    Plan { summary, ..fencing::of_kinds(input, participants, &kinds) }
}
