//! What all masters said at about one time: whose answers they are, and nothing of what they mean.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Contact, Holder, KnownBefore, Seen, proof};
use crate::model::{Cluster, MasterName, ZoneName};

/// What all masters said at about one time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub masters: BTreeMap<MasterName, Contact>,
    /// Whether quorum was proved lost; absent while nobody tried.
    pub proof: Option<proof::Outcome>,
    /// What this bastion knows from before.
    #[serde(default, rename = "kept", skip_serializing_if = "KnownBefore::is_empty")]
    pub known_before: KnownBefore,
}

impl Observation {
    /// What a master said, where it answered.
    #[must_use]
    pub fn seen(&self, master: &MasterName) -> Option<&Seen> {
        self.masters.get(master).and_then(Contact::seen)
    }

    /// The cluster, with the containers in which units were found to start etcd.
    #[must_use]
    pub fn as_found(&self, cluster: &Cluster) -> Cluster {
        let mut cluster = cluster.clone();
        for master in cluster.zones.values_mut().flat_map(|zone| zone.masters.values_mut()) {
            if let Some(seen) = self.seen(&master.name) {
                *master = seen.as_found(master);
            }
        }
        cluster
    }

    /// Takes a proof's outcome and the last thing each witness said: what it had applied then must still be the last.
    pub fn take_proof(&mut self, outcome: proof::Outcome, samples: BTreeMap<MasterName, proof::Sample>) {
        self.proof = Some(outcome);
        for (name, sample) in samples {
            if let (Some(Contact::Answers(seen)), Ok(status)) = (self.masters.get_mut(&name), sample.status) {
                seen.status = Ok(status);
            }
        }
    }

    /// How a survivor stood at the end of a proof by counting.
    #[must_use]
    pub fn stand(&self, master: &MasterName) -> Option<&proof::count::Stand> {
        match &self.proof {
            Some(proof::Outcome::Counted { stands, .. }) => stands.get(master),
            _ => None,
        }
    }

    /// Whether any master of a zone answered.
    #[must_use]
    pub fn zone_answers(&self, cluster: &Cluster, zone: &ZoneName) -> bool {
        cluster.zones.get(zone).is_some_and(|zone| zone.masters.keys().any(|name| self.seen(name).is_some()))
    }

    /// The same without the locks that `are_known`: a lock of one's own, for example, is nothing to find.
    #[must_use]
    pub fn without_locks(mut self, are_known: impl Fn(&Holder) -> bool) -> Self {
        for contact in self.masters.values_mut() {
            if let Contact::Answers(seen) = contact
                && let Ok(traces) = &mut seen.traces
            {
                traces.lock.take_if(|lock| are_known(lock));
            }
        }
        self
    }

    /// Every lock that was seen: where, whose, and for how many seconds it was not renewed.
    pub fn locks(&self) -> impl Iterator<Item = (&MasterName, &Holder, Option<u64>)> {
        self.answering().filter_map(|(name, seen)| {
            let traces = seen.traces.as_ref().ok()?;
            Some((name, traces.lock.as_ref()?, traces.unrenewed_s))
        })
    }

    /// The directories with data that runs have moved aside, by master.
    #[must_use]
    pub fn old_data(&self) -> BTreeMap<MasterName, BTreeSet<String>> {
        let kept = self.answering().filter_map(|(name, seen)| Some((name, &seen.traces.as_ref().ok()?.old_data)));
        kept.filter(|(_, kept)| !kept.is_empty()).map(|(name, kept)| (name.clone(), kept.clone())).collect()
    }

    /// Every master that answered.
    pub fn answering(&self) -> impl Iterator<Item = (&MasterName, &Seen)> {
        self.masters.iter().filter_map(|(name, contact)| contact.seen().map(|seen| (name, seen)))
    }
}
