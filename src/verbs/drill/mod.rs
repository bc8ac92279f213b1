//! `requorum drill`: takes down a zone of a staging or lab cluster on purpose, restores quorum, rejoins the zone, and
//! measures. Its parts are the same verbs that an operator uses; each has a journal of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::model::ledger::Ledger;
use crate::model::measures::Measures;
use crate::model::{Cluster, Master, RunId, ZoneName};
use crate::observe::Observation;
use crate::observe::assess::assess;
use crate::plan::drill::{self, Words};
use crate::playbook::{Action, Phase, Playbook};
use crate::run::canary::{ApiWay, Canary, Way};
use crate::run::exit::Kind;
use crate::run::journal::{DrillEvent, Journal, PhaseEvent, VERSION};
use crate::run::ports::{Event, Remote, Store};
use crate::run::redact::{Discreet, Redactor};

use super::forms::OutageKind;
use super::recovery::{self, EndedRun};
use super::{Failure, InputPaths, Site, consent, inputs, looking, planning, request};

mod back;
mod evidence;
mod hold;
mod measure;
mod phases;
mod place;

/// What is asked of a drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillRequest {
    /// The zone to lose.
    pub zone: String,
    /// How it is lost.
    pub outage: OutageKind,
    /// Whether quorum must be proved lost by waiting.
    pub timed_proof: bool,
    /// Beyond this the drill gives up and brings the cluster back.
    pub max_outage: Duration,
    /// A file that takes the metrics.
    pub textfile: Option<PathBuf>,
}

/// A drill under way.
struct Drill<'a> {
    inputs: &'a InputPaths,
    /// Whose `interrupted` also turns true when the outage has lasted too long.
    site: Site,
    cluster: Cluster,
    zone: ZoneName,
    outage: OutageKind,
    timed_proof: bool,
    limit: Duration,
    run: RunId,
    seen: Observation,
    remote: Arc<dyn Remote>,
    store: Arc<dyn Store>,
    journal: Journal<DrillEvent>,
    redactor: Redactor,
    survivor: Way,
    lost: Way,
    /// The survivor's API server, where it has one that may be written through.
    api: Option<ApiWay>,
    stop: watch::Sender<bool>,
    progress: Progress,
}

/// What has happened so far.
#[derive(Default)]
struct Progress {
    survivor: Option<Canary>,
    lost: Option<Canary>,
    api: Option<Canary>,
    /// What the API server's canary was told, once it has ended.
    told_by_api: Option<Ledger>,
    /// Why that canary may not have removed what it wrote.
    object_stays: Option<String>,
    /// What the lost zone's canary was told, once it has ended.
    told_in_zone: Option<Ledger>,
    /// How long the doctor expects a recovery to take.
    expected: Option<Duration>,
    /// What both canaries were told, once they have ended.
    told: Option<(Ledger, Ledger)>,
    /// When the outage began, by both clocks.
    began: Option<(jiff::Timestamp, Instant)>,
    /// Ends when the survivor's canary was refused twice in a row.
    noticing: Option<JoinHandle<Instant>>,
    noticed: Option<Instant>,
    dr_began: Option<Instant>,
    dr: Option<EndedRun>,
    dr_ended: Option<Instant>,
    /// The new cluster has acknowledged a write: from here the way is forward.
    forward: bool,
    /// Nobody can say how far `initiate_dr` came: its journal could not be written.
    unknown: bool,
    returned: bool,
    recover_began: Option<Instant>,
    home: Option<Instant>,
    split_read: Option<bool>,
    measures: Option<Measures>,
    deadline: Option<JoinHandle<()>>,
}

/// `requorum drill`.
///
/// # Errors
/// Refusals and failures; with the exit code and what to do next.
pub async fn drill(
    inputs: &InputPaths,
    site: &Site,
    request: &DrillRequest,
    confirm: Option<&str>,
) -> Result<u8, Failure> {
    let cluster = inputs::cluster(inputs, site)?;
    let zone = request::zone(&cluster, &request.zone)?;
    consent::somebody_to_ask(&cluster.name, confirm, site, "drill")?;
    let playbook = inputs::playbook(inputs, site, "drill")?;
    refuse(drill::of_inventory(&cluster, &zone), &Redactor::default())?;
    place::commands_are_known(&cluster, &zone, request.outage)?;
    metrics_have_a_place(site, request.textfile.as_deref())?;
    let remote = site.bastion.remote(&cluster);
    let seen = looking::look(&cluster, &remote, site).await;
    let words: Words = place::words(&cluster, &remote).await;
    refuse(drill::refusals(&cluster, &zone, &seen, &words, None), &planning::redactor(&seen, site))?;
    let (survivor, lost) = place::ways(&cluster, &zone, &seen)?;
    site.console.say(&format!(
        "This drill takes down {zone} of {} ({}) by `{}`; writes will fail until `initiate-dr` has restored quorum. It gives up after {} s.",
        cluster.name,
        cluster.environment,
        request.outage.word(),
        request.max_outage.as_secs()
    ));
    consent::agree(&cluster.name, confirm, site)?;
    site.acting.begin();
    place::keep_tools(&seen.as_found(&cluster), [&survivor, &lost], &remote).await?;
    let run = request::run_id(site)?;
    let store = site.bastion.create_run(&run).map_err(|error| recovery::no_place(site, &error))?;
    site.acting.begin_run(&run);
    let redactor = planning::redactor(&seen, site);
    let journal = Journal::new(Arc::clone(&store), Arc::clone(&site.clock), redactor.clone());
    let console = Arc::new(Discreet::new(Arc::clone(&site.console), redactor.clone()));
    let (stop, interrupted) = watch::channel(false);
    let api = place::api_way(&survivor.host, &seen, &*console);
    let drill = Drill {
        inputs,
        site: Site { interrupted, prompt: Arc::new(place::Busy(Arc::clone(&site.prompt))), console, ..site.clone() },
        cluster,
        zone,
        outage: request.outage,
        timed_proof: request.timed_proof,
        limit: request.max_outage,
        run,
        seen,
        remote,
        store,
        journal,
        redactor,
        survivor,
        lost,
        api,
        stop,
        progress: Progress::default(),
    };
    drill.go(&playbook, site.interrupted.clone(), request.textfile.as_deref()).await
}

/// Found out now, and not when the cluster has been without writes for it.
fn metrics_have_a_place(site: &Site, textfile: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = textfile else { return Ok(()) };
    let refused = |error| Failure::file(Kind::Failed, path, error).note("Nothing was changed.");
    site.bastion.replaceable(path).map_err(refused)
}

fn refuse(refusals: Vec<crate::plan::Refusal>, redactor: &Redactor) -> Result<(), Failure> {
    if refusals.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(recovery::UNCHANGED, refusals).cleaned(redactor))
}

impl Drill<'_> {
    async fn go(
        mut self,
        playbook: &Playbook,
        interrupted: watch::Receiver<bool>,
        textfile: Option<&Path>,
    ) -> Result<u8, Failure> {
        self.say(&format!("journal: {}", self.store.place().join("journal.jsonl").display()));
        self.write(DrillEvent::Drill {
            version: VERSION,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            person: self.site.operator.person.clone(),
            host: self.site.operator.host.clone(),
            run: self.run.clone(),
            cluster: self.cluster.name.clone(),
            environment: self.cluster.environment,
            zone: self.zone.clone(),
            outage: self.outage.word().to_owned(),
            timed_proof: self.timed_proof,
            max_outage_s: self.limit.as_secs(),
        })?;
        let before = assess(&self.cluster, &self.seen).findings;
        self.write(DrillEvent::FoundBefore(before))?;
        let holding = self.lock().await?;
        let passing = self.pass_on(interrupted);
        let ended = self.phases(playbook).await;
        let trouble = match ended {
            Ok(()) => None,
            Err(why) => Some((why.clone(), self.back(&why).await)),
        };
        passing.abort();
        let mut left = self.left_behind().await;
        drop(holding);
        left.extend(self.unlock().await);
        self.conclude(trouble, left, textfile).await
    }

    /// An interruption from the terminal stops the drill too.
    fn pass_on(&self, mut interrupted: watch::Receiver<bool>) -> JoinHandle<()> {
        let stop = self.stop.clone();
        tokio::spawn(async move {
            if interrupted.wait_for(|yes| *yes).await.is_ok() {
                stop.send_replace(true);
            }
        })
    }

    async fn phases(&mut self, playbook: &Playbook) -> Result<(), String> {
        let phases: Vec<Phase> = playbook
            .lines
            .iter()
            .filter_map(|line| match line.action {
                Action::Phase(phase) => Some(phase),
                _ => None,
            })
            .collect();
        for (number, phase) in phases.iter().enumerate() {
            if *self.site.interrupted.borrow() {
                return Err(self.why_stopped());
            }
            self.say(&format!("== {}/{} {}", number + 1, phases.len(), phase.name()));
            self.write(DrillEvent::Phase { name: *phase, event: PhaseEvent::Began })
                .map_err(|failure| failure.to_string())?;
            let ended = self.phase(*phase).await;
            let event = match &ended {
                Ok(note) => PhaseEvent::Done(note.clone()),
                Err(why) => PhaseEvent::Failed(why.clone()),
            };
            self.write(DrillEvent::Phase { name: *phase, event }).map_err(|failure| failure.to_string())?;
            match ended {
                Ok(note) => self.say(&format!("   {note}")),
                Err(why) => return Err(format!("{}: {why}", phase.name())),
            }
        }
        Ok(())
    }

    fn why_stopped(&self) -> String {
        match self.progress.began {
            Some((_, began)) if began.elapsed() >= self.limit => {
                format!("the outage lasted longer than {} s", self.limit.as_secs())
            }
            _ => "interrupted".to_owned(),
        }
    }

    fn say(&self, text: &str) {
        self.site.console.tell(Event::Said { text: text.to_owned() });
    }

    /// A record that cannot be written ends the drill before its next act.
    fn write(&self, what: DrillEvent) -> Result<(), Failure> {
        self.journal.write(vec![what]).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Failure::new(Kind::Unrecorded, format!("{error}{cause}"))
        })
    }

    /// The masters of the zone that is lost.
    fn zone_masters(&self) -> Vec<Master> {
        self.cluster.zones.get(&self.zone).map(|zone| zone.masters.values().cloned().collect()).unwrap_or_default()
    }
}
