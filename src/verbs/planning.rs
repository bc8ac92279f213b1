//! One request, planned once: look, prove, plan, and ask the person for what only they know. Runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Cluster, Master, MasterName, RunId};
use crate::observe::proof::Outcome;
use crate::observe::traces::Holder;
use crate::observe::{Observation, read};
use crate::plan::Rule;
use crate::plan::checks::to_attest;
use crate::plan::{Goal, Input, NoPlan, Plan, Refusal, Request, plan};
use crate::playbook::Playbook;
use crate::run::early_lock::{self, EarlyLock};
use crate::run::look::Looking;
use crate::run::ports::{Event, Remote};
use crate::run::prove::Looked;
use crate::run::redact::Redactor;
use crate::run::still_tried::StillTried;
use crate::run::{logs, prove, rights, session};

use super::{Failure, InputPaths, Site, UncheckedRequest, inputs, looking, request};

/// What planning gave, and all that it was made from.
pub struct Planning {
    /// The inventory.
    pub cluster: Cluster,
    playbook: Playbook,
    templates: BTreeMap<String, String>,
    request: Request,
    /// What the masters said, and the proof.
    pub seen: Observation,
    /// The way to them.
    pub remote: Arc<dyn Remote>,
    /// How long the proof took that quorum is lost.
    pub proof: Option<Duration>,
    /// Who is attested to be off, has not answered, and is not given up yet.
    pub tried: Option<StillTried>,
    /// The plan, or why there is none.
    pub plan: Result<Plan, NoPlan>,
    /// Whether all of it was seen while the masters were held, moments ago: looking again would show the same.
    pub current: bool,
}

impl Planning {
    /// What the plan was made from.
    #[must_use]
    pub fn input(&self) -> Input<'_> {
        let Self { cluster, playbook, templates, request, seen, .. } = self;
        Input { cluster, playbook, templates, seen, request }
    }

    /// The masters that a run would lock; where there is no plan, those that it could be about.
    #[must_use]
    pub fn would_lock(&self) -> BTreeSet<MasterName> {
        let Request { goal, failed_zones, .. } = &self.request;
        match &self.plan {
            Ok(plan) => session::to_lock(plan),
            Err(NoPlan::NothingToDo(_)) => BTreeSet::new(),
            Err(NoPlan::Refused(_)) if matches!(goal, Goal::Fence | Goal::Unfence) => {
                self.cluster.within(failed_zones).map(|master| master.name.clone()).collect()
            }
            Err(NoPlan::Refused(_)) => self.cluster.masters().map(|master| master.name.clone()).collect(),
        }
    }

    /// What the plan was made from, where it must be asked again before anything is done.
    #[must_use]
    pub fn basis(&self) -> Option<Input<'_>> {
        (!self.current).then(|| self.input())
    }

    /// A proof by waiting takes so long that what was asked before it is old.
    fn is_current(&self, consent: Consent<'_>) -> bool {
        let held = match consent {
            Consent::Later => false,
            Consent::Given(early) => {
                let hosts = early.hosts();
                !hosts.is_empty() && self.would_lock().is_subset(&hosts)
            }
            Consent::ToDrill => true,
        };
        held && !matches!(self.seen.proof, Some(Outcome::Lost { .. }))
    }

    /// The run that it would be.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.request.run
    }

    fn plan_anew(&mut self) {
        self.plan = plan(self.input());
    }
}

/// When the person consents to what is planned.
#[derive(Clone, Copy)]
pub enum Consent<'a> {
    /// Once the plan is there, however much later that is.
    Later,
    /// On the command line: the masters may be locked before there is a plan. Whoever gave this gives them back.
    Given(&'a EarlyLock),
    /// To a drill, which holds the masters.
    ToDrill,
}

/// Looks, proves and plans. At a terminal the attestation of a dark zone is asked for.
///
/// # Errors
/// Where an input file or a name in what is asked is wrong.
pub async fn planning(
    inputs: &InputPaths,
    site: &Site,
    goal: Goal,
    unchecked: &UncheckedRequest,
    consent: Consent<'_>,
) -> Result<Planning, Failure> {
    let cluster = inputs::cluster(inputs, site)?;
    let playbook = match goal {
        Goal::InitiateDr | Goal::Recover => inputs::playbook(inputs, site, goal.playbook())?,
        Goal::Fence => built_in("fence", "The zone's etcd is down and cannot start."),
        Goal::Unfence => built_in("unfence", "The zone's etcd may start again."),
        Goal::Undo => built_in("undo", "What the run replaced is restored."),
    };
    let templates = inputs::templates(inputs, site, &playbook, &cluster)?;
    let request = request::request(goal, unchecked, &cluster, site)?;
    let remote = site.bastion.remote(&cluster);
    remote.said_to_be_off(&prove::said_off(&cluster, request.counts_with()));
    let looking = looking::begin(&cluster, limit_of_reads(goal), &remote, site);
    let Looked { seen, proving, tried } = finished(looking, &request, &cluster, &remote, site, consent).await;
    looking::remember(&cluster, &seen, site);
    let request = request::with_snapshot(request, unchecked, &seen, &cluster, site)?;
    let plan =
        plan(Input { cluster: &cluster, playbook: &playbook, templates: &templates, seen: &seen, request: &request });
    let (proof, current) = (None, false);
    let mut planning = Planning { cluster, playbook, templates, request, seen, remote, proof, tried, plan, current };
    // Counting needs to know who is off.
    if let Some(zones) = silent_ones(&planning, site) {
        // Nothing is held while a person thinks.
        if let Consent::Given(early) = consent {
            let kept = early.release().await.unwrap_or_default();
            for (host, why) in &kept {
                let run = &planning.request.run;
                let text = format!("{host} stays locked by this run: {why}; then: requorum unlock {run}");
                site.console.tell(Event::Warning { text });
            }
            if kept.is_empty() {
                site.acting.end();
            }
        }
        ask_about(&mut planning, zones, site);
        planning.plan_anew();
    }
    // What would be refused anyway need not wait for the proof.
    if goal == Goal::InitiateDr && only_unproved(&planning.plan) {
        let Planning { cluster, seen, remote, request, .. } = &mut planning;
        let attested = request.counts_with();
        planning.proof = prove::prove_and_tell(cluster, seen, proving, attested, remote, &site.console).await;
        planning.plan_anew();
    }
    planning.current = planning.is_current(consent);
    if planning.seen.proof.is_none() {
        planning.plan = planning.plan.map_err(without_the_proof);
    }
    Ok(planning)
}

/// A run of `initiate-dr` proves and looks again; all others go by this look alone.
const fn limit_of_reads(goal: Goal) -> Duration {
    match goal {
        Goal::InitiateDr => read::SHORT_TIMEOUT,
        Goal::Recover | Goal::Fence | Goal::Unfence | Goal::Undo => read::TIMEOUT,
    }
}

/// The look, to its end; with the logs where the goal reads them.
async fn finished(
    looking: Looking,
    request: &Request,
    cluster: &Cluster,
    remote: &Arc<dyn Remote>,
    site: &Site,
    consent: Consent<'_>,
) -> Looked {
    let all = |seen| Looked { seen, proving: None, tried: None };
    let holder = site.operator.holder(&request.run, site.clock.now());
    // A recover takes the token of the cluster that serves.
    let token = if request.goal == Goal::InitiateDr { request.token.to_string() } else { String::new() };
    let holder = Holder { token, ..holder };
    let begins = || site.acting.begin();
    let by = (&holder, &begins as &(dyn Fn() + Sync));
    match request.goal {
        Goal::InitiateDr => match consent {
            Consent::Given(early) => {
                let about = (cluster, request.counts_with());
                early_lock::look(looking, early, by, about, remote, &site.console).await
            }
            Consent::Later | Consent::ToDrill => {
                prove::look(looking, cluster, request.counts_with(), remote, &site.console).await
            }
        },
        Goal::Recover => {
            let mut seen = match consent {
                Consent::Given(early) => {
                    early_lock::look_at_returned(looking, early, by, cluster, remote, &site.console).await
                }
                Consent::Later | Consent::ToDrill => looking.finish().await,
            };
            rights::ask_those_that_serve(&mut seen, remote).await;
            all(seen)
        }
        Goal::Fence | Goal::Unfence => all(looking.finish().await),
        Goal::Undo => {
            let mut seen = looking.finish().await;
            logs::read(cluster, &mut seen, remote).await;
            all(seen)
        }
    }
}

fn ask_about(planning: &mut Planning, zones: Vec<String>, site: &Site) {
    for zone in zones {
        let question = format!(
            "{zone} does not answer. If you are certain that it is powered off, write how you know (ticket, person, method). Empty: stop.\n>"
        );
        if let Some(answer) = account(&question, site) {
            planning.request.attested.insert(zone, crate::model::command::clean(&answer));
        }
    }
}

/// How often a bare yes or no is asked about again.
const ASKED_AGAIN: usize = 3;

/// What a person writes of how they know; nothing where they write nothing, or only yes or no.
fn account(question: &str, site: &Site) -> Option<String> {
    let mut question = question.to_owned();
    for _ in 0..ASKED_AGAIN {
        let answer = site.prompt.line(&question).unwrap_or_default();
        if answer.is_empty() || !request::tells_nothing(&answer) {
            return Some(answer).filter(|answer| !answer.is_empty());
        }
        question = format!("{answer:?} does not say how you know. Write it, or nothing to stop.\n>");
    }
    None
}

fn built_in(name: &str, summary: &str) -> Playbook {
    Playbook { name: name.to_owned(), summary: summary.to_owned(), lines: Vec::new() }
}

/// A proof that was not tried, because other rules forbid the run anyway, is no refusal worth reading.
fn without_the_proof(no_plan: NoPlan) -> NoPlan {
    match no_plan {
        NoPlan::Refused(mut refusals) if refusals.len() > 1 => {
            refusals.retain(|refusal| refusal.rule != Rule::QuorumUnproved);
            NoPlan::Refused(refusals)
        }
        other => other,
    }
}

/// Whether the only thing that speaks against a plan is the missing proof.
fn only_unproved(planned: &Result<Plan, NoPlan>) -> bool {
    match planned {
        Ok(_) => true,
        Err(NoPlan::Refused(refusals)) => refusals.iter().all(|refusal| refusal.rule == Rule::QuorumUnproved),
        Err(NoPlan::NothingToDo(_)) => false,
    }
}

/// The zones to ask the person about: where nothing but their silence speaks against the plan.
fn silent_ones(planning: &Planning, site: &Site) -> Option<Vec<String>> {
    let Planning { cluster, seen, .. } = planning;
    let Err(NoPlan::Refused(refusals)) = &planning.plan else { return None };
    let held = || seen.locks().any(|(name, _, _)| planning.would_lock().contains(name));
    let only_silence = |refusal: &Refusal| matches!(refusal.rule, Rule::NotAttested | Rule::QuorumUnproved);
    let somebody_is_silent = refusals.iter().any(|refusal| refusal.rule == Rule::NotAttested);
    if !site.prompt.attended() || held() || !somebody_is_silent || !refusals.iter().all(only_silence) {
        return None;
    }
    let dark = |master: &&Master| seen.seen(&master.name).is_none();
    let who = |master: &Master| to_attest(master, cluster, seen);
    let mut zones: Vec<String> = cluster.masters().filter(dark).map(who).collect();
    zones.dedup();
    Some(zones)
}

/// What must be shown nowhere: secrets of the env files and units, and sudo's passwords, supplied or typed.
pub fn redactor(seen: &Observation, site: &Site) -> Redactor {
    Redactor::of(seen).and(site.bastion.secrets())
}
