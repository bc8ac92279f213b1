//! The steps by which a master joins the cluster that serves. Does not know who joins, nor when.

use crate::observe::members::known_urls;
use crate::plan::NoPlan;
use crate::plan::draft::Participant;
use crate::step::{drop_learner, join, promote, restart_learner};

use super::{Builder, Steps};

impl<'a> Builder<'a> {
    /// The entries that interrupted joins left behind: learners of masters of the inventory. One alone would keep
    /// every other joiner out, so all go before the first join.
    pub(super) fn stale_learners(&self) -> Result<Vec<Steps>, NoPlan> {
        let seed = self.draft.seed;
        let mut all = Vec::new();
        if self.draft.members.len() > self.draft.survivors.len() {
            return Ok(all);
        }
        for master in self.draft.input.cluster.masters() {
            let urls: Vec<String> =
                known_urls(master, self.draft.input.cluster, self.draft.input.seen).into_iter().collect();
            let entry = seed.seen.members.as_ref().ok().and_then(|members| members.by_peer_url(&urls));
            let Some(entry) = entry.filter(|entry| !entry.votes()) else { continue };
            let step = drop_learner::DropLearner {
                joiner: master.name.clone(),
                id: entry.id,
                etcdctl: seed.etcdctl()?,
                access: seed.client()?,
                limit: self.draft.serve_limit(),
            };
            all.push(vec![(seed.name().clone(), step.into())]);
        }
        Ok(all)
    }

    pub(super) fn join(&self, participant: Participant<'a>) -> Result<Steps, NoPlan> {
        let seed = self.draft.seed;
        let member = participant.member()?;
        let expected = self.draft.peers(Some(&member)).into_iter().map(|peer| peer.peer_url).collect();
        let step = join::Join {
            joiner: participant.name().clone(),
            name: member.name,
            peer_urls: member.peer_urls,
            expected,
            etcdctl: seed.etcdctl()?,
            access: seed.client()?,
            limit: self.draft.serve_limit(),
        };
        Ok(vec![(seed.name().clone(), step.into())])
    }

    pub(super) fn restart_learner(
        &self,
        participant: Participant<'a>,
    ) -> Result<restart_learner::RestartLearner, NoPlan> {
        Ok(restart_learner::RestartLearner {
            supervisor: participant.master.etcd.supervisor(),
            peer_urls: participant.settings()?.peer_urls(),
            peer: participant.peer()?,
            etcdctl: participant.etcdctl()?,
            client: participant.client()?,
            limit: self.draft.serve_limit() * 2,
            joiner: Some(participant.name().clone()),
            data_dir: Some(participant.data_dir().clone()),
            wal_dir: participant.wal_dir()?,
        })
    }

    pub(super) fn promote(&self, participant: Participant<'a>) -> Result<promote::Promote, NoPlan> {
        let seed = self.draft.seed;
        Ok(promote::Promote {
            joiner: participant.name().clone(),
            etcdctl: seed.etcdctl()?,
            access: seed.client()?,
            limit: self.draft.serve_limit() * 2,
            data_dir: Some(participant.data_dir().clone()),
            wal_dir: participant.wal_dir()?,
        })
    }
}
