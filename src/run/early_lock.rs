//! A look under a lock that is taken before there is a plan: where the person has consented already, and it is likely that
//! there will be one, the masters are locked first. What is seen after that needs no second look. Judges nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::{Cluster, MasterName, RunId};
use crate::observe::members::masters_of;
use crate::observe::proof::BESIDE;
use crate::observe::traces::Holder;
use crate::observe::{KnownBefore, Members, Observation, read};

use tokio::sync::watch;
use tokio::time::Instant;

use super::hold::Holding;
use super::lock::{self, Taken};
use super::logs;
use super::look::Looking;
use super::ports::{Console, Event, Remote};
use super::prove::{self, Attested, Looked};
use super::still_tried::StillTried;

/// What is held for a run that has no plan yet. Nothing at first.
#[derive(Default)]
pub struct EarlyLock(Mutex<Option<Locked>>);

struct Locked {
    remote: Arc<dyn Remote>,
    hosts: BTreeSet<MasterName>,
    run: RunId,
    /// Whether all are taken; nothing while they are being taken.
    taken: watch::Receiver<Option<bool>>,
    _holding: Holding,
}

impl EarlyLock {
    /// The masters that are held.
    #[must_use]
    pub fn hosts(&self) -> BTreeSet<MasterName> {
        self.get().as_ref().map(|locked| locked.hosts.clone()).unwrap_or_default()
    }

    /// From here on somebody else renews and releases it.
    pub fn hand_over(&self) {
        self.get().take();
    }

    /// Gives back what is held; whether that was anything, and where it failed.
    pub async fn release(&self) -> Option<Vec<(MasterName, String)>> {
        let Locked { remote, hosts, run, mut taken, .. } = self.get().take()?;
        // A lock that is being taken is there a moment later: then nobody would give it back.
        let _ = taken.wait_for(Option::is_some).await;
        Some(lock::release(&remote, &hosts, &run).await)
    }

    fn get(&self) -> std::sync::MutexGuard<'_, Option<Locked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, or none. While they are being taken they count as held: whoever is interrupted gives them back.
    async fn take(&self, hosts: BTreeSet<MasterName>, holder: &Holder, remote: &Arc<dyn Remote>) -> bool {
        let Ok(run) = RunId::new(&holder.run) else { return false };
        let holding = Holding::begin(remote, &hosts, &run);
        let (tell, mut taken) = watch::channel(None);
        let (on, all, by, of) = (Arc::clone(remote), hosts.clone(), holder.clone(), run.clone());
        // It goes on where nobody waits for it any more.
        tokio::spawn(async move {
            let all_taken = lock::take(&on, &all, &by, &of).await == Taken::All;
            let _ = tell.send(Some(all_taken));
        });
        let locked = Locked { remote: Arc::clone(remote), hosts, run, taken: taken.clone(), _holding: holding };
        *self.get() = Some(locked);
        let all_taken = taken.wait_for(Option::is_some).await.is_ok_and(|taken| *taken == Some(true));
        if !all_taken {
            self.hand_over();
        }
        all_taken
    }
}

/// Goes on with the look of an `initiate-dr` to which the person has consented. `begins` is told before anything is locked.
pub async fn look(
    mut looking: Looking,
    early: &EarlyLock,
    (holder, begins): (&Holder, &(dyn Fn() + Sync)),
    (cluster, attested): (&Cluster, Attested<'_>),
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
) -> Looked {
    let proving = prove::beside(&mut looking, cluster, attested, remote, console).await;
    let hosts = may_lock(cluster, looking.so_far(), attested);
    if hosts.is_empty() {
        return prove::rest(looking, proving, cluster, attested, remote).await;
    }
    begins();
    if !early.take(hosts, holder, remote).await {
        return prove::rest(looking, proving, cluster, attested, remote).await;
    }
    let known = looking.so_far().known_before.clone();
    let tried_before = looking.tried_on();
    let again = anew(read::SHORT_TIMEOUT, known, cluster, remote, console);
    let (seen, tried_now) = again.finish_but_for(&prove::said_off(cluster, attested)).await;
    let mut seen = seen.without_locks(|lock| lock.run == holder.run);
    logs::read(cluster, &mut seen, remote).await;
    let tried = StillTried::of_both(tried_before, tried_now);
    Looked { seen, proving, tried }
}

/// The same for a `recover`, where every master has said who it is and one of them votes for nobody who serves.
pub async fn look_at_returned(
    mut looking: Looking,
    early: &EarlyLock,
    (holder, begins): (&Holder, &(dyn Fn() + Sync)),
    cluster: &Cluster,
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
) -> Observation {
    let known = looking.until_known(&BTreeSet::new(), Instant::now() + BESIDE).await;
    let hosts = if known { came_back(cluster, looking.so_far()) } else { BTreeSet::new() };
    if hosts.is_empty() {
        return looking.finish().await;
    }
    begins();
    if !early.take(hosts, holder, remote).await {
        return looking.finish().await;
    }
    let known = looking.so_far().known_before.clone();
    let seen = anew(read::TIMEOUT, known, cluster, remote, console).finish().await;
    seen.without_locks(|lock| lock.run == holder.run)
}

/// What is asked under the lock.
fn anew(
    limit: Duration,
    known: KnownBefore,
    cluster: &Cluster,
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
) -> Looking {
    console.tell(Event::Said { text: "the masters are locked; what the plan is made from is asked now".to_owned() });
    Looking::reading_for(limit, cluster, remote).knowing(known)
}

/// Who answers, where somebody's member list has a master that answers and no vote, and nobody is held.
fn came_back(cluster: &Cluster, seen: &Observation) -> BTreeSet<MasterName> {
    let without_a_vote = |list: &Members| {
        let of_entry = masters_of(cluster, seen, list);
        let voters: BTreeSet<&MasterName> =
            list.list.iter().filter(|member| member.votes()).filter_map(|member| of_entry.get(&member.id)).collect();
        seen.answering().any(|(name, _)| !voters.contains(name))
    };
    let mut lists = seen.answering().filter_map(|(_, seen)| seen.members.as_ref().ok());
    if seen.locks().next().is_some() || !lists.any(without_a_vote) {
        return BTreeSet::new();
    }
    seen.answering().map(|(name, _)| name.clone()).collect()
}

/// Who answers, where counting may tell and nobody is held.
fn may_lock(cluster: &Cluster, seen: &Observation, attested: Attested<'_>) -> BTreeSet<MasterName> {
    let held = seen.locks().next().is_some();
    if held || !prove::may_be_counted(cluster, seen, attested) {
        return BTreeSet::new();
    }
    seen.answering().map(|(name, _)| name.clone()).collect()
}
