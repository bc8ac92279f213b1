//! Does what a plan says, in order, and stops at the first thing that is not as expected. Chooses nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::model::{Command, MasterName, Output, RunId, Supervisor};
use crate::observe::last_log;
use crate::plan::{Plan, Planned, Stage};
use crate::step::{Act, Doing, Effect, Fact, Facts, HowStopped, Judgement};

pub use super::ending::{Ending, Outcome, StageTime, Trouble};
use super::filled::filled;
use super::growth::Growth;
use super::journal::{Journal, JournalError, RunEvent, StepEvent};
use super::last_look::{LastLook, stops};
use super::ports::{Event, Pipes, RemoteError};
use super::progress::{self, Moved, Seen};
use super::said::{record, untold};
use super::still_tried::{StillTried, answered};
use super::streams;
use super::{World, hold, joined};

/// Runs one plan.
pub struct Runner {
    world: World,
    /// Whose lock the masters are held by: the run's own, or that of the drill it is a part of.
    holder: RunId,
    journal: Journal<RunEvent>,
    interrupted: watch::Receiver<bool>,
    facts: Arc<Mutex<Facts>>,
    lock_lost: AtomicBool,
    /// The last one that a stop goes by.
    last_look: LastLook,
}

/// How a step ended.
enum StepEnd {
    Done { waited: Duration },
    Failed(Trouble),
    Unknown(Trouble),
}

/// Steps under way.
type Tasks = JoinSet<Result<StepEnd, JournalError>>;

/// How one act ended.
enum ActEnd {
    Next,
    Skip(String),
    Failed(String),
    Unknown(String),
}

/// What a step has to write down when it ends.
#[derive(Default)]
struct Notes {
    records: Vec<RunEvent>,
    note: String,
    stopped: Option<HowStopped>,
    waited: Duration,
}

impl Runner {
    /// A runner for whom `holder` holds the masters. It looks at `interrupted` between steps and while waiting.
    #[must_use]
    pub fn new(world: World, journal: Journal<RunEvent>, interrupted: watch::Receiver<bool>, holder: RunId) -> Self {
        let (facts, lock_lost, last_look) = (Arc::default(), AtomicBool::new(false), LastLook::default());
        Self { world, holder, journal, interrupted, facts, lock_lost, last_look }
    }

    /// Runs the plan to its end or to the first trouble. Before anything is stopped, those that are still `tried` must have
    /// been given up.
    ///
    /// # Errors
    /// When the journal could not be written: nothing was begun after that.
    pub async fn run(self, plan: &Plan, tried: Option<StillTried>) -> Result<Outcome, JournalError> {
        let this = Arc::new(self);
        let mut phases = Vec::new();
        let (mut background, mut preparing) = (JoinSet::new(), JoinSet::new());
        let mut changed = false;
        let mut ending = Ending::Done;
        for (index, stage) in plan.stages.iter().enumerate() {
            if *this.interrupted.borrow() {
                ending =
                    Ending::Interrupted(trouble(index + 1, &stage.steps[0], "interrupted before this step".into()));
                break;
            }
            this.world.console.tell(Event::Stage {
                number: index + 1,
                of: plan.stages.len(),
                title: stage.title.clone(),
            });
            if stage.background {
                this.begin_steps(
                    index + 1,
                    stage,
                    if only_prepares_fences(stage) { &mut preparing } else { &mut background },
                );
                continue;
            }
            // Without its fence made ready nothing is stopped, nor while a zone may be back: that is known before the last
            // look, so that nothing is waited for between that and the stop.
            let stops_next = plan.stages.get(index + 1).is_some_and(stops);
            if (stops(stage) || stops_next)
                && let Some(trouble) = this.forbidden(index + 1, stage, &mut preparing, tried.clone()).await?
            {
                ending = trouble;
                break;
            }
            changed |= changes(stage, plan);
            let begun = Instant::now();
            let (end, waited) = this.stage(index + 1, stage).await?;
            phases.push(StageTime { title: stage.title.clone(), took: begun.elapsed(), waited });
            if let Some(trouble) = end {
                ending = trouble;
                break;
            }
        }
        let mut warnings = this.wait_for(&mut preparing).await?;
        warnings.extend(this.wait_for(&mut background).await?);
        let facts = this.facts().clone();
        let lock_lost = this.lock_lost.load(Ordering::Relaxed);
        Ok(Outcome { ending, phases, facts, warnings, changed, lock_lost })
    }

    /// What forbids a stop.
    async fn forbidden(
        &self,
        number: usize,
        stage: &Stage,
        preparing: &mut Tasks,
        tried: Option<StillTried>,
    ) -> Result<Option<Ending>, JournalError> {
        if let Some(trouble) = self.ended(preparing).await? {
            return Ok(Some(trouble));
        }
        let mut back = answered(tried).await;
        if back.is_none() && stops(stage) {
            back = self.last_look.too_old(&*self.world.clock);
        }
        Ok(back.map(|why| Ending::Stopped(trouble(number, &stage.steps[0], why))))
    }

    fn begin_steps(self: &Arc<Self>, number: usize, stage: &Stage, tasks: &mut Tasks) {
        for planned in stage.steps.clone() {
            let this = Arc::clone(self);
            tasks.spawn(async move { this.step(number, &planned).await });
        }
    }

    /// Waits for what was begun; the worst end counts.
    async fn ended(&self, tasks: &mut Tasks) -> Result<Option<Ending>, JournalError> {
        let mut end = None;
        while let Some(ended) = tasks.join_next().await.and_then(joined) {
            match ended? {
                StepEnd::Done { .. } => {}
                StepEnd::Failed(trouble) => end = Some(worse(end, trouble)),
                StepEnd::Unknown(trouble) => end = Some(Ending::Unknown(trouble)),
            }
        }
        Ok(end)
    }

    /// Runs a stage's steps side by side; the worst end counts.
    async fn stage(self: &Arc<Self>, number: usize, stage: &Stage) -> Result<(Option<Ending>, Duration), JournalError> {
        self.last_look.begins(stage, &*self.world.clock);
        let mut tasks = JoinSet::new();
        self.begin_steps(number, stage, &mut tasks);
        let mut end = None;
        let mut longest = Duration::ZERO;
        while let Some(ended) = tasks.join_next().await.and_then(joined) {
            match ended? {
                StepEnd::Done { waited } => longest = longest.max(waited),
                StepEnd::Failed(trouble) => end = Some(worse(end, trouble)),
                StepEnd::Unknown(trouble) => end = Some(Ending::Unknown(trouble)),
            }
        }
        Ok((end, longest))
    }

    /// Waits for what runs in the background; its failures are warnings.
    async fn wait_for(&self, tasks: &mut Tasks) -> Result<Vec<String>, JournalError> {
        let mut warnings = Vec::new();
        while let Some(ended) = tasks.join_next().await.and_then(joined) {
            if let StepEnd::Failed(trouble) | StepEnd::Unknown(trouble) = ended? {
                let text = format!("{} on {}: {}", trouble.title, trouble.host, trouble.why);
                self.world.console.tell(Event::Warning { text: text.clone() });
                warnings.push(text);
            }
        }
        Ok(warnings)
    }

    async fn step(&self, number: usize, planned: &Planned) -> Result<StepEnd, JournalError> {
        let kind = planned.step.kind();
        let (title, supervisor) = (kind.title(), kind.log_of().cloned());
        let move_to = |event, stopped| RunEvent::Step { id: planned.id, host: planned.host.clone(), event, stopped };
        self.journal.write(vec![move_to(StepEvent::Started, None)])?;
        let limit = kind.acts().iter().map(|act| act.limit).max().unwrap_or_default();
        let at_most = if limit.is_zero() { String::new() } else { format!(" (at most {} s)", limit.as_secs()) };
        self.world.console.tell(Event::Begun { host: planned.host.clone(), title: format!("{title}{at_most}") });
        let begun = Instant::now();
        let mut notes = Notes::default();
        let mut end = ActEnd::Next;
        for (nth, act) in kind.acts().iter().enumerate() {
            end = self.act(planned, nth, act, &mut notes).await?;
            if !matches!(end, ActEnd::Next) {
                break;
            }
        }
        if let (ActEnd::Failed(why), Some(supervisor)) = (&mut end, &supervisor) {
            why.push_str(&self.last_log(&planned.host, supervisor).await);
        }
        let (event, ended) = match end {
            ActEnd::Next => (StepEvent::Done(notes.note.clone()), StepEnd::Done { waited: notes.waited }),
            ActEnd::Skip(note) => {
                notes.note.clone_from(&note);
                (StepEvent::FoundDone(note), StepEnd::Done { waited: notes.waited })
            }
            ActEnd::Failed(why) => (StepEvent::Failed(why.clone()), StepEnd::Failed(trouble(number, planned, why))),
            ActEnd::Unknown(why) => {
                (StepEvent::OutcomeUnknown(why.clone()), StepEnd::Unknown(trouble(number, planned, why)))
            }
        };
        let mut records = std::mem::take(&mut notes.records);
        records.push(move_to(event, notes.stopped));
        self.journal.write(records)?;
        let host = planned.host.clone();
        self.world.console.tell(match &ended {
            StepEnd::Done { .. } => Event::Done { host, note: notes.note, took: begun.elapsed() },
            StepEnd::Failed(trouble) | StepEnd::Unknown(trouble) => {
                Event::Failed { host, why: format!("{title}: {}", trouble.why) }
            }
        });
        Ok(ended)
    }

    /// The last lines of etcd's log, as they are added to what failed; nothing where nobody can ask.
    async fn last_log(&self, host: &MasterName, supervisor: &Supervisor) -> String {
        let answer = self.world.remote.run(host, &last_log::command(supervisor), Pipes::default()).await;
        let lines = answer.as_ref().map(last_log::parse).unwrap_or_default();
        if lines.is_empty() {
            String::new()
        } else {
            format!("; last in the log of {supervisor} there: {}", lines.join(" | "))
        }
    }

    /// Does one act until its answer is more than "not yet".
    async fn act(
        &self,
        planned: &Planned,
        number: usize,
        act: &Act,
        notes: &mut Notes,
    ) -> Result<ActEnd, JournalError> {
        let doing = match filled(&act.doing, &self.facts()) {
            Ok(doing) => doing,
            Err(why) => return Ok(ActEnd::Failed(why)),
        };
        let begun = Instant::now();
        let mut growth = Growth::begin(act.growth.as_ref());
        loop {
            let asked = Instant::now();
            let answer = self.answer(planned, act, &doing).await;
            let kept = record(planned, &doing, &answer, asked.elapsed(), self.journal.redactor());
            notes.records.push(if act.hidden { untold(kept) } else { kept });
            let judgement = match answer {
                Ok(output) if let Some(why) = hold::lost(&self.holder, &output) => {
                    self.lock_lost.store(true, Ordering::Relaxed);
                    notes.records.push(RunEvent::LockLost(planned.host.clone()));
                    return Ok(ActEnd::Failed(why));
                }
                Ok(output) => planned.step.kind().judge(number, &output, &self.facts()),
                Err(error) if act.only_asks && begun.elapsed() < act.limit => Judgement::Again(error.to_string()),
                Err(RemoteError::OutcomeUnknown { why }) if !act.only_asks => return Ok(ActEnd::Unknown(why)),
                Err(error) => Judgement::Stop(error.to_string()),
            };
            match judgement {
                Judgement::Done(note, facts) => {
                    self.learn(facts, notes)?;
                    if act.waits {
                        notes.waited = begun.elapsed();
                    }
                    notes.note = note;
                    return Ok(ActEnd::Next);
                }
                Judgement::Stopped(note, how) => {
                    notes.stopped = Some(how);
                    notes.note = note;
                    return Ok(ActEnd::Next);
                }
                Judgement::FoundDone(note, facts) => {
                    self.learn(facts, notes)?;
                    return Ok(ActEnd::Skip(note));
                }
                Judgement::Stop(why) => return Ok(ActEnd::Failed(why)),
                Judgement::Again(why) if growth.stands_still(&self.world).await >= act.limit => {
                    return Ok(ActEnd::Failed(format!("after {:.0} s: {why}", begun.elapsed().as_secs_f64())));
                }
                Judgement::Again(why) if *self.interrupted.borrow() => {
                    return Ok(ActEnd::Failed(format!("interrupted while waiting: {why}")));
                }
                Judgement::Again(why) => self.wait(planned, act, &why, begun, asked, notes).await,
            }
        }
    }

    async fn wait(&self, planned: &Planned, act: &Act, why: &str, begun: Instant, asked: Instant, notes: &mut Notes) {
        self.world.console.tell(Event::Waiting {
            host: planned.host.clone(),
            what: format!("{}: {why}", planned.step.kind().title()),
            waited: begun.elapsed(),
            limit: act.limit,
        });
        tokio::time::sleep(act.every).await;
        notes.waited += asked.elapsed();
    }

    /// Each command that reaches a master carries the lock it was planned under.
    async fn answer(&self, planned: &Planned, act: &Act, doing: &Doing) -> Result<Output, RemoteError> {
        let held = |command: &Command| hold::under(&self.holder, command);
        let (host, title) = (&planned.host, planned.step.kind().title());
        let expected = self.facts().snapshot.clone();
        let came = AtomicU64::new(0);
        let seen = match (doing, &act.moves) {
            (Doing::Fetch { .. }, _) => Seen::Counted(&came),
            (_, Some((ask, _))) => Seen::Asked(ask),
            _ => Seen::Nowhere,
        };
        let known = act.moves.as_ref().and_then(|(_, bytes)| *bytes);
        let total = expected.as_ref().map(|snapshot| snapshot.bytes).or(known);
        let work = async {
            match doing {
                Doing::Run(command) => self.world.remote.run(host, &held(command), Pipes::default()).await,
                Doing::Relay { from, read, write } => {
                    streams::relay(&self.world, from, &held(read), host, &held(write)).await
                }
                Doing::Send { path, write } => streams::send(&self.world, path, host, &held(write)).await,
                Doing::Fetch { read, name } => {
                    streams::fetch(&self.world, host, &held(read), name, expected.as_ref(), &came).await
                }
            }
        };
        progress::told(&self.world, Moved { host, title: &title, seen, total }, work).await
    }

    fn facts(&self) -> std::sync::MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Keeps what was learnt, on disk at once: after a kill within the step, the first acknowledged write above all must
    /// be known.
    fn learn(&self, facts: Vec<Fact>, notes: &mut Notes) -> Result<(), JournalError> {
        if facts.is_empty() {
            return Ok(());
        }
        let mut records = std::mem::take(&mut notes.records);
        records.extend(facts.iter().cloned().map(RunEvent::Learnt));
        self.journal.write(records)?;
        let mut known = self.facts();
        facts.into_iter().for_each(|fact| known.learn(fact));
        Ok(())
    }
}

fn only_prepares_fences(stage: &Stage) -> bool {
    stage.steps.iter().all(|planned| !planned.step.does(|effect| !matches!(effect, Effect::PreparesFence(_))))
}

/// Whether a stage changes a master that takes part. A fence on the failed zone is no such change.
#[must_use]
pub fn changes(stage: &Stage, plan: &Plan) -> bool {
    stage.steps.iter().any(|planned| {
        let takes_part = plan.survivors.contains(&planned.host) || plan.returned.contains(&planned.host);
        takes_part && planned.step.does(|effect| effect.changes_the_cluster())
    })
}

/// Of two failures the one of the earlier step counts: what comes later may only follow from it.
fn worse(known: Option<Ending>, trouble: Trouble) -> Ending {
    match known {
        Some(Ending::Stopped(other)) if other.step > trouble.step => Ending::Stopped(trouble),
        Some(known) => known,
        None => Ending::Stopped(trouble),
    }
}

fn trouble(number: usize, planned: &Planned, why: String) -> Trouble {
    Trouble { step: planned.id, number, host: planned.host.clone(), title: planned.step.kind().title(), why }
}
