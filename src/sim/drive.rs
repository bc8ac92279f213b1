//! The verbs on a site: requorum itself, given the bastion in memory. Holds no step of a verb.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::RunId;
use crate::observe::Observation;
use crate::observe::assess::{Assessment, assess};
use crate::plan::{Goal, NoPlan, Plan, Refusal, Rule};
use crate::playbook::shipped;
use crate::run::journal::{Record, RunEvent};
use crate::run::look::Looking;
use crate::run::ports::{Clock, Console, Remote};
use crate::run::session::{Agreed, Operator};
use crate::run::still_tried::StillTried;
use crate::run::unlock::{Unlocking, unlock};
use crate::run::{exit, prove, redact::Redactor};
use crate::verbs::Bastion;
use crate::verbs::forms::OutageKind;
use crate::verbs::planning::{Consent, Planning, planning};
use crate::verbs::{self, Acting, Failure, InputPaths, drill, looking, recovery};

use super::Site;
use super::bastion::INVENTORY;

/// Where the site's own templates lie.
pub(super) const TEMPLATES: &str = "/bastion/templates";
pub(super) const TEMPLATE: &str = "etcd.env.j2";
pub(super) const PLAYBOOKS: &str = "/bastion/playbooks";

fn playbook(name: &str) -> String {
    format!("{PLAYBOOKS}/{name}.yaml")
}

/// What an operator asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--failed-zone`.
    pub failed_zones: Vec<String>,
    /// The run that `undo` names.
    pub undoes: Option<String>,
    /// `--only`.
    pub only: Vec<String>,
    /// `--seed`.
    pub seed: Option<String>,
    /// `--proof=timed`.
    pub timed_proof: bool,
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
pub struct Waiting(Planning);

impl End {
    /// The end of a verb that said this before.
    fn of(said: String, ended: Result<u8, Failure>) -> Self {
        match ended {
            Ok(code) => Self { code: Some(code), text: said, ..Self::default() },
            Err(failure) => {
                let text = said + &failure.text(false);
                Self { code: Some(failure.code()), text, refusals: failure.refusals().to_vec(), plan: None }
            }
        }
    }

    fn killed() -> Self {
        Self { text: "killed".to_owned(), ..Self::default() }
    }

    /// Whether a rule of this name forbade it.
    #[must_use]
    pub fn refused_by(&self, rule: Rule) -> bool {
        self.refusals.iter().any(|refusal| refusal.rule == rule)
    }
}

impl Flags {
    fn request(&self) -> verbs::UncheckedRequest {
        let reason = |who: &String| format!("{who}=STORY-1: seen by its keeper");
        verbs::UncheckedRequest {
            failed_zones: self.failed_zones.clone(),
            attested: self.attested.iter().map(reason).collect(),
            overrides: self.overrides.iter().map(reason).collect(),
            snapshot: self.snapshot.as_ref().map(PathBuf::from),
            seed: self.seed.clone(),
            only: self.only.clone(),
            undoes: self.undoes.clone(),
            timed_proof: self.timed_proof,
        }
    }
}

/// The bastion's name.
pub(super) const HOST: &str = "bastion";

impl Site {
    /// The input files.
    #[must_use]
    pub fn inputs(&self) -> InputPaths {
        let own = self.kept(&format!("{TEMPLATES}/{TEMPLATE}")).is_some();
        let templates = own.then(|| PathBuf::from(TEMPLATES));
        let own = ["initiate_dr", "recover"].iter().any(|name| self.kept(&playbook(name)).is_some());
        let playbooks = own.then(|| PathBuf::from(PLAYBOOKS));
        let cluster = self.cluster().record().cluster().cloned();
        InputPaths { inventory: PathBuf::from(INVENTORY), templates, playbooks, cluster }
    }

    /// From now on the template ends with this line too.
    pub fn template_adds(&self, line: &str) {
        let path = format!("{TEMPLATES}/{TEMPLATE}");
        let shipped = || shipped::template(TEMPLATE).map(|file| file.text.as_bytes().to_vec()).unwrap_or_default();
        let text = [self.kept(&path).unwrap_or_else(shipped), format!("{line}\n").into_bytes()].concat();
        self.bring(&path, text);
    }

    /// From now on this playbook ends with this line too.
    pub fn playbook_adds(&self, name: &str, line: &str) {
        let shipped = || shipped::playbook(name).map(|file| file.text.as_bytes().to_vec()).unwrap_or_default();
        let text = [self.kept(&playbook(name)).unwrap_or_else(shipped), format!("{line}\n").into_bytes()].concat();
        self.bring(&playbook(name), text);
    }

    /// All that a verb is given.
    #[must_use]
    pub fn given_to_verbs(&self) -> verbs::Site {
        verbs::Site {
            bastion: Arc::new(self.clone()),
            clock: Arc::new(self.clone()),
            console: Arc::new(self.clone()),
            prompt: Arc::new(self.clone()),
            interrupted: self.interrupted.subscribe(),
            acting: Acting::default(),
            operator: Operator { person: "keeper".to_owned(), host: HOST.to_owned() },
        }
    }

    /// `requorum initiate-dr`.
    pub async fn initiate_dr(&self, flags: &Flags) -> End {
        self.go(Goal::InitiateDr, flags).await
    }

    /// `requorum recover`.
    pub async fn recover(&self, flags: &Flags) -> End {
        self.go(Goal::Recover, flags).await
    }

    /// A verb that changes something, unless requorum is killed on its way.
    pub async fn go(&self, goal: Goal, flags: &Flags) -> End {
        self.unless_killed(async {
            match self.propose(goal, flags).await {
                Ok(waiting) => self.agreed(waiting).await,
                Err(end) => end,
            }
        })
        .await
    }

    /// The same with `--confirm`: the person consents before there is a plan.
    pub async fn go_confirmed(&self, goal: Goal, flags: &Flags) -> End {
        self.unless_killed(async {
            let keeps = matches!(goal, Goal::InitiateDr | Goal::Recover);
            let run = keeps.then(|| self.run_id(self.now()).ok()).flatten().map(|run| run.to_string());
            self.with(|state| state.bastion.keeps_quorum.extend(run.clone()));
            let from = self.said();
            let (inputs, site) = (self.inputs(), self.given_to_verbs());
            let before = self.last_run();
            let ended = recovery::go(&inputs, &site, goal, &flags.request(), Some("story")).await;
            let begun = Some(self.last_run()).filter(|last| *last != before);
            // The next run of this second has the same name, and may be one that fences on purpose.
            if let (None, Some(run)) = (&begun, run) {
                self.with(|state| state.bastion.keeps_quorum.remove(&run));
            }
            End { plan: begun.and_then(|run| self.plan_of(&run)), ..End::of(self.said_since(from), ended) }
        })
        .await
    }

    /// The plan that a run's journal begins with.
    fn plan_of(&self, run: &str) -> Option<Box<Plan>> {
        let journal = self.kept(&format!("{run}/journal.jsonl"))?;
        let first: Record<RunEvent> = serde_json::from_slice(journal.split(|byte| *byte == b'\n').next()?).ok()?;
        match first.what {
            RunEvent::Run { plan, .. } => Some(plan),
            _ => None,
        }
    }

    async fn unless_killed(&self, verb: impl Future<Output = End>) -> End {
        tokio::select! {
            biased;
            () = self.death() => End::killed(),
            end = verb => end,
        }
    }

    /// The person interrupts.
    pub fn interrupt(&self) {
        self.interrupted.send_replace(true);
    }

    /// The bastion has etcd's tools of this version, and the inventory says where.
    pub fn bring_tools(&self, version: &str) {
        for tool in crate::run::send_tools::PROGRAMS {
            self.bring(&format!("/srv/etcd/{version}/{tool}"), format!("{tool} {version}").into_bytes());
        }
        let tools = crate::model::AbsPath::new("/srv/etcd").ok();
        self.with(|state| {
            let masters = state.cluster.zones.values_mut().flat_map(|zone| zone.masters.values_mut());
            masters.for_each(|master| master.etcd.tools.clone_from(&tools));
        });
    }

    /// `requorum send-tools`.
    pub async fn send_tools(&self) -> End {
        let from = self.said();
        let ended = verbs::send_tools::send_tools(&self.inputs(), &self.given_to_verbs()).await;
        End::of(self.said_since(from), ended)
    }

    /// `requorum drill`, unless requorum is killed on its way.
    pub async fn drill(&self, zone: &str, outage: OutageKind) -> End {
        let max_outage = Duration::from_secs(300);
        let (zone, textfile) = (zone.to_owned(), None);
        self.drill_as(&drill::DrillRequest { zone, outage, timed_proof: false, max_outage, textfile }).await
    }

    /// The same, as it is asked for.
    pub async fn drill_as(&self, request: &drill::DrillRequest) -> End {
        self.unless_killed(async {
            let from = self.said();
            let ended = drill::drill(&self.inputs(), &self.given_to_verbs(), request, Some("story")).await;
            End::of(self.said_since(from), ended)
        })
        .await
    }

    /// `requorum status`: what is seen and what it means.
    pub async fn status(&self) -> (Observation, Assessment) {
        let (cluster, site) = (self.cluster(), self.given_to_verbs());
        let looking = Looking::begin(&cluster, &self.remote()).knowing(site.bastion.known_before(&cluster.name));
        let prove::Looked { mut seen, proving: begun, .. } =
            prove::look(looking, &cluster, prove::NOBODY_ATTESTED, &self.remote(), &site.console).await;
        prove::prove(&cluster, &mut seen, begun, prove::NOBODY_ATTESTED, &self.remote(), &site.console).await;
        looking::remember(&cluster, &seen, &site);
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

    /// The plan as `requorum plan` makes it.
    ///
    /// # Errors
    /// Why there is none.
    ///
    /// # Panics
    /// Where the story asks for what the inventory does not have.
    pub async fn plan(&self, goal: Goal, flags: &Flags) -> Result<Plan, NoPlan> {
        let planning = planning(&self.inputs(), &self.given_to_verbs(), goal, &flags.request(), Consent::Later).await;
        planning.unwrap_or_else(|failure| panic!("{failure}")).plan
    }

    /// Runs a plan as it is, whoever made it.
    pub async fn run(&self, plan: &Plan) -> End {
        self.run_while_tried(plan, None).await
    }

    /// The same while some masters are still being tried.
    pub async fn run_while_tried(&self, plan: &Plan, tried: Option<StillTried>) -> End {
        let (inputs, site, remote) = (self.inputs(), self.given_to_verbs(), self.remote());
        let (held, again) = (&BTreeSet::new(), &inputs.again());
        let agreed = Agreed { plan, basis: None, proof: None, drill: None, tried, held, again };
        self.keeps_quorum(plan);
        let from = self.said();
        let ran = match recovery::execute(&inputs, &site, &remote, agreed, Redactor::default()).await {
            Ok(ran) => recovery::told(&inputs, &site, (&self.cluster(), &remote), plan, ran).await,
            Err(failure) => Err(failure),
        };
        End::of(self.said_since(from), ran)
    }

    pub(super) fn remote(&self) -> Arc<dyn Remote> {
        Arc::new(self.clone())
    }

    /// A verb up to the moment when a person is asked for consent; its end where it does not come that far.
    ///
    /// # Errors
    /// Its end.
    pub async fn ask_for_consent(&self, goal: Goal, flags: &Flags) -> Result<Waiting, End> {
        let waiting = self.propose(goal, flags).await?;
        // Another operator's run has another name.
        self.with(|state| state.bastion.runs += 1);
        Ok(waiting)
    }

    async fn propose(&self, goal: Goal, flags: &Flags) -> Result<Waiting, End> {
        let site = self.given_to_verbs();
        let planning = planning(&self.inputs(), &site, goal, &flags.request(), Consent::Later)
            .await
            .map_err(|failure| End::of(String::new(), Err(failure)))?;
        let from = self.said();
        match recovery::proposed(&self.inputs(), &site, &planning) {
            Ok(Some(_)) => Ok(Waiting(planning)),
            Ok(None) => Err(End::of(self.said_since(from), Ok(exit::DONE))),
            Err(failure) => Err(End::of(self.said_since(from), Err(failure))),
        }
    }

    /// Consent is given, however much later.
    pub async fn consent(&self, waiting: Waiting) -> End {
        self.unless_killed(self.agreed(waiting)).await
    }

    async fn agreed(&self, Waiting(planning): Waiting) -> End {
        let Ok(plan) = &planning.plan else { return End::killed() };
        self.keeps_quorum(plan);
        let from = self.said();
        let ended = recovery::run(&self.inputs(), &self.given_to_verbs(), &planning, plan).await;
        End { plan: Some(Box::new(plan.clone())), ..End::of(self.said_since(from), ended) }
    }

    /// From here on the rules watch that this run takes nobody's quorum.
    fn keeps_quorum(&self, plan: &Plan) {
        if matches!(plan.goal, Goal::InitiateDr | Goal::Recover) {
            self.with(|state| state.bastion.keeps_quorum.insert(plan.run.to_string()));
        }
    }
}
