//! `plan`, `initiate-dr`, `recover`, `fence`, `unfence`: look, prove, plan, show, ask, lock, run, report.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Cluster, ClusterName, RunId, json};
use crate::observe::Observation;
use crate::observe::assess::Assessment;
use crate::plan::checks::to_attest;
use crate::plan::{Goal, Input, NoPlan, Plan, Request, plan};
use crate::playbook::Playbook;
use crate::report;
use crate::run::again::Basis;
use crate::run::journal::{Journal, StepState};
use crate::run::ports::{Event, Remote, Store};
use crate::run::redact::Redactor;
use crate::run::runner::Outcome;
use crate::run::session::{self, Agreed, NotBegun, Operator};
use crate::run::{World, prove};
use crate::step::Step;
use crate::world::store::RunDir;
use crate::world::{files, terminal};

use super::args::{Common, Consent, Wish};
use super::{Bastion, Failure, again, exit, input, observe, wish};

/// What planning gave.
struct Planning {
    cluster: Cluster,
    playbook: Playbook,
    templates: BTreeMap<String, String>,
    request: Request,
    seen: Observation,
    remote: Arc<dyn Remote>,
    proof: Option<Duration>,
    plan: Result<Plan, NoPlan>,
}

/// Looks, proves and plans. At a terminal the attestation of a dark zone is asked for.
async fn planning(common: &Common, bastion: &Bastion, goal: Goal, flags: &Wish) -> Result<Planning, Failure> {
    let cluster = input::cluster(common, bastion)?;
    let playbook = match goal {
        Goal::InitiateDr | Goal::Recover => input::playbook(common, bastion, goal.playbook())?,
        Goal::Fence => built_in("fence", "The zone's etcd is down and cannot start."),
        Goal::Unfence => built_in("unfence", "The zone's etcd may start again."),
        Goal::Undo => built_in("undo", "What the run replaced is as it was before."),
    };
    let templates = input::templates(common, &playbook, &cluster)?;
    let mut request = wish::request(goal, flags, &cluster, bastion)?;
    let remote = observe::remote(&cluster, common, bastion);
    let looking = observe::begin(&cluster, &remote, common, bastion);
    let (mut seen, proving) = match goal {
        Goal::InitiateDr => prove::look(looking, &cluster, &remote, &bastion.console).await,
        Goal::Recover | Goal::Fence | Goal::Unfence | Goal::Undo => (looking.finish().await, None),
    };
    observe::remember(&cluster, &seen, common, bastion);
    let state = observe::state_dir(common, bastion);
    request = wish::with_snapshot(request, flags, &seen, &cluster, &state)?;
    let mut proof = None;
    if goal == Goal::InitiateDr {
        // What would be refused anyway need not wait for the proof.
        let early = plan(Input {
            cluster: &cluster,
            playbook: &playbook,
            templates: &templates,
            seen: &seen,
            request: &request,
        });
        if only_unproved(&early) || bastion.prompt.attended() {
            proof = prove::prove(&cluster, &mut seen, proving, &remote, &bastion.console).await;
        }
    }
    let mut planned =
        plan(Input { cluster: &cluster, playbook: &playbook, templates: &templates, seen: &seen, request: &request });
    if let Some(zones) = silent_ones(&planned, bastion, &cluster, &seen) {
        for zone in zones {
            let question =
                format!("{zone} is silent. How do you know that it is off (ticket, who, how)? Empty: stop.\n>");
            let answer = bastion.prompt.line(&question).unwrap_or_default();
            if !answer.is_empty() {
                request.attested.insert(zone, crate::model::command::clean(&answer));
            }
        }
        planned = plan(Input {
            cluster: &cluster,
            playbook: &playbook,
            templates: &templates,
            seen: &seen,
            request: &request,
        });
    }
    if seen.proof.is_none() {
        planned = planned.map_err(without_the_proof);
    }
    Ok(Planning { cluster, playbook, templates, request, seen, remote, proof, plan: planned })
}

fn built_in(name: &str, summary: &str) -> Playbook {
    Playbook { name: name.to_owned(), summary: summary.to_owned(), lines: Vec::new() }
}

/// A proof that was not tried, because other rules forbid the run anyway, is no refusal worth reading.
fn without_the_proof(no_plan: NoPlan) -> NoPlan {
    match no_plan {
        NoPlan::Refused(mut refusals) if refusals.len() > 1 => {
            refusals.retain(|refusal| refusal.rule != "quorum-unproved");
            NoPlan::Refused(refusals)
        }
        other => other,
    }
}

/// Whether the only thing that speaks against a plan is the missing proof.
fn only_unproved(planned: &Result<Plan, NoPlan>) -> bool {
    match planned {
        Ok(_) => true,
        Err(NoPlan::Refused(refusals)) => refusals.iter().all(|refusal| refusal.rule == "quorum-unproved"),
        Err(NoPlan::NothingToDo(_)) => false,
    }
}

/// The zones to ask the person about: where nothing but their silence speaks against the plan.
fn silent_ones(
    planned: &Result<Plan, NoPlan>,
    bastion: &Bastion,
    cluster: &Cluster,
    seen: &Observation,
) -> Option<Vec<String>> {
    let Err(NoPlan::Refused(refusals)) = planned else { return None };
    if !bastion.prompt.attended() || !refusals.iter().all(|refusal| refusal.rule == "not-attested") {
        return None;
    }
    let dark = |master: &&crate::model::Master| seen.seen(&master.name).is_none();
    let who = |master: &crate::model::Master| to_attest(master, cluster, seen);
    let mut zones: Vec<String> = cluster.masters().filter(dark).map(who).collect();
    zones.dedup();
    Some(zones)
}

/// What must be shown nowhere: secrets of the env files and units, and sudo's passwords, supplied or typed.
pub(super) fn redactor(seen: &Observation, bastion: &Bastion) -> Redactor {
    Redactor::of(seen).and(bastion.unlocked.secrets())
}

/// `requorum plan`.
pub(super) async fn show(
    common: &Common,
    bastion: &Bastion,
    goal: Goal,
    flags: &Wish,
    save: Option<&Path>,
) -> Result<u8, Failure> {
    let planning = planning(common, bastion, goal, flags).await?;
    match &planning.plan {
        Ok(plan) => {
            let redactor = redactor(&planning.seen, bastion);
            let plan = redactor.plan(plan);
            terminal::print(&redactor.clean(&report::plan::summary(&plan)));
            terminal::print(&redactor.clean(&format!("\n{}", report::plan::details(&plan))));
            if let Some(path) = save {
                files::write_private(path, &json::text(&plan))
                    .map_err(|error| Failure::new(exit::FAILED, format!("error: {}: {error}", path.display())))?;
            }
            Ok(exit::CHANGES)
        }
        Err(no_plan) => no_plan_code(no_plan, &redactor(&planning.seen, bastion)),
    }
}

fn no_plan_code(no_plan: &NoPlan, redactor: &Redactor) -> Result<u8, Failure> {
    let text = redactor.clean(&report::plan::refused(no_plan));
    match no_plan {
        NoPlan::NothingToDo(_) => {
            terminal::print(&text);
            Ok(exit::DONE)
        }
        NoPlan::Refused(_) => Err(Failure::new(exit::REFUSED, text)),
    }
}

/// The verbs that change something.
pub(super) async fn go(
    common: &Common,
    bastion: &Bastion,
    goal: Goal,
    flags: &Wish,
    consent: &Consent,
) -> Result<u8, Failure> {
    somebody_to_ask(consent, bastion, goal.command())?;
    let planning = planning(common, bastion, goal, flags).await?;
    let plan = match &planning.plan {
        Ok(plan) => plan,
        Err(no_plan) => return no_plan_code(no_plan, &redactor(&planning.seen, bastion)),
    };
    terminal::say(&redactor(&planning.seen, bastion).clean(&report::plan::summary(plan)));
    agree(&plan.cluster, consent, bastion)?;
    let ran = execute(common, bastion, &planning, plan, None).await?;
    if ran.code == exit::DONE {
        terminal::print(&ran.text);
    } else {
        terminal::say(ran.text.trim_end());
    }
    // What was done is told: an interruption ends the look, and a journal that does not take it is worth a word and no
    // other exit code.
    let mut interrupted = bastion.interrupted.clone();
    let (code, now) = tokio::select! {
        biased;
        _ = interrupted.wait_for(|yes| *yes) => (ran.code, String::new()),
        after = session::last_look(&planning.cluster, &planning.remote, &ran.journal, ran.code) => match after {
            Ok((code, after)) => {
                let words = |after: Assessment| report::outcome::now(after.verdict, plan, &again(&common.inventory));
                (code, after.map(words).unwrap_or_default())
            }
            Err(error) => (ran.code, format!("warning: {error}\n")),
        },
    };
    if code == exit::DONE {
        terminal::print(&now);
        return Ok(code);
    }
    Err(Failure::new(code, now))
}

/// Consent comes from a terminal or a flag.
pub(super) fn somebody_to_ask(consent: &Consent, bastion: &Bastion, verb: &str) -> Result<(), Failure> {
    if consent.confirm.is_some() || bastion.prompt.attended() {
        return Ok(());
    }
    let text = format!(
        "refused; nothing was changed:\n  [no-consent] there is no terminal to ask at\n      next: add --confirm CLUSTER to `requorum {verb}`"
    );
    Err(Failure::new(exit::REFUSED, text))
}

/// The cluster's name, typed or given.
pub(super) fn agree(cluster: &ClusterName, consent: &Consent, bastion: &Bastion) -> Result<(), Failure> {
    let refuse =
        |why: String| Err(Failure::new(exit::REFUSED, format!("refused; nothing was changed:\n  [no-consent] {why}")));
    let name = match &consent.confirm {
        Some(name) => name.clone(),
        None => match bastion.prompt.line(&format!("Type the cluster's name ({cluster}) to go on:")) {
            Ok(name) => name,
            Err(error) => return refuse(error.to_string()),
        },
    };
    if *bastion.interrupted.borrow() {
        return Err(Failure::new(exit::INTERRUPTED, "interrupted; nothing was changed"));
    }
    if name == cluster.as_str() { Ok(()) } else { refuse(format!("{name:?} is not the cluster's name, {cluster}")) }
}

/// How a run ended, and what there is to say of it.
pub(super) struct Ran {
    /// The run.
    pub run: RunId,
    /// The exit code.
    pub code: u8,
    /// What happened.
    pub outcome: Outcome,
    /// Where each step is.
    pub states: BTreeMap<u32, StepState>,
    /// The steps that start etcd.
    pub starts: Vec<u32>,
    /// How long the proof took that quorum is lost.
    pub proof: Option<Duration>,
    /// The report for a terminal.
    pub text: String,
    /// Takes what a last look finds.
    pub journal: Journal,
}

/// Runs and reports.
async fn execute(
    common: &Common,
    bastion: &Bastion,
    planning: &Planning,
    plan: &Plan,
    drill: Option<&RunId>,
) -> Result<Ran, Failure> {
    bastion.acting.begin();
    let state = observe::state_dir(common, bastion);
    let store: Arc<dyn Store> = Arc::new(RunDir::create(&state, &plan.run).map_err(|error| no_place(&state, &error))?);
    let place = store.place();
    bastion.console.tell(Event::Said { text: format!("journal: {}", place.join("journal.jsonl").display()) });
    let redactor = redactor(&planning.seen, bastion);
    let world = World {
        remote: Arc::clone(&planning.remote),
        store,
        clock: Arc::clone(&bastion.clock),
        console: Arc::clone(&bastion.console),
    };
    let operator = Operator { person: bastion.person.clone(), host: bastion.host.clone() };
    let interrupted = bastion.interrupted.clone();
    let Planning { cluster, playbook, templates, request, seen, .. } = planning;
    let basis = Basis { cluster, playbook, templates, request, seen };
    let agreed = Agreed { plan, basis: Some(basis), proof: planning.proof, drill };
    let ended = session::execute(agreed, world, &operator, redactor.clone(), interrupted).await;
    let ended = ended.map_err(|error| {
        let failure = not_begun(&error);
        Failure { text: redactor.clean(&failure.text), ..failure }
    })?;
    let again = again(&common.inventory);
    let story = report::outcome::Story {
        plan,
        outcome: &ended.outcome,
        states: &ended.states,
        proof: planning.proof,
        place: &place,
        again: &again,
        drill,
    };
    let text = redactor.clean(&report::outcome::text(story));
    bastion.console.tell(Event::Said { text: String::new() });
    let starts =
        plan.steps().filter(|planned| matches!(planned.step, Step::Start(_))).map(|planned| planned.id).collect();
    let (run, proof) = (plan.run.clone(), planning.proof);
    let session::Ended { code, outcome, states, journal } = ended;
    Ok(Ran { run, code, outcome, states, starts, proof, text, journal })
}

/// The bastion's disk does not take the run's directory.
pub(super) fn no_place(state: &Path, error: &std::io::Error) -> Failure {
    let shown = state.display();
    let text = format!("error: the run's directory under {shown} cannot be made: {error}\nNothing was changed.");
    Failure::new(exit::FAILED, text)
}

/// The drill that a run is a part of.
#[derive(Clone, Copy)]
pub(super) struct Within<'a> {
    /// Its name; it holds the masters.
    pub drill: &'a RunId,
    /// Told the run's name before anything is done.
    pub begins: &'a (dyn Fn(&RunId) -> Result<(), Failure> + Sync),
}

/// Plans and runs, with consent given before: a drill's parts. Nothing to do is no failure. An interruption ends the
/// looking and proving at once, and a run between two steps.
pub(super) async fn part(
    common: &Common,
    bastion: &Bastion,
    goal: Goal,
    flags: &Wish,
    within: Within<'_>,
) -> Result<Option<Ran>, Failure> {
    let mut interrupted = bastion.interrupted.clone();
    let planning = tokio::select! {
        planning = planning(common, bastion, goal, flags) => planning?,
        _ = interrupted.wait_for(|yes| *yes) => {
            return Err(Failure::new(exit::INTERRUPTED, "interrupted; nothing was changed"));
        }
    };
    match &planning.plan {
        Ok(plan) => {
            (within.begins)(&plan.run)?;
            execute(common, bastion, &planning, plan, Some(within.drill)).await.map(Some)
        }
        Err(NoPlan::NothingToDo(_)) => Ok(None),
        Err(refused) => no_plan_code(refused, &redactor(&planning.seen, bastion)).map(|_| None),
    }
}

/// What is true of a run that was not begun once it had tried to take the lock.
const ONLY_NOTES: &str = "Nothing of etcd was changed. Where this run held the lock for a moment, a note of that stays under \
                          /var/lib/requorum/runs.";

/// Why a run or a drill was not begun, and what comes next.
pub(super) fn not_begun(error: &NotBegun) -> Failure {
    match error {
        NotBegun::Locked { run, .. } => Failure::new(
            error.code(),
            format!(
                "locked: {error}\n{ONLY_NOTES}\n  next: wait for that run; if it has stopped for good: requorum unlock {run}"
            ),
        ),
        NotBegun::Changed { plan, now } => Failure::new(error.code(), report::plan::changed(plan, now)),
        NotBegun::NoLock { .. } => Failure::new(error.code(), format!("error: {error}\n{ONLY_NOTES}")),
        NotBegun::Journal(disk) | NotBegun::Unwritten(disk) => {
            let cause = std::error::Error::source(disk).map(|cause| format!(": {cause}")).unwrap_or_default();
            let begun = matches!(error, NotBegun::Journal(_));
            let done = if begun { "Nothing further was begun." } else { ONLY_NOTES };
            let next = "Make the bastion's disk writable, then run `requorum status`.";
            Failure::new(error.code(), format!("error: {error}{cause}\n{done} {next}"))
        }
    }
}
