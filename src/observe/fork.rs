//! What a master of the old cluster has beyond the fork: revisions that the new cluster, which was made from it, lacks.
//! Does not know what is in these revisions.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{ClusterId, MasterName};
use crate::observe::Code;

use super::records::{left_by, newest, records};
use super::traces::LastRevision;
use super::{ClusterRecord, Finding, Observation, Seen, Severity};

/// How far a restore raises the revision where its tool can, so that it is beyond any that clients have seen (etcd's
/// recovery guide names 1,000,000,000); with the old ones marked compacted, watches end instead of silently missing changes.
pub const BUMP: u64 = 1_000_000_000;

/// The latest revision that any of these masters says.
pub(super) fn revision(observation: &Observation, masters: &BTreeSet<MasterName>) -> Option<u64> {
    let said = masters.iter().filter_map(|name| observation.seen(name)?.status.as_ref().ok());
    said.map(|status| status.revision).max()
}

/// How many revisions each of two serving clusters took since the newer one was made from the other: only where a record
/// says at which revision that was, and where the cluster's own is known. A restored cluster begins where its snapshot
/// ended, or `BUMP` beyond it.
#[must_use]
pub fn taken_since(
    observation: &Observation,
    serving: &BTreeMap<ClusterId, BTreeSet<MasterName>>,
) -> BTreeMap<ClusterId, u64> {
    let revision = |id: &ClusterId| revision(observation, serving.get(id)?);
    let mut taken = BTreeMap::new();
    for record in records(observation).filter(|record| record.fork_revision > 0) {
        let Some(parent) = record.ancestors.first() else { continue };
        let (Some(own), Some(left)) = (revision(&record.cluster), revision(parent)) else { continue };
        let Some(own) = own.checked_sub(record.fork_revision) else { continue };
        let Some(left) = left.checked_sub(record.fork_revision) else { continue };
        taken.insert(record.cluster, own.checked_sub(BUMP).unwrap_or(own));
        taken.insert(*parent, left);
    }
    taken
}

/// The newest cluster, and the revision at which each cluster was left that it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forks {
    pub newest: ClusterId,
    pub left: Vec<(ClusterId, u64)>,
}

/// When a member said its revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Now,
    /// Before it was fenced.
    Then,
}

impl Forks {
    /// As the records tell it; nothing where no record says which cluster is the newest.
    #[must_use]
    pub fn of(observation: &Observation, serving: &BTreeMap<ClusterId, BTreeSet<MasterName>>) -> Option<Self> {
        let newest = newest(observation, serving);
        let record = newest.known()?;
        let left = record.ancestors.iter();
        let left = left.filter_map(|left| Some((*left, left_by(observation, record, *left)?.fork_revision)));
        Some(Self { newest: record.cluster, left: left.collect() })
    }

    /// What a member has that the newest cluster lacks; nothing where it has nothing of its own, or where it is not known
    /// at which revision its cluster was left.
    #[must_use]
    pub fn lacking(&self, said: &LastRevision, when: When) -> Option<String> {
        let (_, fork) = self.left.iter().find(|(cluster, _)| *cluster == said.cluster)?;
        let beyond = said.revision.checked_sub(*fork).filter(|beyond| *beyond > 0)?;
        let revisions = if beyond == 1 { "revision" } else { "revisions" };
        let (has, then) = if when == When::Now { ("has", "") } else { ("had", " when it was fenced") };
        Some(format!(
            "its etcd {has} {beyond} {revisions} that cluster {} lacks{then} (they split at revision {fork}); recover keeps them with the old data",
            self.newest
        ))
    }
}

/// The masters whose etcd is at a later revision of the cluster that was left than the one at which it was left.
pub(super) fn findings(observation: &Observation, serving: &BTreeMap<ClusterId, BTreeSet<MasterName>>) -> Vec<Finding> {
    let Some(forks) = Forks::of(observation, serving) else { return Vec::new() };
    observation.answering().filter_map(|(name, seen)| beyond(&forks, name, seen)).collect()
}

fn beyond(forks: &Forks, name: &MasterName, seen: &Seen) -> Option<Finding> {
    let now = seen.status.as_ref().map(|status| LastRevision { cluster: status.cluster, revision: status.revision });
    let then = seen.traces.as_ref().ok().and_then(|traces| traces.last_revision.as_ref());
    let text = match (&now, then) {
        (Ok(now), _) => forks.lacking(now, When::Now),
        (Err(_), then) => forks.lacking(then?, When::Then),
    };
    Some(Finding { code: Code::BeyondTheFork, severity: Severity::Warning, master: Some(name.clone()), text: text? })
}

/// What is to be known of a master that comes back and whose etcd does not say its revision; `kept` is where its old data
/// goes. Nothing where it is known to have none of its own.
#[must_use]
pub fn untold(
    observation: &Observation,
    record: &ClusterRecord,
    name: &MasterName,
    seen: &Seen,
    kept: &str,
) -> Option<Finding> {
    let traces = seen.traces.as_ref().ok();
    let of = traces.and_then(|traces| traces.record.as_ref()).map(|own| own.cluster);
    let emptied = traces.is_some_and(|traces| traces.half_made().is_some());
    let said = traces.and_then(|traces| traces.last_revision.as_ref());
    let told = said.is_some_and(|said| left_by(observation, record, said.cluster).is_some());
    if seen.status.is_ok() || told || emptied || seen.has_no_data() || of == Some(record.cluster) {
        return None;
    }
    let left = of.or_else(|| record.ancestors.first().copied())?;
    let fork = left_by(observation, record, left)?;
    let text = format!(
        "its etcd did not report its revision, so it is not known whether it has revisions that cluster {} lacks (they split at revision {}); its old data is kept: after the run, `etcdutl snapshot status {kept}/member/snap/db` there shows its revision",
        record.cluster, fork.fork_revision
    );
    Some(Finding { code: Code::BeyondUntold, severity: Severity::Note, master: Some(name.clone()), text })
}
