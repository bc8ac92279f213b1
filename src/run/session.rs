//! One run from its first journal record to its last: lock, run, unlock. Knows neither the terminal nor whether the
//! world is real.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::model::{Cluster, MasterName, RunId};
use crate::observe::Verdict;
use crate::observe::assess::{Assessment, assess};
use crate::observe::traces::Holder;
use crate::plan::{Input, Plan};

use super::again::{self, Changed, Same};
use super::hold::Holding;
use super::journal::{Journal, JournalError, RunEvent, StepState, VERSION};
use super::lock::{self, Taken};
use super::ports::{Event, Remote};
use super::redact::{Discreet, Redactor};
use super::runner::{Outcome, Runner};
use super::still_tried::StillTried;
use super::{World, exit, look};

/// How long the last look may take.
const LAST_LOOK: Duration = Duration::from_secs(20);

/// Who runs, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub person: String,
    /// The bastion.
    pub host: String,
}

impl Operator {
    /// As the one who holds masters for `run`.
    #[must_use]
    pub fn holder(&self, run: &RunId, since: Timestamp) -> Holder {
        Holder {
            run: run.to_string(),
            person: self.person.clone(),
            host: self.host.clone(),
            since: since.to_string(),
            plan: String::new(),
            token: String::new(),
        }
    }
}

/// A plan that was consented to, and what belongs to it.
#[derive(Debug, Clone)]
pub struct Agreed<'a> {
    pub plan: &'a Plan,
    /// What it was made from, to be made again under the lock. A plan without it is run as it is, which tests do.
    pub basis: Option<Input<'a>>,
    /// How long the proof took that quorum is lost.
    pub proof: Option<Duration>,
    /// The drill that this run is a part of: it holds the masters.
    pub drill: Option<&'a RunId>,
    /// Who is attested to be off and must not have answered before anything is stopped.
    pub tried: Option<StillTried>,
    /// The masters that are locked for it already.
    pub held: &'a BTreeSet<MasterName>,
    /// The command line's beginning, for next commands: `requorum -i FILE`.
    pub again: &'a str,
}

/// How a run ended that was begun.
pub struct Ended {
    /// The exit code.
    pub code: u8,
    pub outcome: Outcome,
    /// Where each step is.
    pub states: BTreeMap<u32, StepState>,
    /// Takes what a last look finds.
    pub journal: Journal<RunEvent>,
}

/// Why a run was not begun, or could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// Another run holds the lock.
    #[error("{host} is held by {by}")]
    Locked { host: MasterName, run: String, by: String },
    /// A master could not be locked.
    #[error("{host} could not be locked: {why}")]
    NoLock { host: MasterName, why: String },
    /// What was consented to is not what would be planned now; nothing was changed.
    #[error("the masters have changed since the plan was made")]
    Changed {
        /// What was consented to.
        plan: Box<Plan>,
        /// What would be planned now.
        now: Changed,
    },
    /// The journal could not be begun; nothing was changed.
    #[error(transparent)]
    Unwritten(JournalError),
    /// The journal could not be written; nothing was begun after that.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl NotBegun {
    /// Nothing where the masters are held.
    #[must_use]
    pub fn of(taken: Taken) -> Option<Self> {
        match taken {
            Taken::All => None,
            Taken::Held { host, run, by } => Some(Self::Locked { host, run, by }),
            Taken::Failed { host, why } => Some(Self::NoLock { host, why }),
        }
    }

    /// What kind of failure it is; decides the exit code.
    #[must_use]
    pub const fn kind(&self) -> exit::Kind {
        match self {
            Self::Locked { .. } => exit::Kind::Locked,
            Self::Changed { .. } => exit::Kind::Refused,
            Self::NoLock { .. } | Self::Unwritten(_) => exit::Kind::Failed,
            Self::Journal(_) => exit::Kind::Unrecorded,
        }
    }

    /// The exit code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.kind().code()
    }
}

/// Runs a plan that was consented to.
///
/// # Errors
/// [`NotBegun`]; with a failed journal something may have been done before.
pub async fn execute(
    agreed: Agreed<'_>,
    world: World,
    operator: &Operator,
    redactor: Redactor,
    interrupted: watch::Receiver<bool>,
) -> Result<Ended, NotBegun> {
    let plan = agreed.plan;
    let journal = Journal::new(Arc::clone(&world.store), Arc::clone(&world.clock), redactor.clone());
    let console = Arc::new(Discreet::new(Arc::clone(&world.console), redactor.clone()));
    let world = World { console, ..world };
    journal.write(first_records(plan, operator, &redactor, agreed.proof)).map_err(NotBegun::Unwritten)?;
    let hosts: BTreeSet<MasterName> = to_lock(plan).union(agreed.held).cloned().collect();
    take_lock(&world, &hosts, &agreed, operator, &journal).await?;
    let holder = agreed.drill.unwrap_or(&plan.run).clone();
    let holding = Holding::begin(&world.remote, &hosts, &holder);
    let Same { tried, proved_again } =
        look_again(&world, &hosts, &agreed, &holder, &journal, interrupted.clone()).await?;
    let plan = proved_again.as_ref().unwrap_or(plan);
    let outcome = Runner::new(world.clone(), journal.clone(), interrupted, holder).run(plan, tried).await?;
    drop(holding);
    let code = exit::code(plan, &outcome);
    // A run that stopped midway keeps its lock: nobody else may go on from a state they have not looked at.
    let free = agreed.drill.is_none() && (code == exit::DONE || !outcome.changed);
    let given_back = if free { give_back(&world, &hosts, &agreed).await } else { None };
    ended(&journal, given_back, outcome.ending.words(), code)?;
    Ok(Ended { code, states: journal.states(), outcome, journal })
}

/// What state the cluster is in after a run, once its end has been told: a dark master takes its connect time-out, and
/// nobody should wait that long for the word that the cluster serves. Nothing where looking takes too long. Two clusters that
/// serve are no good end: the exit code that the run `ended` with becomes another then.
///
/// # Errors
/// When the journal could not take it.
pub async fn last_look(
    cluster: &Cluster,
    remote: &Arc<dyn Remote>,
    journal: &Journal<RunEvent>,
    ended: u8,
) -> Result<(u8, Option<Assessment>), JournalError> {
    let Ok(seen) = tokio::time::timeout(LAST_LOOK, look::look(cluster, remote)).await else { return Ok((ended, None)) };
    let after = assess(cluster, &seen);
    let mut records = vec![RunEvent::FoundAfter(after.findings.clone())];
    let code = if ended == exit::DONE && after.verdict == Verdict::SplitBrain { exit::UNVERIFIED } else { ended };
    if code != ended {
        records.push(RunEvent::End { outcome: "done, and two clusters serve".to_owned(), exit: code });
    }
    journal.write(records)?;
    Ok((code, Some(after)))
}

fn first_records(plan: &Plan, operator: &Operator, redactor: &Redactor, proof: Option<Duration>) -> Vec<RunEvent> {
    let mut records = vec![RunEvent::Run {
        version: VERSION,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        person: operator.person.clone(),
        host: operator.host.clone(),
        digest: plan.digest(),
        plan: Box::new(redactor.plan(plan)),
    }];
    if let Some(took) = proof {
        records.push(RunEvent::Proof { took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX) });
    }
    records
}

/// Every master that takes part or is acted on.
#[must_use]
pub fn to_lock(plan: &Plan) -> BTreeSet<MasterName> {
    let acted_on = plan.steps().map(|planned| &planned.host);
    plan.survivors.iter().chain(&plan.returned).chain(acted_on).cloned().collect()
}

/// Looks again under the lock, unless it is interrupted: the runner then begins nothing. What has changed is told, and the
/// lock given back.
async fn look_again(
    world: &World,
    hosts: &BTreeSet<MasterName>,
    agreed: &Agreed<'_>,
    holder: &RunId,
    journal: &Journal<RunEvent>,
    mut interrupted: watch::Receiver<bool>,
) -> Result<Same, NotBegun> {
    let as_it_is = |tried| Same { tried, proved_again: None };
    let begun_before = agreed.tried.clone();
    let Some(basis) = agreed.basis else { return Ok(as_it_is(begun_before)) };
    let begun = tokio::time::Instant::now();
    let looked = tokio::select! {
        looked = again::still(agreed.plan, basis, holder, &world.remote, &world.console) => looked,
        _ = interrupted.wait_for(|yes| *yes) => return Ok(as_it_is(None)),
    };
    let now = match looked {
        Ok(same) => {
            let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            journal.write(vec![RunEvent::LookedAgain { took_ms }])?;
            return Ok(Same { tried: StillTried::of_both(begun_before, same.tried), ..same });
        }
        Err(now) => now,
    };
    let changed = NotBegun::Changed { plan: Box::new(agreed.plan.clone()), now };
    let given_back = if agreed.drill.is_none() { give_back(world, hosts, agreed).await } else { None };
    ended(journal, given_back, changed.to_string(), changed.code())?;
    Err(changed)
}

/// Gives the lock back, and says where it stays. Only where it stays nowhere is that a record.
async fn give_back(world: &World, hosts: &BTreeSet<MasterName>, agreed: &Agreed<'_>) -> Option<RunEvent> {
    let (run, again) = (&agreed.plan.run, agreed.again);
    let kept = lock::release(&world.remote, hosts, run).await;
    for (host, why) in &kept {
        let text = format!("{host} stays locked: {why}; once it answers: `{again} unlock {run}`");
        world.console.tell(Event::Warning { text });
    }
    kept.is_empty().then_some(RunEvent::Unlocked)
}

/// The last records of a run that was begun.
fn ended(
    journal: &Journal<RunEvent>,
    given_back: Option<RunEvent>,
    outcome: String,
    exit: u8,
) -> Result<(), JournalError> {
    journal.write(given_back.into_iter().chain([RunEvent::End { outcome, exit }]).collect())
}

async fn take_lock(
    world: &World,
    hosts: &BTreeSet<MasterName>,
    agreed: &Agreed<'_>,
    operator: &Operator,
    journal: &Journal<RunEvent>,
) -> Result<(), NotBegun> {
    let plan = agreed.plan;
    let token = plan.after.as_ref().map(|after| after.token.to_string()).unwrap_or_default();
    let holder = Holder { plan: plan.digest(), token, ..operator.holder(&plan.run, world.clock.now()) };
    let missing = hosts - agreed.held;
    let (taken, record) = match agreed.drill {
        None if missing.is_empty() => (Taken::All, RunEvent::Locked),
        None => (lock::take(&world.remote, &missing, &holder, &plan.run).await, RunEvent::Locked),
        Some(drill) => (lock::held_by(&world.remote, hosts, drill).await, RunEvent::Lent(drill.clone())),
    };
    let Some(failure) = NotBegun::of(taken) else {
        let written = journal.write(vec![record]);
        if written.is_err() && agreed.drill.is_none() {
            // Nothing was done, and nobody would know of the lock.
            lock::release(&world.remote, hosts, &plan.run).await;
        }
        return written.map_err(NotBegun::Unwritten);
    };
    journal.write(vec![RunEvent::End { outcome: failure.to_string(), exit: failure.code() }])?;
    Err(failure)
}
