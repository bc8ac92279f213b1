//! Releases the lock that a stopped run left: only if the run is known or seen to have ended. Touches no disk.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::model::{MasterName, RunId};

use super::hold::LIVES;
use super::joined;
use super::lock::{NotReleased, release_unrenewed};
use super::ports::{Console, Event, Remote};

/// Between two looks at a lock that was renewed lately.
const EVERY: Duration = Duration::from_secs(5);

/// What became of the locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unlocking {
    /// The run holds no master any more, but for some.
    Released {
        /// Where it held the lock.
        released: BTreeSet<MasterName>,
        /// Those that could not be asked or are held by another run.
        kept: Vec<(MasterName, NotReleased)>,
    },
    /// The run lives: it renewed its lock on this master while it was watched.
    Lives(MasterName),
}

/// Lets go of the lock of `run`. A run that `has_ended` for certain is not waited for; of any other no master's lock may
/// have been renewed for [`LIVES`].
pub async fn unlock(
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
    hosts: &BTreeSet<MasterName>,
    run: &RunId,
    has_ended: bool,
) -> Unlocking {
    let mut tasks = JoinSet::new();
    for host in hosts.clone() {
        let (remote, console, run) = (Arc::clone(remote), Arc::clone(console), run.clone());
        tasks.spawn(async move { (on_one(&remote, &console, &host, &run, has_ended).await, host) });
    }
    let (mut released, mut kept) = (BTreeSet::new(), Vec::new());
    while let Some((end, host)) = tasks.join_next().await.and_then(joined) {
        match end {
            Ok(true) => {
                released.insert(host);
            }
            Ok(false) => {}
            Err(NotReleased::Renewed { .. }) => return Unlocking::Lives(host),
            Err(why) => kept.push((host, why)),
        }
    }
    kept.sort();
    Unlocking::Released { released, kept }
}

/// Whether it was held; [`NotReleased::Renewed`] only where it was renewed while it was watched.
async fn on_one(
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
    host: &MasterName,
    run: &RunId,
    has_ended: bool,
) -> Result<bool, NotReleased> {
    let unrenewed = if has_ended { Duration::ZERO } else { LIVES };
    let begun = Instant::now();
    let mut first = None;
    loop {
        // Unchanged for as long as it was watched says as much as its age.
        let seen = first.filter(|_| begun.elapsed() >= LIVES);
        let kept = match release_unrenewed(remote, host, run, unrenewed, seen).await {
            Err(NotReleased::Renewed { age, at }) if first.is_none_or(|first| first == at) => (age, at),
            end => return end,
        };
        if first.replace(kept.1).is_none() {
            let text = format!(
                "{host}: run {run} renewed its lock {} s ago; watching for up to {} s whether it is still running",
                kept.0.max(0),
                LIVES.as_secs()
            );
            console.tell(Event::Said { text });
        }
        sleep(EVERY).await;
    }
}
