//! Releases the lock that a stopped run left: only if the run is known or seen to have ended. Touches no disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::model::{MasterName, RunId};

use super::hold::LIVES;
use super::joined;
use super::lock::{NotReleased, Renewal, last_renewed, release_unrenewed};
use super::ports::{Console, Event, Remote};

/// Between two looks at locks of which one was renewed lately.
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
    /// The run lives: it renewed its lock while it was watched.
    Lives {
        /// On this master.
        host: MasterName,
        /// Who had been released before that was seen.
        released: BTreeSet<MasterName>,
    },
}

/// What a master says of the run's lock; nothing where nobody holds it.
type Seen = Result<Option<Renewal>, NotReleased>;

/// Lets go of the lock of `run`. A run that `has_ended` for certain is not waited for. Of any other no lock is touched
/// before none that can be seen was renewed for [`LIVES`]: the run may have lost its way to one master, and work on the
/// others.
pub async fn unlock(
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
    hosts: &BTreeSet<MasterName>,
    run: &RunId,
    has_ended: bool,
) -> Unlocking {
    let (unrenewed, seen) = if has_ended {
        (Duration::ZERO, hosts.iter().map(|host| (host.clone(), Ok(None))).collect())
    } else {
        match watch(remote, console, hosts, run).await {
            Ok(seen) => (LIVES, seen),
            Err(host) => return Unlocking::Lives { host, released: BTreeSet::new() },
        }
    };
    let mut tasks = JoinSet::new();
    let (mut released, mut kept, mut lives) = (BTreeSet::new(), Vec::new(), None);
    for (host, seen) in seen {
        let (remote, run) = (Arc::clone(remote), run.clone());
        let at = match seen {
            Ok(renewal) => renewal.map(|renewal| renewal.at),
            Err(why) => {
                kept.push((host, why));
                continue;
            }
        };
        tasks.spawn(async move { (release_unrenewed(&remote, &host, &run, unrenewed, at).await, host) });
    }
    while let Some((end, host)) = tasks.join_next().await.and_then(joined) {
        match end {
            Ok(true) => {
                released.insert(host);
            }
            Ok(false) => {}
            Err(NotReleased::Renewed(_)) => lives = Some(host),
            Err(why) => kept.push((host, why)),
        }
    }
    kept.sort();
    match lives {
        Some(host) => Unlocking::Lives { host, released },
        None => Unlocking::Released { released, kept },
    }
}

/// Watches the locks until none was renewed for [`LIVES`], and releases none.
///
/// # Errors
/// The master on which the run has renewed its lock meanwhile.
async fn watch(
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
    hosts: &BTreeSet<MasterName>,
    run: &RunId,
) -> Result<BTreeMap<MasterName, Seen>, MasterName> {
    let mut seen = ask(remote, hosts, run).await;
    let begun = Instant::now();
    for (host, renewal) in held(&seen).filter(|(_, renewal)| is_young(renewal)) {
        let text = format!(
            "{host}: run {run} renewed its lock {} s ago; watching for up to {} s whether it is still running",
            renewal.age.max(0),
            LIVES.as_secs()
        );
        console.tell(Event::Said { text });
    }
    // Unchanged for as long as it was watched says as much as its age.
    while begun.elapsed() < LIVES && held(&seen).any(|(_, renewal)| is_young(renewal)) {
        sleep(EVERY).await;
        let asked = held(&seen).map(|(host, _)| host.clone()).collect();
        for (host, now) in ask(remote, &asked, run).await {
            let before = seen.get(&host).and_then(|seen| seen.as_ref().ok()?.as_ref());
            match &now {
                Ok(Some(now)) if before.is_some_and(|before| before.at != now.at) => return Err(host),
                // Who cannot be asked now has said nothing new: the run may live, as before.
                Err(NotReleased::Failed(_)) => continue,
                Ok(_) | Err(_) => {}
            }
            seen.insert(host, now);
        }
    }
    Ok(seen)
}

/// A clock that was set back since makes the age useless: it is young then.
fn is_young(renewal: &Renewal) -> bool {
    u64::try_from(renewal.age).ok().is_none_or(|age| age < LIVES.as_secs())
}

fn held(seen: &BTreeMap<MasterName, Seen>) -> impl Iterator<Item = (&MasterName, &Renewal)> {
    seen.iter().filter_map(|(host, seen)| Some((host, seen.as_ref().ok()?.as_ref()?)))
}

/// All of them at once.
async fn ask(remote: &Arc<dyn Remote>, hosts: &BTreeSet<MasterName>, run: &RunId) -> BTreeMap<MasterName, Seen> {
    let mut tasks = JoinSet::new();
    for host in hosts.clone() {
        let (remote, run) = (Arc::clone(remote), run.clone());
        tasks.spawn(async move { (last_renewed(&remote, &host, &run).await, host) });
    }
    let mut seen = BTreeMap::new();
    while let Some((answer, host)) = tasks.join_next().await.and_then(joined) {
        seen.insert(host, answer);
    }
    seen
}

#[cfg(test)]
mod tests;
