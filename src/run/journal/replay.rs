//! A run's journal read from its first record to its last: how far each step got, when, and by which commands. Knows nothing
//! about output formats.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::{Record, RunEvent, StepEvent, StepState};
use crate::model::RunId;
use crate::observe::Finding;
use crate::plan::{Plan, Planned};
use crate::run::exit;
use crate::run::runner::{Ending, Outcome, Trouble, changes};
use crate::step::{Effect, Fact, Facts, HowStopped};

/// One step as the journal tells it.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepHistory {
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub event: Option<StepEvent>,
    /// How etcd ended, where this step ended it.
    pub stopped: Option<HowStopped>,
    pub commands: Vec<CommandRun>,
}

impl StepHistory {
    fn moves(&mut self, at: Timestamp, event: &StepEvent) {
        match event {
            StepEvent::Started => self.began = Some(at),
            _ => self.ended = Some(at),
        }
        self.event = Some(event.clone());
    }
}

/// One command that ran, or several in a row that were the same and gave the same.
#[derive(Debug, Clone)]
pub(crate) struct CommandRun {
    pub host: String,
    pub command: String,
    pub exit: Option<u32>,
    pub took_ms: u64,
    pub times: u64,
    pub said: String,
}

/// What the records of a run say together.
#[derive(Debug, Clone)]
pub(crate) struct Replay<'a> {
    pub plan: &'a Plan,
    pub tool: &'a str,
    pub person: &'a str,
    pub host: &'a str,
    pub digest: &'a str,
    pub began: Timestamp,
    pub last: Timestamp,
    pub proof_ms: Option<u64>,
    pub steps: BTreeMap<u32, StepHistory>,
    pub states: BTreeMap<u32, StepState>,
    pub facts: Facts,
    pub first_write: Option<Timestamp>,
    pub locked: bool,
    pub unlocked: bool,
    /// Whether another run may hold the masters.
    pub lock_lost: bool,
    /// The drill that holds the masters, where the run is a part of one.
    pub drill: Option<&'a RunId>,
    /// What a last look found.
    pub after: Option<&'a [Finding]>,
    pub end: Option<(&'a str, u8)>,
}

/// Nothing where the first record is not a run's.
pub(crate) fn replay(records: &[Record<RunEvent>]) -> Option<Replay<'_>> {
    let first = records.first()?;
    let RunEvent::Run { tool, person, host, digest, plan, .. } = &first.what else { return None };
    let mut replay = Replay {
        plan,
        tool,
        person,
        host,
        digest,
        began: first.at,
        last: first.at,
        proof_ms: None,
        steps: BTreeMap::new(),
        states: BTreeMap::new(),
        facts: Facts::default(),
        first_write: None,
        locked: false,
        unlocked: false,
        lock_lost: false,
        drill: None,
        after: None,
        end: None,
    };
    records.iter().for_each(|record| replay.take(record));
    Some(replay)
}

impl<'a> Replay<'a> {
    fn take(&mut self, record: &'a Record<RunEvent>) {
        // The bastion's clock may be set back while a run goes on; the report's time only goes on.
        if self.end.is_none() {
            self.last = self.last.max(record.at);
        }
        match &record.what {
            RunEvent::Run { .. } | RunEvent::LookedAgain { .. } => {}
            RunEvent::FoundAfter(findings) => self.after = Some(findings),
            RunEvent::Lent(drill) => self.drill = Some(drill),
            RunEvent::Proof { took_ms } => self.proof_ms = Some(*took_ms),
            RunEvent::Locked => self.locked = true,
            RunEvent::LockLost(_) => self.lock_lost = true,
            RunEvent::Unlocked => self.unlocked = true,
            RunEvent::End { outcome, exit } => self.end = Some((outcome, *exit)),
            RunEvent::Learnt(fact) => {
                if matches!(fact, Fact::FirstWrite(_)) {
                    self.first_write.get_or_insert(self.last);
                }
                self.facts.learn(fact.clone());
            }
            RunEvent::Step { id, event, stopped, .. } => {
                let before = self.states.get(id).copied().unwrap_or(StepState::Planned);
                // The reader has refused what is illegal.
                self.states.insert(*id, before.next(*id, event).unwrap_or(before));
                let step = self.steps.entry(*id).or_default();
                step.moves(self.last, event);
                step.stopped = stopped.or_else(|| stopped_by_old_journal(self.plan, *id, event));
            }
            RunEvent::Command { step, host, command, exit, took_ms, said } => {
                let commands = &mut self.steps.entry(*step).or_default().commands;
                match commands.last_mut() {
                    Some(last) if last.command == *command && last.exit == *exit && last.said == *said => {
                        last.times += 1;
                        last.took_ms += took_ms;
                    }
                    _ => commands.push(CommandRun {
                        host: host.to_string(),
                        command: command.clone(),
                        exit: *exit,
                        took_ms: *took_ms,
                        times: 1,
                        said: said.clone(),
                    }),
                }
            }
        }
    }

    pub(crate) fn state(&self, planned: &Planned) -> StepState {
        self.states.get(&planned.id).copied().unwrap_or(StepState::Planned)
    }

    /// The run's end as the runner itself would tell it, made from what it wrote down.
    pub(crate) fn outcome(&self) -> Outcome {
        let begun = |planned: &Planned| self.state(planned) != StepState::Planned;
        let stages = self.plan.stages.iter().filter(|stage| !stage.background);
        let changed = stages.clone().any(|stage| stage.steps.iter().any(begun) && changes(stage, self.plan));
        let beside: BTreeSet<u32> = self.besides().map(|planned| planned.id).collect();
        let failed =
            self.besides().filter(|planned| matches!(self.state(planned), StepState::Failed | StepState::Unknown));
        let warnings = failed.map(|planned| {
            let Trouble { host, title, why, .. } = self.trouble(planned);
            format!("{title} on {host}: {why}")
        });
        let warnings = warnings.collect();
        let ending = self.ending(&beside);
        // How long each stage waited for etcd is not in the journal, so the stages' times are told by the report itself.
        let (facts, lock_lost) = (self.facts.clone(), self.lock_lost);
        Outcome { ending, phases: Vec::new(), facts, warnings, changed, lock_lost }
    }

    fn besides(&self) -> impl Iterator<Item = &Planned> {
        self.plan.stages.iter().filter(|stage| stage.background).flat_map(|stage| &stage.steps)
    }

    fn ending(&self, beside: &BTreeSet<u32>) -> Ending {
        let first = |wanted: &[StepState]| {
            let mut steps = self.plan.steps().filter(|planned| !beside.contains(&planned.id));
            steps.find(|planned| wanted.contains(&self.state(planned))).map(|planned| self.trouble(planned))
        };
        if self.end.is_some_and(|(_, code)| code == exit::DONE) {
            return Ending::Done;
        }
        // Begun and not ended is as unknown as what the runner itself called so: nobody saw its end.
        if let Some(trouble) = first(&[StepState::Unknown, StepState::Running]) {
            return Ending::Unknown(trouble);
        }
        if let Some(trouble) = first(&[StepState::Failed]) {
            return Ending::Stopped(trouble);
        }
        match first(&[StepState::Planned]) {
            Some(trouble) => Ending::Interrupted(trouble),
            None => Ending::Done,
        }
    }

    fn trouble(&self, planned: &Planned) -> Trouble {
        let why = match self.steps.get(&planned.id).and_then(|step| step.event.as_ref()) {
            Some(StepEvent::Failed(why) | StepEvent::OutcomeUnknown(why)) => why.clone(),
            Some(StepEvent::Started) => "the journal ends during this step".to_owned(),
            _ => self.end.map_or("the journal ends before this step", |(outcome, _)| outcome).to_owned(),
        };
        let (number, title) = (self.plan.number_of(planned.id), planned.step.kind().title());
        Trouble { step: planned.id, number, host: planned.host.clone(), title, why }
    }
}

/// Journals from before 2026-11-28 say how etcd ended only in the note that the stop's script gave.
fn stopped_by_old_journal(plan: &Plan, id: u32, event: &StepEvent) -> Option<HowStopped> {
    let ends_etcd = |effect: &Effect<'_>| matches!(effect, Effect::StopsEtcd { .. });
    let stops = plan.steps().any(|planned| planned.id == id && planned.step.does(ends_etcd));
    match event {
        StepEvent::Done(note) if stops => Some(HowStopped::told(note)),
        _ => None,
    }
}

/// Milliseconds from one moment to another, none where the second lies before the first.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> u64 {
    let passed = Duration::try_from(to.duration_since(from)).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}
