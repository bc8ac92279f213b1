//! A drill holds every master from its first act to its last, so that no other run and no second drill can come between
//! its parts.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::MasterName;
use crate::observe::Observation;
use crate::run::hold::{Holding, UnderLock};
use crate::run::journal::DrillEvent;
use crate::run::lock::Taken;
use crate::run::ports::Remote;
use crate::run::session::NotBegun;
use crate::run::{lock, look};

use super::{Drill, Failure, recovery};

impl Drill<'_> {
    /// Takes the lock on every master, or ends the drill before anything was done. It is renewed until what is given back
    /// here is dropped.
    pub(super) async fn lock(&self) -> Result<Holding, Failure> {
        let holder = self.site.operator.holder(&self.run, self.site.clock.now());
        let taken = lock::take(&self.remote, &self.hosts(), &holder, &self.run).await;
        let Some(failure) = NotBegun::of(taken) else {
            let Err(failure) = self.write(DrillEvent::Locked) else {
                return Ok(Holding::begin(&self.remote, &self.hosts(), &self.run));
            };
            return Err(self.release().await.into_iter().fold(failure, Failure::note));
        };
        self.write(DrillEvent::End { outcome: failure.to_string(), exit: failure.code() })?;
        Err(recovery::not_begun(&failure, &self.inputs.again()))
    }

    /// For what the drill itself does on masters: begun only while it holds them.
    pub(super) fn held(&self) -> Arc<dyn Remote> {
        UnderLock::over(&self.remote, &self.run)
    }

    /// Lets go of every master; says where that failed. Whatever became of the drill, its end says what state things are
    /// in, and the next command must be able to go on.
    pub(super) async fn unlock(&self) -> Vec<String> {
        let mut left = self.release().await;
        if left.is_empty() {
            left.extend(self.write(DrillEvent::Unlocked).err().map(|failure| failure.to_string()));
        }
        left
    }

    async fn release(&self) -> Vec<String> {
        let failed = lock::release(&self.remote, &self.hosts(), &self.run).await;
        let stays = |(host, why): &(MasterName, String)| {
            format!("{host} stays locked: {why}; once it answers: {} unlock {}", self.inputs.again(), self.run)
        };
        // What another run holds by now is not ours to give back.
        let others = |name: &MasterName| {
            self.seen.seen(name).is_some_and(|seen| seen.traces.as_ref().is_ok_and(|traces| traces.lock.is_some()))
        };
        failed.iter().filter(|(host, _)| !others(host)).map(stays).collect()
    }

    /// Who else holds a master now: somebody let go of this drill's lock and took their own.
    pub(super) async fn held_by_another(&self) -> Option<String> {
        match lock::held_by(&self.remote, &self.hosts(), &self.run).await {
            Taken::Held { host, by, .. } => Some(format!("{host} is held by {by}")),
            Taken::All | Taken::Failed { .. } => None,
        }
    }

    /// The cluster as it is but for the drill's own lock.
    pub(super) async fn look(&self) -> Observation {
        look::look(&self.cluster, &self.remote).await.without_locks(|lock| lock.run == self.run.as_str())
    }

    fn hosts(&self) -> BTreeSet<MasterName> {
        self.cluster.masters().map(|master| master.name.clone()).collect()
    }
}
