//! The phases of a drill: each runs to its end or says what went wrong.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::RunId;
use crate::observe::assess::assess;
use crate::observe::read;
use crate::observe::{Observation, Seen, Severity, Verdict};
use crate::plan::doctor::Expected;
use crate::plan::drill;
use crate::plan::{Goal, Rule};
use crate::playbook::Phase;
use crate::report::drill as words;
use crate::report::explain;
use crate::run::canary::{self, Canary};
use crate::run::journal::DrillEvent;
use crate::run::look::{self, ask};
use crate::run::outage;

use crate::run::exit::{self, Kind};

use super::super::{UncheckedRequest, doctor};
use super::{Drill, Failure, OutageKind, place, recovery};

/// Both canaries must have been answered this often before anything is lost.
const WRITES_BEFORE_OUTAGE: usize = 5;
/// How long a quiet step may take.
pub(super) const SOON: Duration = Duration::from_secs(15);
/// How long a command of the site's may take, and machines to come up.
pub(super) const POWER: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(50);

impl Drill<'_> {
    pub(super) async fn phase(&mut self, phase: Phase) -> Result<String, String> {
        match phase {
            Phase::Doctor => self.doctor().await,
            Phase::Snapshot => self.snapshot().await,
            Phase::Canaries => self.canaries().await,
            Phase::Outage => self.outage().await,
            Phase::Detection => self.detection().await,
            Phase::InitiateDr => self.initiate_dr().await,
            Phase::Return => self.return_zone().await,
            Phase::Recover => self.recover().await,
            Phase::Verification => self.verification().await,
            Phase::Ledger => self.ledger().await,
        }
    }

    /// Whether `initiate_dr` would work, asked of the healthy cluster. A drill that cannot succeed is not begun.
    async fn doctor(&mut self) -> Result<String, String> {
        let zones = std::collections::BTreeSet::from([self.zone.clone()]);
        let at = (&self.cluster, &self.remote);
        let what = doctor::Rehearsed { zones: &zones, measure: true, timed_proof: self.timed_proof };
        let told = doctor::diagnosis(self.inputs, &self.site, at, self.seen.clone(), what).await;
        let (_, told) = told.map_err(|failure| failure.to_string())?;
        let outlook = told.zones.get(&self.zone).ok_or("the doctor did not check the loss of this zone")?;
        if !outlook.ready {
            let all = told.about(&self.zone).chain(told.elsewhere());
            let errors: Vec<_> = all.filter(|remark| remark.severity == Severity::Error).collect();
            let why: Vec<String> = errors.iter().map(|remark| format!("[{}] {}", remark.code, remark.text)).collect();
            let explained = explain::line(errors.iter().map(|remark| remark.code.name()));
            return Err(format!("initiate-dr would not work: {}; {}", why.join("; "), explained.trim_end()));
        }
        self.progress.expected = outlook.expected.as_ref().map(Expected::through_api);
        let expected = self.progress.expected.map(|time| format!(", in about {:.0} s", time.as_secs_f64()));
        Ok(format!("initiate-dr would work{}", expected.unwrap_or_default()))
    }

    /// Where a canary writes.
    pub(super) fn prefix(&self, canary: &str) -> String {
        format!("{}{canary}", words::prefix(&self.run))
    }

    async fn canaries(&mut self) -> Result<String, String> {
        let survivor = Canary::begin(&self.remote, &self.survivor, &self.prefix("survivor"));
        let lost = Canary::begin(&self.remote, &self.lost, &self.prefix("lost-zone"));
        let begun = Instant::now();
        let answered = |canary: &Canary| canary.told().acknowledged().count() >= WRITES_BEFORE_OUTAGE;
        while !(answered(&survivor) && answered(&lost)) {
            if begun.elapsed() > SOON || survivor.is_over() || lost.is_over() {
                let told = |canary: &Canary| canary.told().acknowledged().count();
                let (here, there) = (&self.survivor.host, &self.lost.host);
                let why = format!("{here} acknowledged {} writes, {there} {}", told(&survivor), told(&lost));
                (self.progress.survivor, self.progress.lost) = (Some(survivor), Some(lost));
                return Err(why);
            }
            tokio::time::sleep(POLL).await;
        }
        let note = format!("one canary writes through {}, one through {}", self.survivor.host, self.lost.host);
        (self.progress.survivor, self.progress.lost) = (Some(survivor), Some(lost));
        Ok(format!("{note}{}", self.api_canary().await))
    }

    /// A drill that cannot write through an API server measures without it, and says so.
    async fn api_canary(&mut self) -> String {
        let Some(way) = &self.api else { return String::new() };
        let canary = Canary::through_api(&self.remote, way, words::API_OBJECT);
        let begun = Instant::now();
        while canary.told().acknowledged().count() < WRITES_BEFORE_OUTAGE {
            if begun.elapsed() > SOON || canary.is_over() {
                let why = canary.end(SOON / 5).await.1.map(|why| format!(": {why}")).unwrap_or_default();
                return format!(
                    "; the API server of {} took no write by its own certificate, and the outage is not measured through it{why}",
                    way.host
                );
            }
            tokio::time::sleep(POLL).await;
        }
        self.progress.api = Some(canary);
        format!(", {} {}", words::THROUGH_API, way.host)
    }

    async fn outage(&mut self) -> Result<String, String> {
        // Consent, doctor and snapshot took their time: a cluster that is no longer healthy loses nothing more.
        let seen = look::look(&self.cluster, &self.remote).await;
        let words = place::words(&self.cluster, &self.remote).await;
        if let Some(refusal) = drill::refusals(&self.cluster, &self.zone, &seen, &words, Some(&self.run)).first() {
            let explained = explain::line(std::iter::once(refusal.rule.name()));
            return Err(format!("[{}] {}; {}", refusal.rule, refusal.why, explained.trim_end()));
        }
        self.progress.began = Some((self.site.clock.now(), Instant::now()));
        let (stop, limit) = (self.stop.clone(), self.limit);
        self.progress.deadline = Some(tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            stop.send_replace(true);
        }));
        self.progress.noticing = self.progress.survivor.as_ref().map(|canary| notice(canary.teller()));
        match self.outage {
            OutageKind::Stop => self.fence().await.map(|()| format!("etcd of {} is stopped and fenced", self.zone)),
            OutageKind::Isolate => self.isolate().await,
            OutageKind::Command => self.power(false).await,
        }
    }

    /// As an operator does: stop the zone's etcd and keep it from starting.
    pub(super) async fn fence(&mut self) -> Result<(), String> {
        let zone = self.zone.to_string();
        let reason = format!("{}=drill {}", Rule::FenceTakesQuorum, self.run);
        let request =
            UncheckedRequest { failed_zones: vec![zone], overrides: vec![reason], ..UncheckedRequest::default() };
        self.part(Goal::Fence, &request).await.map(drop)
    }

    async fn isolate(&mut self) -> Result<String, String> {
        let closings = place::closings(&self.cluster, &self.zone, &self.seen);
        outage::close(&self.held(), &closings, outage::by_itself(self.limit)).await.map_err(|failed| named(&failed))?;
        let ports: Vec<String> =
            closings.first().map(|one| one.ports.iter().map(u16::to_string).collect()).unwrap_or_default();
        Ok(format!("ports {} are closed between {} and the others", ports.join(", "), self.zone))
    }

    /// The site's own command, off or on.
    pub(super) async fn power(&mut self, on: bool) -> Result<String, String> {
        let power = self.cluster.zones.get(&self.zone).and_then(|zone| zone.power.clone());
        let Some(power) = power else { return Err("the inventory has no `power` for the zone".to_owned()) };
        let argv = if on { power.on } else { power.off };
        self.site.bastion.command(&argv, POWER).await?;
        // Its arguments may hold a password.
        Ok(format!("{}: done", crate::model::command::clean(argv.first().map(String::as_str).unwrap_or_default())))
    }

    async fn detection(&mut self) -> Result<String, String> {
        let Some(noticing) = self.progress.noticing.take() else { return Err("no canary writes".to_owned()) };
        while !noticing.is_finished() {
            if *self.site.interrupted.borrow() {
                return Err(self.why_stopped());
            }
            if self.progress.survivor.as_ref().is_none_or(Canary::is_over) {
                return Err(format!(
                    "the canary on {0} has stopped: nothing writes through {0} any more",
                    self.survivor.host
                ));
            }
            tokio::time::sleep(POLL).await;
        }
        let noticed = noticing.await.map_err(|error| error.to_string())?;
        self.progress.noticed = Some(noticed);
        let since = self.progress.began.map(|(_, began)| noticed.duration_since(began)).unwrap_or_default();
        let said = format!("writes through {} fail; detected after {:.1} s", self.survivor.host, since.as_secs_f64());
        if self.outage != OutageKind::Isolate {
            return Ok(said);
        }
        let split = self.split().await?;
        Ok(format!("{said}; {split}"))
    }

    /// What clients in the lost zone can still do. A zone that holds the majority elects a leader of its own within two
    /// election timeouts; an operator who hurries would not see it.
    async fn split(&mut self) -> Result<String, String> {
        let settings = self.seen.seen(&self.lost.host).and_then(|seen| seen.settings.as_ref().ok());
        let limit = settings.map_or(SOON, |settings| settings.election_timeout() * 2 + Duration::from_secs(2));
        let begun = Instant::now();
        let told =
            || self.progress.lost.as_ref().map(|canary| canary.told().acknowledged().count()).unwrap_or_default();
        let before = told();
        let mut reads = false;
        // Two acknowledgements: the first may have been on its way when the ports were closed.
        while begun.elapsed() < limit && !(reads && told() >= before + 2) {
            if *self.site.interrupted.borrow() {
                return Err(self.why_stopped());
            }
            let way = &self.lost;
            let answer = ask(&self.remote, &way.host, read::command(&way.etcdctl, &way.access, read::TIMEOUT)).await;
            reads = answer.is_ok_and(|output| read::parse(&output) == Ok(read::Read::Answered));
            tokio::time::sleep(POLL).await;
        }
        let writes = told() - before;
        let can = if reads { "read" } else { "not read" };
        let said = format!(
            "after {:.1} s clients in {} can {can} there, and {writes} writes were acknowledged",
            begun.elapsed().as_secs_f64(),
            self.zone
        );
        self.progress.split_read = Some(reads);
        Ok(said)
    }

    async fn initiate_dr(&mut self) -> Result<String, String> {
        self.progress.dr_began = Some(Instant::now());
        if self.outage == OutageKind::Isolate {
            self.fence().await?;
        }
        let attested = match self.outage {
            OutageKind::Command => vec![format!("{}=switched off by drill {}", self.zone, self.run)],
            OutageKind::Stop | OutageKind::Isolate => Vec::new(),
        };
        let (failed_zones, timed_proof) = (vec![self.zone.to_string()], self.timed_proof);
        let request = UncheckedRequest { failed_zones, attested, timed_proof, ..UncheckedRequest::default() };
        // The zone is lost now: what is written through it later is another story. Nothing waits for its canary's end.
        let canary = self.progress.lost.take();
        let ending = async { Some(canary?.end(SOON / 5).await.0) };
        let (ended, told) = tokio::join!(self.part(Goal::InitiateDr, &request), ending);
        self.progress.told_in_zone = told.or(self.progress.told_in_zone.take());
        self.progress.dr_ended = Some(Instant::now());
        ended?;
        if let Some(deadline) = self.progress.deadline.take() {
            // From here the way back is longer than the way on.
            deadline.abort();
        }
        Ok("the survivors serve".to_owned())
    }

    pub(super) async fn return_zone(&mut self) -> Result<String, String> {
        let note = match self.outage {
            OutageKind::Stop => "its machines never went away; their etcd is fenced".to_owned(),
            OutageKind::Isolate => {
                let hosts: Vec<_> = self.zone_masters().into_iter().map(|master| master.name).collect();
                outage::open(&self.held(), &hosts).await.map_err(|failed| named(&failed))?;
                "its ports are open again; its etcd is fenced".to_owned()
            }
            OutageKind::Command => {
                self.power(true).await?;
                self.fence_as_they_come().await?
            }
        };
        self.progress.returned = true;
        Ok(note)
    }

    /// Old members that boot would elect a leader and take writes: each is stopped and fenced as soon as it answers.
    async fn fence_as_they_come(&mut self) -> Result<String, String> {
        let begun = Instant::now();
        let masters = self.zone_masters();
        loop {
            let seen = self.look().await;
            let state = |seen: &Seen| Some((seen.etcd_runs()?, seen.traces.as_ref().ok()?.fenced));
            let up: Vec<_> = masters.iter().filter_map(|master| state(seen.seen(&master.name)?)).collect();
            let down = |(runs, fenced): &(bool, bool)| *fenced && !runs;
            if !up.iter().all(down) {
                self.fence().await?;
            } else if up.len() == masters.len() {
                return Ok("its machines answer, and their etcd is fenced".to_owned());
            }
            if begun.elapsed() > POWER {
                return Err(format!("after {} s some machines of {} still do not answer", POWER.as_secs(), self.zone));
            }
            tokio::time::sleep(POLL * 10).await;
        }
    }

    pub(super) async fn recover(&mut self) -> Result<String, String> {
        self.progress.recover_began = Some(Instant::now());
        self.part(Goal::Recover, &UncheckedRequest::default()).await?;
        self.progress.home = Some(Instant::now());
        Ok("every master votes".to_owned())
    }

    async fn verification(&mut self) -> Result<String, String> {
        let wanted = if self.progress.home.is_some() { Verdict::Healthy } else { Verdict::OneZone };
        self.wait_until(wanted.words(), SOON, move |drill, seen| assess(&drill.cluster, seen).verdict == wanted).await
    }

    /// Looks until it is as wanted.
    pub(super) async fn wait_until(
        &mut self,
        what: &str,
        limit: Duration,
        holds: impl Fn(&Self, &Observation) -> bool,
    ) -> Result<String, String> {
        let begun = Instant::now();
        loop {
            let seen = self.look().await;
            if holds(self, &seen) {
                return Ok(what.to_owned());
            }
            if begun.elapsed() > limit {
                let now = assess(&self.cluster, &seen).verdict.words();
                return Err(format!(
                    "waited {} s for this, and it did not happen: {what}; the cluster is {now}",
                    limit.as_secs()
                ));
            }
            tokio::time::sleep(POLL * 10).await;
        }
    }

    /// One of the operator's verbs, with its own journal. Anything but its success is trouble.
    pub(super) async fn part(&mut self, goal: Goal, request: &UncheckedRequest) -> Result<(), String> {
        let begun = std::sync::OnceLock::new();
        let begins = |run: &RunId| {
            let record = DrillEvent::RunBegan { run: run.clone(), verb: goal.command().to_owned() };
            // Nothing was done yet: this is no run of which nobody knows how far it came.
            self.write(record).map_err(|failure| Failure { kind: Kind::Failed, ..failure })?;
            let _ = begun.set(run.clone());
            Ok(())
        };
        let within = recovery::Within { drill: &self.run, begins: &begins };
        let ended = recovery::part(self.inputs, &self.site, goal, request, within).await;
        let (run, code) = match &ended {
            Ok(Some(ran)) => (Some(ran.run.clone()), ran.code),
            Ok(None) => (None, exit::DONE),
            Err(failure) => (begun.get().cloned(), failure.code()),
        };
        let trouble = match &ended {
            _ if *self.site.interrupted.borrow() && code != exit::DONE => Some(self.why_stopped()),
            Ok(Some(ran)) if code != exit::DONE => Some(ran.outcome.ending.words()),
            Ok(_) => None,
            Err(failure) => Some(failure.to_string()),
        };
        // What is known is kept before anything is written: a bastion whose disk is full must not take a cluster that
        // was started for one that was not.
        if goal == Goal::InitiateDr {
            self.progress.forward |= code == exit::DONE;
            // What ran has told where it came to; what could not write its journal has not.
            self.progress.unknown |= ended.as_ref().is_err_and(|failure| failure.kind == Kind::Unrecorded);
            self.progress.dr = ended.ok().flatten();
        }
        self.write(DrillEvent::RunEnded { run, verb: goal.command().to_owned(), exit: code })
            .map_err(|failure| failure.to_string())?;
        trouble.map_or(Ok(()), Err)
    }
}

/// Waits for two refusals in a row.
fn notice(told: canary::Teller) -> tokio::task::JoinHandle<Instant> {
    let before = told.told().attempts.len();
    tokio::spawn(async move {
        loop {
            let attempts = told.told().attempts;
            let refused = |attempt: &crate::model::ledger::Attempt| attempt.promised.is_none();
            if attempts[before..].windows(2).any(|pair| pair.iter().all(refused)) {
                return Instant::now();
            }
            tokio::time::sleep(POLL).await;
        }
    })
}

/// Masters and what went wrong on each.
pub(super) fn named(failed: &[(crate::model::MasterName, String)]) -> String {
    failed.iter().map(|(host, why)| format!("{host}: {why}")).collect::<Vec<_>>().join("; ")
}
