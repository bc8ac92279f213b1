//! The verbs on a site, in the order of `cli::go`: look, prove, plan, lock, run, last words. `cli` itself is bound to
//! SSH and a terminal; what is judged there (attestation, exit code) is judged here by the same values.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::digest::sha256;
use crate::model::{Cluster, RunId, Token};
use crate::observe::Observation;
use crate::observe::assess::{Assessment, assess};
use crate::observe::database::Ends;
use crate::plan::{Goal, Input, NoPlan, Plan, Refusal, Request, SnapshotFile, TrailingHash, plan};
use crate::playbook::{Playbook, shipped, text};
use crate::report;
use crate::run::again::Basis;
use crate::run::journal;
use crate::run::look::Looking;
use crate::run::ports::{Console, Remote, Store};
use crate::run::prove;
use crate::run::redact::Redactor;
use crate::run::session::{self, Agreed, NotBegun, Operator};
use crate::run::unlock::{Unlocking, unlock};
use crate::run::{World, exit};

use super::data::{HASH, Image};
use super::desk::RunFiles;
use super::{Site, name, zone};

/// What an operator asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// `--failed-zone`.
    pub failed_zones: Vec<String>,
    /// The run that `undo` names.
    pub undoes: Option<String>,
    /// `--only`.
    pub only: Vec<String>,
    /// `--seed`.
    pub seed: Option<String>,
    /// `--attest`, by whom or what it does not matter.
    pub attested: Vec<String>,
    /// `--override`.
    pub overrides: Vec<String>,
    /// `--snapshot`, a file of the bastion.
    pub snapshot: Option<String>,
}

/// How a verb ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// The exit code; none when requorum was killed.
    pub code: Option<u8>,
    /// The last words.
    pub text: String,
    /// Why there was no plan.
    pub refusals: Vec<Refusal>,
    /// The plan that was run.
    pub plan: Option<Box<Plan>>,
}

/// A plan that waits for consent, and what it was made from.
pub struct Waiting {
    cluster: Cluster,
    seen: Observation,
    proof: Option<Duration>,
    request: Request,
    playbook: Playbook,
    templates: BTreeMap<String, String>,
    plan: Plan,
}

impl End {
    fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code: Some(code), text: text.into(), ..Self::default() }
    }

    /// Whether a rule of this name forbade it.
    #[must_use]
    pub fn refused_by(&self, rule: &str) -> bool {
        self.refusals.iter().any(|refusal| refusal.rule == rule)
    }
}

/// Where a run of this number keeps its files.
pub(super) fn place(number: u32, behind: bool) -> String {
    format!("/bastion/runs/{}", run_name(number, behind))
}

/// Runs are named by the bastion's clock.
fn run_name(number: u32, behind: bool) -> String {
    format!("{}0101-000000-{number:04}", if behind { 2025 } else { 2026 })
}

impl Site {
    /// `requorum initiate-dr`.
    pub async fn initiate_dr(&self, ask: &Ask) -> End {
        self.go(Goal::InitiateDr, ask).await
    }

    /// `requorum recover`.
    pub async fn recover(&self, ask: &Ask) -> End {
        self.go(Goal::Recover, ask).await
    }

    /// A verb that changes something, unless requorum is killed on its way.
    pub async fn go(&self, goal: Goal, ask: &Ask) -> End {
        tokio::select! {
            biased;
            () = self.death() => End { text: "killed".to_owned(), ..End::default() },
            end = self.verb(goal, ask) => end,
        }
    }

    /// `requorum status`: what is seen and what it means.
    pub async fn status(&self) -> (Observation, Assessment) {
        let cluster = self.cluster();
        let (seen, _) = self.observe(&cluster).await;
        let assessment = assess(&cluster, &seen);
        (seen, assessment)
    }

    /// `requorum unlock`, on the bastion where the run was begun; that it was killed is known there.
    pub async fn unlock(&self, run: &str) -> Unlocking {
        self.unlock_knowing(run, true).await
    }

    /// `requorum unlock` on another bastion.
    pub async fn unlock_elsewhere(&self, run: &str) -> Unlocking {
        self.unlock_knowing(run, false).await
    }

    async fn unlock_knowing(&self, run: &str, has_ended: bool) -> Unlocking {
        let hosts = self.cluster().masters().map(|master| master.name.clone()).collect();
        let run = RunId::new(run).unwrap_or_else(|bad| panic!("{bad}"));
        let console: Arc<dyn Console> = Arc::new(self.clone());
        unlock(&self.remote(), &console, &hosts, &run, has_ended).await
    }

    /// The plan as `requorum plan` shows it, and what it was made of.
    pub async fn plan(&self, goal: Goal, ask: &Ask) -> Result<Plan, NoPlan> {
        let cluster = self.cluster();
        let (seen, _) = self.observe(&cluster).await;
        self.plan_of(&cluster, &seen, goal, ask)
    }

    /// Runs a plan as it is, whoever made it.
    pub async fn run(&self, plan: &Plan) -> End {
        self.with(|state| state.desk.runs += 1);
        self.execute(&self.cluster(), None, plan, None).await
    }

    pub(super) fn remote(&self) -> Arc<dyn Remote> {
        Arc::new(self.clone())
    }

    /// A look and the proof, and how long the proof took.
    async fn observe(&self, cluster: &Cluster) -> (Observation, Option<Duration>) {
        let (remote, console): (_, Arc<dyn Console>) = (self.remote(), Arc::new(self.clone()));
        let (mut seen, begun) = prove::look(Looking::begin(cluster, &remote), cluster, &remote, &console).await;
        let proof = prove::prove(cluster, &mut seen, begun, &remote, &console).await;
        self.remember(cluster, &mut seen);
        (seen, proof)
    }

    fn plan_of(&self, cluster: &Cluster, seen: &Observation, goal: Goal, ask: &Ask) -> Result<Plan, NoPlan> {
        let request = self.request(self.with(|state| state.desk.runs + 1), goal, ask);
        let (playbook, templates) = (playbook(goal), templates());
        plan(Input { cluster, playbook: &playbook, templates: &templates, seen, request: &request })
    }

    /// A verb up to the moment when a person is asked for consent; its end where it does not come that far.
    pub async fn ask_for_consent(&self, goal: Goal, ask: &Ask) -> Result<Waiting, End> {
        let cluster = self.cluster();
        let (seen, proof) = self.observe(&cluster).await;
        let request = self.request(self.with(|state| state.desk.runs + 1), goal, ask);
        let (playbook, templates) = (playbook(goal), templates());
        match plan(Input {
            cluster: &cluster,
            playbook: &playbook,
            templates: &templates,
            seen: &seen,
            request: &request,
        }) {
            Ok(plan) => {
                self.with(|state| state.desk.runs += 1);
                Ok(Waiting { cluster, seen, proof, request, playbook, templates, plan })
            }
            Err(no_plan @ NoPlan::NothingToDo(_)) => Err(End::new(exit::DONE, report::plan::refused(&no_plan))),
            Err(NoPlan::Refused(refusals)) => {
                let text = report::plan::refused(&NoPlan::Refused(refusals.clone()));
                Err(End { refusals, ..End::new(exit::REFUSED, text) })
            }
        }
    }

    /// Consent is given, however much later.
    pub async fn consent(&self, waiting: Waiting) -> End {
        tokio::select! {
            biased;
            () = self.death() => End { text: "killed".to_owned(), ..End::default() },
            end = self.agreed(waiting) => end,
        }
    }

    async fn agreed(&self, waiting: Waiting) -> End {
        let Waiting { cluster, seen, proof, request, playbook, templates, plan } = waiting;
        let basis =
            Basis { cluster: &cluster, playbook: &playbook, templates: &templates, request: &request, seen: &seen };
        let end = self.execute(&cluster, Some(basis), &plan, proof).await;
        End { plan: Some(Box::new(plan)), ..end }
    }

    fn request(&self, number: u32, goal: Goal, ask: &Ask) -> Request {
        let reason = |who: &String| (who.clone(), "STORY-1: seen by its keeper".to_owned());
        let behind = self.with(|state| state.desk.behind);
        let run = run_id(&run_name(number, behind));
        Request {
            goal,
            run,
            token: Token(format!("requorum-{number:032x}")),
            undoes: ask.undoes.as_deref().map(run_id),
            failed_zones: ask.failed_zones.iter().map(|text| zone(text)).collect(),
            only: ask.only.iter().map(|text| name(text)).collect(),
            seed: ask.seed.as_deref().map(name),
            attested: ask.attested.iter().map(reason).collect(),
            overrides: ask.overrides.iter().map(reason).collect(),
            snapshot: ask.snapshot.as_ref().map(|path| self.snapshot_file(path)),
            person: "keeper".to_owned(),
        }
    }

    /// A file of the bastion as `world::files` reads it.
    fn snapshot_file(&self, path: &str) -> SnapshotFile {
        let bytes = self.kept(path).unwrap_or_default();
        let image = Image::from_bytes(&bytes);
        let hash = match &image {
            Some(_) if bytes.ends_with(HASH) => TrailingHash::Right,
            Some(_) => TrailingHash::Absent,
            None => TrailingHash::Wrong,
        };
        let ends = image.as_ref().ok_or_else(|| "it is no database".to_owned()).map(|image| Ends {
            revision: image.revision,
            index: Some(image.applied),
            term: Some(image.term),
        });
        let ids = image.map(|image| image.members.keys().map(ToString::to_string).collect()).unwrap_or_default();
        let sha256 = sha256(&bytes);
        let journals = self.with(|state| state.desk.journals());
        let cluster = self.cluster().name;
        let origins = journal::origins(&journals, &sha256, &cluster);
        let (path, bytes) = (path.to_owned(), bytes.len() as u64);
        SnapshotFile { path, bytes, sha256, hash, member_ids: ids, origins, ends, written: None }
    }

    async fn verb(&self, goal: Goal, ask: &Ask) -> End {
        match self.ask_for_consent(goal, ask).await {
            Ok(waiting) => self.agreed(waiting).await,
            Err(end) => end,
        }
    }

    /// Locks, runs, says the last words.
    async fn execute(&self, cluster: &Cluster, basis: Option<Basis<'_>>, plan: &Plan, proof: Option<Duration>) -> End {
        let place = format!("/bastion/runs/{}", plan.run);
        if matches!(plan.goal, Goal::InitiateDr | Goal::Recover) {
            self.with(|state| state.desk.keeps_quorum.insert(plan.run.to_string()));
        }
        let store: Arc<dyn Store> = Arc::new(RunFiles { site: self.clone(), place: place.clone() });
        let redactor = basis.map(|basis| Redactor::of(basis.seen)).unwrap_or_default();
        let world =
            World { remote: self.remote(), store, clock: Arc::new(self.clone()), console: Arc::new(self.clone()) };
        let operator = Operator { person: "keeper".to_owned(), host: "bastion".to_owned() };
        let (_stay, interrupted) = watch::channel(false);
        let agreed = Agreed { plan, basis, proof, drill: None };
        let ended = session::execute(agreed, world, &operator, redactor.clone(), interrupted).await;
        let ended = match ended {
            Ok(ended) => ended,
            Err(error @ NotBegun::Locked { .. }) => return End::new(exit::LOCKED, error.to_string()),
            Err(NotBegun::Changed { plan, now }) => {
                let refusals = match &now {
                    Err(NoPlan::Refused(refusals)) => refusals.clone(),
                    _ => Vec::new(),
                };
                return End { refusals, ..End::new(exit::REFUSED, report::plan::changed(&plan, &now)) };
            }
            Err(error @ (NotBegun::NoLock { .. } | NotBegun::Unwritten(_))) => {
                return End::new(exit::FAILED, error.to_string());
            }
            Err(error @ NotBegun::Journal(_)) => return End::new(exit::UNKNOWN, error.to_string()),
        };
        let story = report::outcome::Story {
            plan,
            outcome: &ended.outcome,
            states: &ended.states,
            proof,
            place: Path::new(&place),
            again: "requorum",
            drill: None,
        };
        let text = redactor.clean(&report::outcome::text(story));
        match session::last_look(cluster, &self.remote(), &ended.journal, ended.code).await {
            Ok((code, after)) => {
                let now = after.map(|after| report::outcome::now(after.verdict, plan, "requorum")).unwrap_or_default();
                End::new(code, text + &now)
            }
            Err(error) => End::new(exit::UNKNOWN, error.to_string()),
        }
    }
}

fn run_id(text: &str) -> RunId {
    RunId::new(text).unwrap_or_else(|bad| panic!("{bad}"))
}

fn templates() -> BTreeMap<String, String> {
    let template = shipped::template("etcd.env.j2").map(|file| file.text.to_owned()).unwrap_or_default();
    BTreeMap::from([("etcd.env.j2".to_owned(), template)])
}

pub(super) fn playbook(goal: Goal) -> Playbook {
    match shipped::playbook(goal.playbook()).map(|file| text::read(&file.source())) {
        Some(Ok(playbook)) => playbook,
        Some(Err(mistakes)) => panic!("{mistakes:?}"),
        None => Playbook { name: goal.playbook().to_owned(), summary: String::new(), lines: Vec::new() },
    }
}
