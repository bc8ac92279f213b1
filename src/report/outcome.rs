//! The last words of a run: what was done, how long it took, where the old data is, what comes next.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::model::{MasterName, RunId, ZoneName};
use crate::observe::Code;
use crate::observe::Verdict;
use crate::observe::fork::When;
use crate::plan::{Goal, Plan, Planned, cut_off};
use crate::run::journal::StepState;
use crate::run::runner::{Ending, Outcome, Trouble};
use crate::step::Effect;

use super::{harmless, left, names, seconds};

mod go_on;
mod parked;

use go_on::by_hand;
pub use go_on::way_on;

/// What a run says that began no change; what it left lying is told beside.
const NOT_CHANGED: &str = "etcd was not changed: data, settings and members are as before.\n\
                           next: run the same command again; it checks everything anew\n";

/// A run as it is reported: everything the last words are made from.
#[derive(Debug, Clone, Copy)]
pub struct ReportedRun<'a> {
    pub plan: &'a Plan,
    /// How it went.
    pub outcome: &'a Outcome,
    /// Where each step is.
    pub states: &'a std::collections::BTreeMap<u32, StepState>,
    /// The proof's time, which is no part of the run's.
    pub proof: Option<Duration>,
    /// The run's directory on the bastion.
    pub place: &'a Path,
    /// The command line's beginning, for next commands: `requorum -i FILE`.
    pub again: &'a str,
    /// The drill that holds the masters, where the run is a part of one.
    pub drill: Option<&'a RunId>,
    /// Whether this is told from the journal afterwards, when somebody may have gone on.
    pub later: bool,
}

/// Something left to do or to know: a paragraph, in which commands stand on lines of their own, indented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Open {
    pub text: String,
    #[serde(skip)]
    pub about: About,
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The way on after this run.
    Next,
    /// The same; it begins with letting go of the lock.
    Lock,
    /// Data that lies where it was moved to.
    OldData,
    /// What failed without ending the run.
    Warning,
}

impl Open {
    /// The way on.
    pub fn next(text: impl Into<String>) -> Self {
        Self { text: text.into(), about: About::Next }
    }
}

/// The last words.
#[must_use]
pub fn text(run: ReportedRun<'_>) -> String {
    let mut out = String::new();
    timings(run, &mut out);
    out.push_str(&result(run));
    open(run).iter().for_each(|open| out.push_str(&open.text));
    for warning in &run.outcome.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    let _ = writeln!(out, "journal: {}", run.place.join("journal.jsonl").display());
    harmless(&out)
}

/// What a last look found the cluster to be. It takes no time for a proof: where nothing serves, it says that. `again` is the
/// command line's beginning.
#[must_use]
pub fn now(verdict: Verdict, plan: &Plan, again: &str) -> String {
    let words = if verdict == Verdict::Unknown { "nothing serves, or no master answers" } else { verdict.words() };
    let next = match plan.goal {
        _ if verdict != Verdict::SplitBrain => String::new(),
        Goal::InitiateDr => format!(
            "A zone came back during this run: its old members serve as a second cluster.\n\
             next: {again} fence {}      # then: {again} recover\n",
            fence_target(plan)
        ),
        _ => format!("next: {again} status      # names the zone to fence\n"),
    };
    format!("the cluster now: {words}\n{next}")
}

/// What came of the run.
#[must_use]
pub fn result(run: ReportedRun<'_>) -> String {
    match &run.outcome.ending {
        Ending::Done => done(run),
        Ending::Stopped(trouble) => stopped(run, trouble, "failed"),
        Ending::Unknown(trouble) => stopped(run, trouble, "has an unknown outcome"),
        Ending::Interrupted(trouble) => stopped(run, trouble, "was not begun"),
    }
}

/// What is left to do or to know.
#[must_use]
pub fn open(run: ReportedRun<'_>) -> Vec<Open> {
    let mut left: Vec<Open> = match (&run.outcome.ending, run.outcome.changed) {
        (Ending::Done, _) => after_done(run).into_iter().map(Open::next).collect(),
        (_, false) => left::beside(run).into_iter().chain(fences(run)).map(Open::next).collect(),
        (_, true) => {
            let held = fences(run).map(Open::next).into_iter().chain(parked::words(run));
            held.chain([by_hand(run)]).collect()
        }
    };
    left.extend(left::old_data(run));
    left
}

fn timings(run: ReportedRun<'_>, out: &mut String) {
    if let Some(proof) = run.proof {
        let _ = writeln!(out, "proof that quorum is lost: {} (before the run)", seconds(proof));
    }
    let phases = &run.outcome.phases;
    let total: Duration = phases.iter().map(|phase| phase.took).sum();
    let waited: Duration = phases.iter().map(|phase| phase.waited).sum();
    let _ = writeln!(out, "run: {}, of which {} waiting for etcd", seconds(total), seconds(waited));
    for phase in phases {
        let waited =
            if phase.waited.is_zero() { String::new() } else { format!(" ({} waiting)", seconds(phase.waited)) };
        let _ = writeln!(out, "  {:>8}  {}{waited}", seconds(phase.took), phase.title);
    }
}

/// The masters whose settings are not written once all have joined: to change a pod's manifest is to restart it.
fn without_final_list(plan: &Plan) -> BTreeSet<&MasterName> {
    let mut without: BTreeSet<&MasterName> = plan.survivors.iter().chain(&plan.returned).collect();
    for planned in plan.steps() {
        for effect in planned.step.kind().effects() {
            match effect {
                Effect::AddsLearner(_) => without.extend(plan.survivors.iter().chain(&plan.returned)),
                Effect::WritesFile(_) => {
                    without.remove(&planned.host);
                }
                _ => {}
            }
        }
    }
    without
}

fn done(run: ReportedRun<'_>) -> String {
    let plan = run.plan;
    match plan.goal {
        Goal::InitiateDr if !makes_a_cluster(plan) && does(plan, |effect| matches!(effect, Effect::Records(_))) => {
            let cluster = plan.after.as_ref().map(|after| after.cluster.to_string()).unwrap_or_default();
            format!(
                "done: {} took a write as cluster {cluster}, which an earlier run had started; it is recorded as the one that counts\n",
                names(&plan.survivors)
            )
        }
        Goal::InitiateDr if !makes_a_cluster(plan) => {
            format!("done: the API servers of {} are ready, and know its etcd alone\n", names(&plan.survivors))
        }
        Goal::InitiateDr => {
            let fork = run.outcome.facts.snapshot.as_ref().map_or(0, |snapshot| snapshot.revision);
            let serve = if plan.survivors.len() == 1 { "serves" } else { "serve" };
            let cluster = plan.after.as_ref().map(|after| after.cluster.to_string()).unwrap_or_default();
            format!(
                "done: {} {serve} as cluster {cluster}; it holds the old cluster's data up to revision {fork}, its first write is revision {}\n",
                names(&plan.survivors),
                run.outcome.facts.first_write.unwrap_or(0)
            )
        }
        Goal::Recover => {
            let voters = plan.after.as_ref().map_or(0, |after| after.members.len());
            let other = without_final_list(plan);
            let whose = match () {
                () if !other.is_empty() => {
                    format!(
                        "the settings of {} keep the list of an earlier day, which etcd does not read again",
                        names(&other)
                    )
                }
                () if plan.left_out.is_empty() => "the settings of each name the final list".to_owned(),
                () => "their env files list them".to_owned(),
            };
            format!("done: {voters} voters, one cluster, equal data; {whose}\n")
        }
        Goal::Fence => {
            format!("done: etcd is down on {} and cannot start there, also after a reboot\n", names(&plan.returned))
        }
        Goal::Undo if !returns_data(plan) => {
            format!("done: the API servers of {} are put back as they were\n", names(&plan.returned))
        }
        Goal::Undo => {
            let (have, their) = if plan.returned.len() == 1 { ("has its", "its") } else { ("have their", "their") };
            format!("done: {} {have} own data back; {their} etcd was started\n", names(&plan.returned))
        }
        Goal::Unfence => format!("done: etcd may start again on {}; it was not started\n", names(&plan.returned)),
    }
}

/// Whether a run of `initiate-dr` makes a cluster. Where its cluster served before, it makes none: only what a run had left to do was done.
pub(super) fn makes_a_cluster(plan: &Plan) -> bool {
    does(plan, |effect| matches!(effect, Effect::BuildsData(_)))
}

fn returns_data(plan: &Plan) -> bool {
    does(plan, |effect| matches!(effect, Effect::ReturnsData(_)))
}

fn does(plan: &Plan, what: impl Fn(&Effect<'_>) -> bool) -> bool {
    plan.steps().any(|planned| planned.step.does(&what))
}

fn after_done(run: ReportedRun<'_>) -> Vec<String> {
    let plan = run.plan;
    let mut left = Vec::new();
    match plan.goal {
        Goal::InitiateDr => {
            let zones = names(&plan.failed_zones);
            left.push(format!(
                "{zones} must not serve again: its old members would elect a leader and take writes.\n\
                 Keep {2} cut off there until one of these has reached all of its masters:\n  {0} fence {1}\n  {0} recover\n",
                run.again,
                fence_target(plan),
                cut_off::words(&plan.ports)
            ));
            let other: Vec<_> = plan.left_out.iter().filter(|name| !in_failed_zone(plan, name)).collect();
            if !other.is_empty() {
                left.push(format!("The same holds for {}, which did not answer and is left out.\n", names(other)));
            }
            left.extend(told(plan, &[Code::MayHoldMore]));
            let served = |planned: &Planned| planned.step.does(|effect| matches!(effect, Effect::ServesApi(_)));
            if restarts_needed(plan) && !plan.steps().any(served) {
                let why = "This etcd cannot raise revisions on restore";
                left.push(format!("{why}: restart every API server of the surviving zone now.\n"));
            }
        }
        Goal::Recover => {
            left.extend(told(plan, &[Code::BeyondTheFork, Code::BeyondUntold]));
            left.extend(cordoned(plan));
            if !plan.left_out.is_empty() {
                let out = names(&plan.left_out);
                left.push(format!("still out: {out}; once they answer: {} recover\n", run.again));
            }
            left.push(format!("next: {} status\n", run.again));
        }
        Goal::Undo => left.push(format!("next: {} status\n", run.again)),
        Goal::Fence => {
            left.extend(last_revisions(run));
            if !plan.left_out.is_empty() {
                left.push(format!(
                    "not reached, and so not fenced: {}; keep {} cut off there, and fence again once they answer\n",
                    names(&plan.left_out),
                    cut_off::words(&plan.ports)
                ));
            }
            left.push(format!("next: {} status\n", run.again));
        }
        Goal::Unfence => {
            left.extend(started_by_hand(plan));
            left.extend(cordoned(plan));
            if !plan.left_out.is_empty() {
                left.push(format!("not reached; those that were fenced still are: {}\n", names(&plan.left_out)));
            }
        }
    }
    left
}

/// What a person starts on the masters that are fenced no more.
fn started_by_hand(plan: &Plan) -> impl Iterator<Item = String> {
    let by_hand = |planned: &Planned, effect: &Effect<'_>| match effect {
        Effect::LiftsFence(supervisor) => Some(format!("next, on {}: {}\n", planned.host, supervisor.start_by_hand())),
        Effect::LeavesParked(components) => Some(parked::back_by_hand(&planned.host, components)),
        _ => None,
    };
    let of = move |planned: &Planned| {
        planned.step.kind().effects().iter().filter_map(|effect| by_hand(planned, effect)).collect::<Vec<_>>()
    };
    plan.steps().flat_map(of)
}

/// Who may hold, or held, more than the new cluster: what the plan said beforehand is still true.
fn told(plan: &Plan, codes: &[Code]) -> impl Iterator<Item = String> {
    let found = plan.findings.iter().filter(|finding| codes.contains(&finding.code));
    found.filter_map(|finding| Some(format!("{}: {}.\n", finding.master.as_ref()?, finding.text)))
}

/// Nodes that get no pods still.
fn cordoned(plan: &Plan) -> impl Iterator<Item = String> {
    let found = plan.findings.iter().filter(|finding| finding.code == Code::NodesCordoned);
    found.map(|finding| format!("{}\n", finding.text))
}

/// What the masters that were fenced have that the newest cluster lacks.
fn last_revisions(run: ReportedRun<'_>) -> impl Iterator<Item = String> {
    run.plan.steps().flat_map(|planned| planned.step.kind().effects()).filter_map(move |effect| {
        let Effect::AsksRevision(ask) = effect else { return None };
        let said = run.outcome.facts.last_revisions.get(&ask.master)?;
        Some(format!("{}: {}.\n", ask.master, ask.forks.lacking(said, When::Then)?))
    })
}

fn fence_target(plan: &Plan) -> String {
    plan.failed_zones.iter().map(ZoneName::as_str).collect::<Vec<_>>().join(" ")
}

/// A plan that names no zones is taken to leave out nobody else.
fn in_failed_zone(plan: &Plan, name: &MasterName) -> bool {
    plan.zones.get(name).is_none_or(|zone| plan.failed_zones.contains(zone))
}

/// Whether a restore could not raise revisions: watches would then silently miss changes.
fn restarts_needed(plan: &Plan) -> bool {
    plan.steps()
        .any(|planned| planned.step.does(|effect| matches!(effect, Effect::BuildsData(restore) if !restore.tool.bumps)))
}

fn stopped(run: ReportedRun<'_>, trouble: &Trouble, how: &str) -> String {
    let Trouble { number, host, title, why, .. } = trouble;
    let mut out = format!("STOPPED: step {number} on {host} ({title}) {how}:\n  {why}\n");
    if !run.outcome.changed {
        out.push_str(NOT_CHANGED);
        return out;
    }
    let state = |id: u32| run.states.get(&id).copied().unwrap_or(StepState::Planned);
    let list = |heading: &str, wanted: fn(StepState) -> bool, out: &mut String| {
        let mut steps = run.plan.steps().filter(|planned| wanted(state(planned.id))).peekable();
        if steps.peek().is_some() {
            let _ = writeln!(out, "{heading}:");
        }
        for planned in steps {
            let number = run.plan.number_of(planned.id);
            let _ = writeln!(out, "  {number:>2}. {}: {}", planned.host, planned.step.kind().title());
        }
    };
    list("Done", |state| state == StepState::Done, &mut out);
    let unfinished = |state| matches!(state, StepState::Running | StepState::Failed | StepState::Unknown);
    list("Started but not finished", unfinished, &mut out);
    list("Not begun", |state| state == StepState::Planned, &mut out);
    out
}

fn fences(run: ReportedRun<'_>) -> Option<String> {
    let state = |id: u32| run.states.get(&id).copied().unwrap_or(StepState::Planned);
    let mut fenced = std::collections::BTreeSet::new();
    for planned in run.plan.steps() {
        let state = state(planned.id);
        for effect in planned.step.kind().effects() {
            match effect {
                Effect::Fences if state == StepState::Done => fenced.insert(&planned.host),
                // Once it was begun the fence may be gone, whatever came of it.
                Effect::LiftsFence(_) if state != StepState::Planned => fenced.remove(&planned.host),
                _ => false,
            };
        }
    }
    let when = if run.later { "Fenced when the journal ended" } else { "Fenced now" };
    (!fenced.is_empty()).then(|| format!("{when} (etcd cannot start there): {}\n", names(fenced)))
}
