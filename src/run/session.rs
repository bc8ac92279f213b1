//! One run from its first journal record to its last: lock, run, unlock. Knows neither terminal nor what is real.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::MasterName;
use crate::observe::marks::Holder;
use crate::plan::{Goal, Plan};

use super::journal::{Journal, JournalError, StepState, VERSION, What};
use super::lock::{self, Taken};
use super::ports::Event;
use super::redact::{Discreet, Redactor};
use super::runner::{Outcome, Runner};
use super::{World, exit};

/// Who runs, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The person.
    pub person: String,
    /// The bastion.
    pub host: String,
}

/// How a run ended that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit code.
    pub code: u8,
    /// What happened.
    pub outcome: Outcome,
    /// Where each step is.
    pub states: BTreeMap<u32, StepState>,
}

/// Why a run was not begun, or could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// Another run holds the lock.
    #[error("{host} is held by {by}")]
    Locked {
        /// Where.
        host: MasterName,
        /// By which run.
        run: String,
        /// By whom.
        by: String,
    },
    /// A master could not be locked.
    #[error("{host} could not be locked: {why}")]
    NoLock {
        /// Where.
        host: MasterName,
        /// Why.
        why: String,
    },
    /// The journal could not be written; nothing was begun after that.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Runs a plan that was consented to.
///
/// # Errors
/// [`NotBegun`]; with a failed journal something may have been done before.
pub async fn execute(
    plan: &Plan,
    world: World,
    operator: &Operator,
    redactor: Redactor,
    proof: Option<Duration>,
    interrupted: watch::Receiver<bool>,
) -> Result<Ended, NotBegun> {
    let journal = Journal::new(Arc::clone(&world.store), Arc::clone(&world.clock), redactor.clone());
    let console = Arc::new(Discreet::new(Arc::clone(&world.console), redactor.clone()));
    let world = World { console, ..world };
    journal.write(first_records(plan, operator, &redactor, proof))?;
    let hosts = to_lock(plan);
    take_lock(&world, &hosts, plan, operator, &journal).await?;
    let outcome = Runner::new(world.clone(), journal.clone(), interrupted).run(plan).await?;
    let code = exit::code(plan, &outcome);
    // A run that stopped midway keeps its lock: nobody else may go on from a state they have not looked at.
    if code == exit::DONE || !outcome.changed {
        for (host, why) in lock::release(&world.remote, &hosts, &plan.run).await {
            let text = format!("{host} stays locked: {why}; `requorum unlock {}`", plan.run);
            world.console.tell(Event::Warning { text });
        }
        journal.write(vec![What::Unlocked])?;
    }
    journal.write(vec![What::End { outcome: outcome.ending.words(), exit: code }])?;
    Ok(Ended { code, states: journal.states(), outcome })
}

fn first_records(plan: &Plan, operator: &Operator, redactor: &Redactor, proof: Option<Duration>) -> Vec<What> {
    let mut records = vec![What::Run {
        version: VERSION,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        person: operator.person.clone(),
        host: operator.host.clone(),
        digest: plan.digest(),
        plan: Box::new(redactor.plan(plan)),
    }];
    if let Some(took) = proof {
        records.push(What::Proof { took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX) });
    }
    records
}

/// Every master that takes part. Fencing a zone must not wait for a run that holds it; lifting a fence must.
fn to_lock(plan: &Plan) -> BTreeSet<MasterName> {
    match plan.goal {
        Goal::InitiateDr | Goal::Recover | Goal::Unfence => plan.survivors.union(&plan.returned).cloned().collect(),
        Goal::Fence => BTreeSet::new(),
    }
}

async fn take_lock(
    world: &World,
    hosts: &BTreeSet<MasterName>,
    plan: &Plan,
    operator: &Operator,
    journal: &Journal,
) -> Result<(), NotBegun> {
    let holder = Holder {
        run: plan.run.to_string(),
        person: operator.person.clone(),
        host: operator.host.clone(),
        since: world.clock.now().to_string(),
        plan: plan.digest(),
        token: plan.after.as_ref().map(|after| after.token.to_string()).unwrap_or_default(),
    };
    let (failure, code) = match lock::take(&world.remote, hosts, &holder, &plan.run).await {
        Taken::All => return Ok(journal.write(vec![What::Locked])?),
        Taken::Held { host, run, by } => (NotBegun::Locked { host, run, by }, exit::LOCKED),
        Taken::Failed { host, why } => (NotBegun::NoLock { host, why }, exit::FAILED),
    };
    journal.write(vec![What::End { outcome: failure.to_string(), exit: code }])?;
    Err(failure)
}
