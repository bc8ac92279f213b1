//! `plan`, `initiate-dr`, `recover`, `fence`, `unfence`, `undo`: plan, show, ask, lock, run, report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Cluster, MasterName, RunId, json};
use crate::observe::assess::Assessment;
use crate::plan::{Goal, NoPlan, Plan};
use crate::report;
use crate::report::left::lock_note;
use crate::report::plan::changed;
use crate::run::early_lock::EarlyLock;
use crate::run::exit::Kind;
use crate::run::journal::{Journal, RunEvent, StepState};
use crate::run::ports::{Event, Remote};
use crate::run::redact::Redactor;
use crate::run::runner::Outcome;
use crate::run::session::{self, Agreed, NotBegun};
use crate::run::{World, exit};
use crate::step::Effect;

use super::forms::Form;
use super::planning::{Consent, Planning, planning, redactor};
use super::{Failure, InputPaths, Site, UncheckedRequest, consent, inputs, looking, request};

/// `requorum plan`.
///
/// # Errors
/// Where there is no plan, or it cannot be saved.
pub async fn show(
    inputs: &InputPaths,
    site: &Site,
    goal: Goal,
    request: &UncheckedRequest,
    (output, save): (Form, Option<&Path>),
) -> Result<u8, Failure> {
    let planning = planning(inputs, site, goal, request, Consent::Later).await?;
    let redactor = redactor(&planning.seen, site);
    let plan = match &planning.plan {
        Ok(plan) => redactor.plan(plan),
        Err(NoPlan::NothingToDo(why)) if output == Form::Json => {
            site.console.print(&json::text(&serde_json::json!({ "nothing_to_do": redactor.clean(why) })));
            return Ok(exit::DONE);
        }
        Err(no_plan) => return no_plan_code(site, no_plan, &redactor),
    };
    match output {
        Form::Json => site.console.print(&json::text(&plan)),
        Form::Text => {
            site.console.print(&redactor.clean(&report::plan::summary(&plan)));
            site.console.print(&redactor.clean(&format!("\n{}", report::plan::details(&plan))));
        }
    }
    if let Some(path) = save {
        let saved = site.bastion.write_private(path, &json::text(&plan));
        saved.map_err(|error| Failure::unwritten(path, &error))?;
    }
    Ok(exit::CHANGES)
}

/// What is true where nothing was begun.
pub const UNCHANGED: &str = "nothing was changed";

/// Says why there is no plan.
fn no_plan_code(site: &Site, no_plan: &NoPlan, redactor: &Redactor) -> Result<u8, Failure> {
    match no_plan {
        NoPlan::NothingToDo(why) => {
            site.console.print(&redactor.clean(&format!("nothing to do: {why}\n")));
            Ok(exit::DONE)
        }
        NoPlan::Refused(refusals) => Err(Failure::refused(UNCHANGED, refusals.clone()).cleaned(redactor)),
    }
}

/// The verbs that change something.
///
/// # Errors
/// Refusals and failures; with the exit code and what to do next.
pub async fn go(
    inputs: &InputPaths,
    site: &Site,
    goal: Goal,
    request: &UncheckedRequest,
    confirm: Option<&str>,
) -> Result<u8, Failure> {
    // What is wrong with the command line itself is told first.
    let cluster = inputs::cluster(inputs, site)?;
    request::request(goal, request, &cluster, site)?;
    consent::somebody_to_ask(&cluster.name, confirm, site, goal.command())?;
    let early = EarlyLock::default();
    let ended = consented(inputs, site, (goal, request), confirm, &early).await;
    // What was held for a run that was not begun.
    let Some(kept) = early.release().await else { return ended };
    for (host, why) in &kept {
        let text = format!("{host} stays locked: {why}; `requorum status` says what comes next");
        site.console.tell(Event::Warning { text });
    }
    ended
}

/// The same; where the person has consented on the command line, the masters may be held `early`.
async fn consented(
    inputs: &InputPaths,
    site: &Site,
    (goal, request): (Goal, &UncheckedRequest),
    confirm: Option<&str>,
    early: &EarlyLock,
) -> Result<u8, Failure> {
    let consent = if confirm.is_some() { Consent::Given(early) } else { Consent::Later };
    let planning = unless_interrupted(planning(inputs, site, goal, request, consent), site).await?;
    let note = || format!("  Where this run held the lock there is left: {}", lock_note(planning.run()));
    let noted = |failure: Failure| if early.hosts().is_empty() { failure } else { failure.note(note()) };
    let Some(plan) = proposed(inputs, site, &planning).map_err(noted)? else { return Ok(exit::DONE) };
    consent::agree(&plan.cluster, confirm, site)?;
    let ran = begin(inputs, site, &planning, plan, &early.hosts()).await;
    // Whoever was begun gives back what they hold, or keeps it where something is half done.
    if ran.as_ref().map_or_else(|failure| failure.kind == Kind::Unrecorded, |_| true) {
        early.hand_over();
    }
    told(inputs, site, (&planning.cluster, &planning.remote), plan, ran?).await
}

/// Ends what only looks and plans when the person interrupts.
async fn unless_interrupted(
    planning: impl Future<Output = Result<Planning, Failure>>,
    site: &Site,
) -> Result<Planning, Failure> {
    let mut interrupted = site.interrupted.clone();
    tokio::select! {
        planning = planning => planning,
        _ = interrupted.wait_for(|yes| *yes) => Err(Failure::interrupted(UNCHANGED)),
    }
}

/// What is said instead of a plan, or of why there is none, while another run holds masters that it is about.
fn held(inputs: &InputPaths, site: &Site, planning: &Planning) -> Option<Failure> {
    let hosts = planning.would_lock();
    let seen = looking::knowing_who_ended(planning.seen.clone(), site);
    let locks: Vec<_> = seen.locks().filter(|(name, _, _)| hosts.contains(*name)).collect();
    let (_, first, _) = locks.first()?;
    let by = first.words();
    let holds = locks.iter().filter(|(_, lock, _)| lock.run == first.run).map(|(name, _, _)| name);
    let holds: Vec<_> = holds.collect();
    let are = if holds.len() == 1 { "is" } else { "are" };
    let next = report::status_next::held(locks.iter().copied(), &seen, &inputs.again())?;
    let what = format!("{} {are} held by {by}", report::names(holds));
    Some(Failure::new(exit::Kind::Locked, what).note("Nothing was changed.").hint(next))
}

/// The plan, once it was shown; nothing where there is nothing to do, which is said.
///
/// # Errors
/// Where rules forbid it, or another run holds the masters.
pub fn proposed<'a>(inputs: &InputPaths, site: &Site, planning: &'a Planning) -> Result<Option<&'a Plan>, Failure> {
    let redactor = redactor(&planning.seen, site);
    if let Some(held) = held(inputs, site, planning) {
        return Err(held.cleaned(&redactor));
    }
    match &planning.plan {
        Ok(plan) => {
            site.console.say(&redactor.clean(&report::plan::summary(plan)));
            Ok(Some(plan))
        }
        Err(no_plan) => no_plan_code(site, no_plan, &redactor).map(|_| None),
    }
}

/// Runs what was consented to, reports, and looks once more.
///
/// # Errors
/// Refusals and failures; with the exit code and what to do next.
pub async fn run(inputs: &InputPaths, site: &Site, planning: &Planning, plan: &Plan) -> Result<u8, Failure> {
    let ran = begin(inputs, site, planning, plan, &BTreeSet::new()).await?;
    told(inputs, site, (&planning.cluster, &planning.remote), plan, ran).await
}

/// Runs what was consented to; `held` are the masters that are locked for it already.
async fn begin(
    inputs: &InputPaths,
    site: &Site,
    planning: &Planning,
    plan: &Plan,
    held: &BTreeSet<MasterName>,
) -> Result<EndedRun, Failure> {
    let (basis, proof, tried) = (planning.basis(), planning.proof, planning.tried.clone());
    let agreed = Agreed { plan, basis, proof, drill: None, tried, held, again: &inputs.again() };
    execute(inputs, site, &planning.remote, agreed, redactor(&planning.seen, site)).await
}

/// Says how a run ended, and what state the cluster is in now.
///
/// # Errors
/// Refusals and failures; with the exit code and what to do next.
pub async fn told(
    inputs: &InputPaths,
    site: &Site,
    (cluster, remote): (&Cluster, &Arc<dyn Remote>),
    plan: &Plan,
    ran: EndedRun,
) -> Result<u8, Failure> {
    if ran.code == exit::DONE {
        site.console.print(&ran.text);
    } else {
        site.console.say(ran.text.trim_end());
    }
    // What was done is told: an interruption ends the look, and a journal that does not take it is worth a word and no
    // other exit code.
    let mut interrupted = site.interrupted.clone();
    let (code, now) = tokio::select! {
        biased;
        _ = interrupted.wait_for(|yes| *yes) => (ran.code, String::new()),
        after = session::last_look(cluster, remote, &ran.journal, ran.code) => match after {
            Ok((code, after)) => {
                let words = |after: Assessment| report::outcome::now(after.verdict, plan, &inputs.again());
                (code, after.map(words).unwrap_or_default())
            }
            Err(error) => (ran.code, format!("warning: {error}\n")),
        },
    };
    if code == exit::DONE {
        site.console.print(&now);
    } else if !now.is_empty() {
        let redactor = Redactor::default().and(site.bastion.secrets());
        site.console.say(redactor.clean(&now).trim_end());
    }
    Ok(code)
}

/// How a run ended, and what there is to say of it.
pub struct EndedRun {
    pub run: RunId,
    /// The exit code.
    pub code: u8,
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
    pub journal: Journal<RunEvent>,
}

/// Runs under the lock, in a directory of its own.
///
/// # Errors
/// Where it was not begun, or its journal could not be written.
pub async fn execute(
    inputs: &InputPaths,
    site: &Site,
    remote: &Arc<dyn Remote>,
    agreed: Agreed<'_>,
    redactor: Redactor,
) -> Result<EndedRun, Failure> {
    site.acting.begin();
    let Agreed { plan, proof, drill, .. } = agreed;
    let store = site.bastion.create_run(&plan.run).map_err(|error| no_place(site, &error))?;
    site.acting.begin_run(&plan.run);
    let place = store.place();
    site.console.tell(Event::Said { text: format!("journal: {}", place.join("journal.jsonl").display()) });
    let world =
        World { remote: Arc::clone(remote), store, clock: Arc::clone(&site.clock), console: Arc::clone(&site.console) };
    let interrupted = site.interrupted.clone();
    let ended = session::execute(agreed, world, &site.operator, redactor.clone(), interrupted).await;
    let ended = ended.map_err(|error| not_begun(&error, &inputs.again()).cleaned(&redactor))?;
    let again = inputs.again();
    let reported = report::outcome::ReportedRun {
        plan,
        outcome: &ended.outcome,
        states: &ended.states,
        proof,
        place: &place,
        again: &again,
        drill,
        later: false,
    };
    let text = redactor.clean(&report::outcome::text(reported));
    site.console.tell(Event::Said { text: String::new() });
    let starts = plan
        .steps()
        .filter(|planned| planned.step.does(|effect| matches!(effect, Effect::StartsEtcd(_))))
        .map(|planned| planned.id)
        .collect();
    let session::Ended { code, outcome, states, journal } = ended;
    Ok(EndedRun { run: plan.run.clone(), code, outcome, states, starts, proof, text, journal })
}

/// The bastion's disk does not take the run's directory.
pub fn no_place(site: &Site, error: &std::io::Error) -> Failure {
    let state = site.bastion.state();
    let shown = state.display();
    Failure::failed(format!("the run's directory under {shown} cannot be created: {error}"))
        .note("Nothing was changed.")
}

/// The drill that a run is a part of.
#[derive(Clone, Copy)]
pub struct Within<'a> {
    /// Its name; it holds the masters.
    pub drill: &'a RunId,
    /// Told the run's name before anything is done.
    pub begins: &'a (dyn Fn(&RunId) -> Result<(), Failure> + Sync),
}

/// Plans and runs, with consent given before: a drill's parts. Nothing to do is no failure. An interruption ends the
/// looking and proving at once, and a run between two steps.
///
/// # Errors
/// Where it was not begun, or its journal could not be written.
pub async fn part(
    inputs: &InputPaths,
    site: &Site,
    goal: Goal,
    request: &UncheckedRequest,
    within: Within<'_>,
) -> Result<Option<EndedRun>, Failure> {
    let planning = unless_interrupted(planning(inputs, site, goal, request, Consent::ToDrill), site).await?;
    let redactor = redactor(&planning.seen, site);
    match &planning.plan {
        Ok(plan) => {
            (within.begins)(&plan.run)?;
            let (basis, proof, tried) = (planning.basis(), planning.proof, planning.tried.clone());
            let (drill, held, again) = (Some(within.drill), &BTreeSet::new(), &inputs.again());
            let agreed = Agreed { plan, basis, proof, drill, tried, held, again };
            execute(inputs, site, &planning.remote, agreed, redactor).await.map(Some)
        }
        Err(NoPlan::NothingToDo(_)) => Ok(None),
        Err(refused) => no_plan_code(site, refused, &redactor).map(|_| None),
    }
}

/// What is true of a run that was not begun once it had tried to take the lock.
const ONLY_NOTES: &str = "etcd was not changed. Where this run briefly held the lock, a note of that stays under \
                          /var/lib/requorum/runs.";

/// Why a run or a drill was not begun, and what comes next.
#[must_use]
pub fn not_begun(error: &NotBegun, again: &str) -> Failure {
    let failure = |what: String| Failure::new(error.kind(), what);
    match error {
        NotBegun::Locked { run, .. } => failure(error.to_string())
            .note(ONLY_NOTES)
            .hint(format!("wait for that run to end; if it was killed: {again} unlock {run}")),
        NotBegun::Changed { plan, now } => Failure::refused("etcd was not changed", changed(plan, now))
            .note(format!("  Where this run held the lock there is left: {}", lock_note(&plan.run)))
            .hint("give the same command again; it checks the masters again and shows the new plan"),
        NotBegun::NoLock { .. } => failure(error.to_string()).note(ONLY_NOTES),
        NotBegun::Journal(disk) | NotBegun::Unwritten(disk) => {
            let cause = std::error::Error::source(disk).map(|cause| format!(": {cause}")).unwrap_or_default();
            let begun = matches!(error, NotBegun::Journal(_));
            let done = if begun { "No further step was started." } else { ONLY_NOTES };
            let next = "Make the bastion's disk writable, then run `requorum status`.";
            failure(format!("{error}{cause}")).note(format!("{done} {next}"))
        }
    }
}
