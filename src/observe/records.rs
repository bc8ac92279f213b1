//! Which of several clusters is the one to trust: decided by which cluster was made from which, never by a clock. Knows
//! nothing about members and data.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ClusterId, MasterName};

use super::{ClusterRecord, Observation};

/// The record that says which cluster is the one to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Newest<'a> {
    /// No run has recorded a cluster.
    Unrecorded,
    /// Every other record is of a cluster that this one's was made from.
    Known(&'a ClusterRecord),
    /// Records that contradict each other, and how.
    Unclear(String),
}

impl<'a> Newest<'a> {
    /// The record, where it is known.
    #[must_use]
    pub const fn known(&self) -> Option<&'a ClusterRecord> {
        match self {
            Self::Known(record) => Some(record),
            Self::Unrecorded | Self::Unclear(_) => None,
        }
    }
}

/// Every record that was seen: on the masters that answer, and of this bastion's own finished runs.
pub fn records(observation: &Observation) -> impl Iterator<Item = &ClusterRecord> {
    let on_masters = observation.answering().filter_map(|(_, seen)| seen.traces.as_ref().ok()?.record.as_ref());
    on_masters.chain(&observation.known_before.records)
}

/// The record of the newest run that finished. One that did not finish counts while its cluster alone serves; beside
/// another nobody can tell which of them holds what was acknowledged.
#[must_use]
pub fn newest<'a>(observation: &'a Observation, serving: &BTreeMap<ClusterId, BTreeSet<MasterName>>) -> Newest<'a> {
    let finished = |id: ClusterId| records(observation).any(|record| record.finished && record.cluster == id);
    let unfinished =
        records(observation).find(|record| serving.contains_key(&record.cluster) && !finished(record.cluster));
    if let Some(record) = unfinished.filter(|_| serving.len() > 1) {
        return Newest::Unclear(format!(
            "run {} created cluster {} and never saw it acknowledge a write, and another cluster serves too",
            record.run, record.cluster
        ));
    }
    let counts = |record: &&ClusterRecord| record.finished || serving.contains_key(&record.cluster);
    // One record a cluster: who wrote it last knows the most of it.
    let mut by_cluster: BTreeMap<ClusterId, &ClusterRecord> = BTreeMap::new();
    for record in records(observation).filter(counts) {
        let best = by_cluster.entry(record.cluster).or_insert(record);
        if (record.finished, record.version, &record.written_by) > (best.finished, best.version, &best.written_by) {
            *best = record;
        }
    }
    let replaced = |record: &ClusterRecord| by_cluster.values().any(|other| replaces(other, record));
    let last: Vec<&ClusterRecord> = by_cluster.values().copied().filter(|record| !replaced(record)).collect();
    match last[..] {
        [] => Newest::Unrecorded,
        [one] => Newest::Known(one),
        _ => {
            let each = |record: &&ClusterRecord| {
                format!("cluster {} by run {}, at revision {}", record.cluster, record.run, record.fork_revision)
            };
            let each: Vec<String> = last.iter().map(each).collect();
            Newest::Unclear(format!(
                "the records name unrelated clusters ({}): they do not show which one has the acknowledged writes",
                each.join("; ")
            ))
        }
    }
}

/// Whether a record's cluster came after another's: it was made from it, directly or through others. Records of the
/// format without ancestors have nothing but their run's time to tell them apart, and all come before those that have.
pub(crate) fn replaces(newer: &ClusterRecord, older: &ClusterRecord) -> bool {
    if newer.cluster == older.cluster || older.ancestors.contains(&newer.cluster) {
        return false;
    }
    if newer.ancestors.contains(&older.cluster) {
        return true;
    }
    match (newer.has_line(), older.has_line()) {
        // Run IDs begin with the time.
        (false, false) => newer.run > older.run,
        (newer, older) => newer && !older,
    }
}

/// Whether some record says that this cluster was made from that record's.
#[must_use]
pub fn is_made_from(observation: &Observation, id: ClusterId, record: &ClusterRecord) -> bool {
    records(observation).any(|own| own.cluster == id && replaces(own, record))
}

/// The record of the run that left this cluster, on the line that leads to `newest`, where it says at which revision.
#[must_use]
pub fn left_by<'a>(
    observation: &'a Observation,
    newest: &'a ClusterRecord,
    left: ClusterId,
) -> Option<&'a ClusterRecord> {
    let on_line =
        |record: &ClusterRecord| record.cluster == newest.cluster || newest.ancestors.contains(&record.cluster);
    let made_from = |record: &ClusterRecord| record.ancestors.first() == Some(&left) && record.fork_revision > 0;
    std::iter::once(newest).chain(records(observation)).find(|record| on_line(record) && made_from(record))
}

/// Where a new cluster stands: what it is made from, the nearest first, and how many were made before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The cluster left, the one which that had left, and so on.
    pub ancestors: Vec<ClusterId>,
    /// One more than its parent's.
    pub generation: u64,
}

impl Lineage {
    /// Puts every recorded cluster but `own` behind those that are on the line.
    pub fn overtakes(&mut self, own: ClusterId, observation: &Observation) {
        for record in records(observation) {
            let all = std::iter::once(record.cluster).chain(record.ancestors.iter().copied());
            for id in all.filter(|id| *id != own) {
                if !self.ancestors.contains(&id) {
                    self.ancestors.push(id);
                }
            }
            self.generation = self.generation.max(record.generation.saturating_add(1));
        }
    }
}

/// The line of a cluster that is made from `left`, as far as the records tell.
#[must_use]
pub fn lineage_after(left: Option<ClusterId>, observation: &Observation) -> Lineage {
    let Some(left) = left else { return Lineage { ancestors: Vec::new(), generation: 1 } };
    let own = records(observation).filter(|record| record.cluster == left).max_by_key(|record| record.generation);
    if let Some(record) = own {
        let ancestors = std::iter::once(left).chain(record.ancestors.iter().copied()).collect();
        return Lineage { ancestors, generation: record.generation.saturating_add(1) };
    }
    // It has no record of its own left, and was passed through by another.
    let through = records(observation).find_map(|record| {
        let at = record.ancestors.iter().position(|id| *id == left)?;
        Some(Lineage {
            ancestors: record.ancestors[at..].to_vec(),
            generation: record.generation.saturating_sub(at as u64),
        })
    });
    through.unwrap_or(Lineage { ancestors: vec![left], generation: 1 })
}

#[cfg(test)]
mod tests;
