//! One run at a time: a lock on every master that takes part, taken by `mkdir`, which is atomic. Knows nothing about
//! plans.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::model::command::{Script, clean};
use crate::model::{Command, MasterName, Output, RunId};
use crate::observe::traces::{Holder, LOCK};

use super::joined;
use super::ports::{Pipes, Remote, RemoteError};

const TAKE: Script = Script { name: "lock", text: include_str!("scripts/lock.sh") };

const RELEASE: Script = Script { name: "unlock", text: include_str!("scripts/unlock.sh") };

const CHECK: Script = Script { name: "lock-held", text: include_str!("scripts/lock-held.sh") };

/// How taking the lock ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// On every master.
    All,
    /// Another run holds it; ours was given back everywhere.
    Held { host: MasterName, run: String, by: String },
    /// A master could not be asked; ours was given back everywhere else.
    Failed { host: MasterName, why: String },
}

/// Takes the lock on all of `hosts`, or on none. The first one is taken before all others: of two that want the same
/// masters at the same moment, one gets them all.
pub async fn take(remote: &Arc<dyn Remote>, hosts: &BTreeSet<MasterName>, holder: &Holder, run: &RunId) -> Taken {
    let text = serde_json::to_vec(holder).unwrap_or_default();
    let command = Command::script(TAKE).arg(LOCK).arg(run.as_str()).stdin(text);
    let mut rest = hosts.clone();
    let first: BTreeSet<MasterName> = rest.pop_first().into_iter().collect();
    let mut taken = BTreeSet::new();
    for group in [first, rest] {
        if let Some(problem) = take_each(remote, &group, &command, &mut taken).await {
            let _ = release(remote, &taken, run).await;
            return problem;
        }
    }
    Taken::All
}

/// Side by side; gives the last problem, and adds whom this run may hold now.
async fn take_each(
    remote: &Arc<dyn Remote>,
    hosts: &BTreeSet<MasterName>,
    command: &Command,
    taken: &mut BTreeSet<MasterName>,
) -> Option<Taken> {
    let mut tasks = on_each(remote, hosts, command);
    let mut problem = None;
    while let Some((answer, host)) = tasks.join_next().await.and_then(joined) {
        match answer {
            Ok(output) if output.ok() => {
                taken.insert(host);
            }
            Ok(output) if output.status == 75 => problem = Some(held(host, &output.stdout)),
            Ok(output) => problem = Some(Taken::Failed { host, why: output.complaint() }),
            Err(why) => {
                // It may have been taken all the same; giving back what is not ours is refused there.
                taken.insert(host.clone());
                problem = Some(Taken::Failed { host, why: why.to_string() });
            }
        }
    }
    problem
}

/// Whether `run` holds all of `hosts`, and nobody took them away since; where it does, its lock is renewed.
pub async fn held_by(remote: &Arc<dyn Remote>, hosts: &BTreeSet<MasterName>, run: &RunId) -> Taken {
    let mut tasks = on_each(remote, hosts, &Command::script(CHECK).arg(LOCK).arg(run.as_str()));
    let mut taken = Taken::All;
    while let Some((answer, host)) = tasks.join_next().await.and_then(joined) {
        taken = match answer {
            Ok(output) if output.ok() => continue,
            Ok(output) if output.status == 75 && output.stdout.trim().is_empty() => {
                Taken::Failed { host, why: format!("run {run} no longer holds it") }
            }
            // Another holder says more than a master that is dark.
            Ok(output) if output.status == 75 => return held(host, &output.stdout),
            Ok(output) => Taken::Failed { host, why: output.complaint() },
            Err(why) => Taken::Failed { host, why: why.to_string() },
        };
    }
    taken
}

fn on_each(
    remote: &Arc<dyn Remote>,
    hosts: &BTreeSet<MasterName>,
    command: &Command,
) -> JoinSet<(Result<Output, RemoteError>, MasterName)> {
    let mut tasks = JoinSet::new();
    for host in hosts.clone() {
        let (remote, command) = (Arc::clone(remote), command.clone());
        tasks.spawn(async move { (remote.run(&host, &command, Pipes::default()).await, host) });
    }
    tasks
}

/// Gives the lock back wherever `run` holds it; says where that failed.
pub async fn release(remote: &Arc<dyn Remote>, hosts: &BTreeSet<MasterName>, run: &RunId) -> Vec<(MasterName, String)> {
    let command = releasing(run, Some(Duration::ZERO), None);
    let mut tasks = on_each(remote, hosts, &command);
    let mut failed = Vec::new();
    while let Some((answer, host)) = tasks.join_next().await.and_then(joined) {
        failed.extend(NotReleased::of(answer).map(|kept| (host, kept.to_string())));
    }
    failed.sort();
    failed
}

/// When a lock was last renewed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Renewal {
    /// So many seconds ago; negative where the clock was set back since.
    pub age: i64,
    /// At this time of the master's clock, in seconds.
    pub at: i64,
}

/// Why a lock stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotReleased {
    /// Its run may live.
    #[error("its lock was renewed {} s ago", .0.age)]
    Renewed(Renewal),
    /// Another run holds it.
    #[error("held by {0}")]
    Other(String),
    /// It could not be asked.
    #[error("{0}")]
    Failed(String),
}

impl NotReleased {
    fn of(answer: Result<Output, RemoteError>) -> Option<Self> {
        let output = match answer {
            Ok(output) => output,
            Err(why) => return Some(Self::Failed(why.to_string())),
        };
        let renewed = || {
            let (age, at) = output.stdout.trim().split_once(' ')?;
            Some(Self::Renewed(Renewal { age: age.parse().ok()?, at: at.parse().ok()? }))
        };
        match output.status {
            0 => None,
            75 => Some(Self::Other(holder_words(&output.stdout))),
            76 => Some(renewed().unwrap_or_else(|| Self::Failed(output.complaint()))),
            _ => Some(Self::Failed(output.complaint())),
        }
    }
}

/// Without an age it only tells when the lock was renewed.
fn releasing(run: &RunId, unrenewed: Option<Duration>, seen: Option<i64>) -> Command {
    let command = Command::script(RELEASE).arg(LOCK).arg(run.as_str()).arg(crate::step::run_dir(run));
    let unrenewed = unrenewed.map_or_else(|| "never".to_owned(), |age| age.as_secs().to_string());
    command.arg(unrenewed).arg(seen.map(|at| at.to_string()).unwrap_or_default())
}

/// Gives one master's lock back, and says whether there was one, where it was not renewed for `unrenewed`, or not since it was `seen` to be renewed.
///
/// # Errors
/// Why it stays.
pub async fn release_unrenewed(
    remote: &Arc<dyn Remote>,
    host: &MasterName,
    run: &RunId,
    unrenewed: Duration,
    seen: Option<i64>,
) -> Result<bool, NotReleased> {
    let answer = remote.run(host, &releasing(run, Some(unrenewed), seen), Pipes::default()).await;
    let was_held = answer.as_ref().is_ok_and(|output| output.stdout.trim() == "released");
    NotReleased::of(answer).map_or(Ok(was_held), Err)
}

/// When `run` last renewed its lock on a master; nothing where nobody holds the master. Releases nothing.
///
/// # Errors
/// Where another run holds it, or it could not be asked.
pub async fn last_renewed(
    remote: &Arc<dyn Remote>,
    host: &MasterName,
    run: &RunId,
) -> Result<Option<Renewal>, NotReleased> {
    match NotReleased::of(remote.run(host, &releasing(run, None, None), Pipes::default()).await) {
        None => Ok(None),
        Some(NotReleased::Renewed(renewal)) => Ok(Some(renewal)),
        Some(why) => Err(why),
    }
}

fn held(host: MasterName, json: &str) -> Taken {
    let run =
        serde_json::from_str::<Holder>(json.trim()).map_or_else(|_| "RUN".to_owned(), |holder| clean(&holder.run));
    Taken::Held { host, run, by: holder_words(json) }
}

/// Who holds it, in words.
#[must_use]
pub fn holder_words(json: &str) -> String {
    match serde_json::from_str::<Holder>(json.trim()) {
        Ok(holder) => holder.words(),
        Err(_) => "another run".to_owned(),
    }
}
