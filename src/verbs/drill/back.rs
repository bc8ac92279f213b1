//! How a drill gives up: before the new cluster's etcd is started it is undone, afterwards it can only go forward.

use std::time::Duration;

use crate::model::MasterName;
use crate::observe::assess::assess;
use crate::observe::{Observation, Seen, Verdict};
use crate::plan::Goal;
use crate::report::drill as words;
use crate::run::journal::{DrillEvent, StepState};
use crate::run::outage;

use super::super::UncheckedRequest;
use super::phases::{POWER, named};
use super::{Drill, OutageKind};

/// How long the cluster may take to serve again.
const SERVES: Duration = Duration::from_secs(90);

impl Drill<'_> {
    /// Brings the cluster back by the shortest safe way, and says what was done.
    pub(super) async fn back(&mut self, why: &str) -> Vec<String> {
        self.say(&format!("== giving up the drill: {why}"));
        // What is done from here is not stopped by what stopped the drill.
        let (stop, interrupted) = tokio::sync::watch::channel(false);
        self.site.interrupted = interrupted;
        self.stop = stop;
        if let Some(deadline) = self.progress.deadline.take() {
            deadline.abort();
        }
        let mut done = Vec::new();
        if self.progress.began.is_none() {
            done.push("nothing had been lost yet; etcd was not stopped".to_owned());
        } else if let Some(other) = self.held_by_another().await {
            done.push(format!("{other}: nothing was undone here, because that run may still be acting"));
        } else if self.is_forward().await {
            self.forward(&mut done).await;
        } else {
            self.undo(&mut done).await;
        }
        for line in &done {
            self.say(&format!("   {line}"));
        }
        done
    }

    /// Whether the new cluster may have acknowledged a write: its etcd was started, and nobody can say that it did not.
    async fn is_forward(&self) -> bool {
        let begun = self.progress.dr.as_ref().is_some_and(|ran| {
            let started = |id: &u32| ran.states.get(id).is_some_and(|state| *state != StepState::Planned);
            ran.starts.iter().any(started)
        });
        self.progress.forward || self.progress.unknown || begun
    }

    async fn forward(&mut self, done: &mut Vec<String>) {
        if !self.progress.forward {
            let serves = self.wait_until("the survivors serve", SERVES, |drill, seen| {
                assess(&drill.cluster, seen).verdict == Verdict::OneZone
            });
            if let Err(why) = serves.await {
                done.push(format!("the new cluster may have been started, and does not serve: {why}"));
                return;
            }
        }
        if !self.progress.returned {
            self.intends("let the zone return", done);
            match self.return_zone().await {
                Ok(note) => done.push(note),
                Err(why) => return done.push(format!("the zone did not come back: {why}")),
            }
        }
        if self.progress.home.is_none() {
            match self.recover().await {
                Ok(note) => done.push(format!("recovered: {note}")),
                Err(why) => done.push(format!("the zone could not be recovered: {why}")),
            }
        }
    }

    async fn undo(&mut self, done: &mut Vec<String>) {
        self.take_back(done).await;
        let hosts: Vec<MasterName> = self.zone_masters().into_iter().map(|master| master.name).collect();
        match self.outage {
            OutageKind::Isolate => {
                self.intends("open the zone's ports", done);
                match outage::open(&self.held(), &hosts).await {
                    Ok(()) => done.push("the zone's ports are open again".to_owned()),
                    Err(failed) => done.push(format!(
                        "ports may still be closed on: {}; to open them, run there: {}",
                        named(&failed),
                        outage::by_hand()
                    )),
                }
            }
            OutageKind::Command => {
                self.intends("switch the zone on", done);
                match self.power(true).await {
                    Ok(note) => {
                        done.push(note);
                        let up = self.wait_until("the zone's machines answer", POWER, |drill, seen| {
                            drill.zone_masters().iter().all(|master| seen.seen(&master.name).is_some())
                        });
                        done.push(up.await.unwrap_or_else(|why| why));
                    }
                    Err(why) => done.push(format!("the zone could not be switched on: {why}")),
                }
            }
            OutageKind::Stop => {}
        }
        self.unfence_and_start(done).await;
        let serves = self.wait_until("the old cluster serves", SERVES, |_, seen| {
            // Whoever is dark is named by the last look.
            seen.answering().count() > 0 && seen.answering().all(|(_, seen)| seen.serves())
        });
        match serves.await {
            Ok(note) => done.push(format!("undone: {note}")),
            Err(why) => done.push(why),
        }
    }

    /// An act is about to be done. A bastion whose disk is full must not keep the cluster down: the act is done all the
    /// same, and that it is not recorded is told.
    fn intends(&self, act: &str, done: &mut Vec<String>) {
        if let Err(failure) = self.write(DrillEvent::WayBack(act.to_owned())) {
            done.push(format!("not recorded: {act} ({})", failure));
        }
    }

    /// Survivors on which `initiate_dr` began take their own data again.
    async fn take_back(&mut self, done: &mut Vec<String>) {
        let begun = self.progress.dr.as_ref().filter(|ran| ran.outcome.changed).map(|ran| ran.run.to_string());
        let Some(run) = begun else { return };
        let request = UncheckedRequest { undoes: Some(run.clone()), ..UncheckedRequest::default() };
        match self.part(Goal::Undo, &request).await {
            Ok(()) => done.push(format!("what run {run} replaced is in place again")),
            Err(why) => done.push(format!("what run {run} replaced could not be put back: {why}")),
        }
    }

    async fn unfence_and_start(&mut self, done: &mut Vec<String>) {
        let request = UncheckedRequest { failed_zones: vec![self.zone.to_string()], ..UncheckedRequest::default() };
        if let Err(why) = self.part(Goal::Unfence, &request).await {
            done.push(format!("not every fence of the zone could be lifted: {why}"));
        }
        let seen = self.look().await;
        for master in self.zone_masters() {
            self.intends(&format!("start etcd on {}", master.name), done);
            if let Err(why) = outage::start(&self.held(), &master).await {
                done.push(format!("{}: etcd was not started: {why}", master.name));
            }
            done.extend(seen.seen(&master.name).and_then(|seen| not_asked(&master.name, seen)));
            let Some(api) = seen.seen(&master.name).and_then(Seen::parked_api_server) else { continue };
            self.intends(&format!("put the API server of {} back", master.name), done);
            if let Err(why) = outage::put_back(&self.held(), &master.name, &api.components()).await {
                done.push(format!("{}: its API server was not put back: {why}", master.name));
            }
        }
    }

    /// Whatever was closed is open in the end.
    async fn open_once_more(
        &self,
        hosts: &[MasterName],
        left: &mut Vec<String>,
    ) -> Result<(), Vec<(MasterName, String)>> {
        self.intends("open the ports that may still be closed", left);
        outage::open(&self.held(), hosts).await
    }

    /// What a last look finds that the drill should have taken back, each with the way to do it.
    pub(super) async fn left_behind(&mut self) -> Vec<String> {
        self.end_canaries().await;
        let seen = self.look().await;
        let mut left = traces(&self.cluster.name.to_string(), &seen);
        let object = self.progress.object_stays.as_ref();
        left.extend(object.map(|why| format!("{} (its canary: {why})", words::object_stays())));
        for master in self.cluster.masters().filter(|master| seen.seen(&master.name).is_none()) {
            left.push(format!("{} does not answer: it is not known what was left there", master.name));
        }
        let hosts: Vec<MasterName> = self.zone_masters().into_iter().map(|master| master.name).collect();
        if self.outage == OutageKind::Isolate
            && self.progress.began.is_some()
            && let Err(failed) = self.open_once_more(&hosts, &mut left).await
        {
            left.push(format!(
                "ports may still be closed on: {}; to open them, run there: {}",
                named(&failed),
                outage::by_hand()
            ));
        }
        let assessment = assess(&self.cluster, &seen);
        let found = self.write(DrillEvent::FoundAfter(assessment.findings));
        left.extend(found.err().map(|failure| failure.to_string()));
        if assessment.verdict != Verdict::Healthy {
            left.push(format!(
                "the cluster is {}; `requorum status` names the next command",
                assessment.verdict.words()
            ));
        }
        self.seen = seen;
        left
    }
}

/// An API server of which it is not known whether it is parked.
fn not_asked(name: &MasterName, seen: &Seen) -> Option<String> {
    let why = seen.api_server.as_ref().err().filter(|why| why.was_asked())?;
    Some(format!("{name}: it is not known whether its API server is parked: {why}"))
}

/// Fences that are still there, and locks of others.
fn traces(cluster: &str, seen: &Observation) -> Vec<String> {
    let mut left = Vec::new();
    for (name, seen) in seen.answering() {
        match &seen.traces {
            Ok(traces) if traces.half_made().is_some() || traces.fenced_survivor => {
                left.push(format!("{name} of {cluster} is unfinished; `requorum status` names the next command"));
            }
            Ok(traces) if traces.fenced => left
                .push(format!("{name} of {cluster} is fenced; `requorum recover` or `requorum unfence ZONE` lifts it")),
            Ok(_) => {}
            Err(unclear) => left.push(format!("{name}: it is not known whether it is fenced: {unclear}")),
        }
        left.extend(not_asked(name, seen));
        if seen.parked_api_server().is_some() {
            left.push(format!("the API server of {name} is parked; `requorum status` names what puts it back"));
        }
        if let Ok(Some(lock)) = seen.traces.as_ref().map(|traces| &traces.lock) {
            left.push(format!("{name} is now locked by run {} ({} on {})", lock.run, lock.person, lock.host));
        }
    }
    left
}
