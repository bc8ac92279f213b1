//! Which stopped run a snapshot comes from, by the journals that are kept. Knows neither the disk nor the snapshot's file.

use crate::model::ClusterName;
use crate::plan::existing_snapshot::SnapshotOrigin;
use crate::step::Fact;

use super::{Records, RunEvent, read};

/// The run that took the snapshot with this hash of this cluster, where this is its journal and the run never came to
/// an acknowledged write. Of a run that did, the snapshot is history: everything written since would be lost.
fn took(text: &str, sha256: &str, cluster: &ClusterName) -> Option<SnapshotOrigin> {
    let Records::Run(records) = read(text).ok()? else { return None };
    let RunEvent::Run { plan, .. } = &records.first()?.what else { return None };
    let learnt = |wanted: &dyn Fn(&Fact) -> bool| {
        records.iter().any(|record| matches!(&record.what, RunEvent::Learnt(fact) if wanted(fact)))
    };
    let (at, revision) = records.iter().find_map(|record| match &record.what {
        RunEvent::Learnt(Fact::Snapshot(snapshot)) if snapshot.sha256 == sha256 => Some((record.at, snapshot.revision)),
        _ => None,
    })?;
    let served = learnt(&|fact| matches!(fact, Fact::FirstWrite(_)));
    (plan.cluster == *cluster && !served).then(|| SnapshotOrigin::of(plan, at, revision))
}

/// Where the snapshot with this hash of this cluster comes from, by these journals; the earliest first.
#[must_use]
pub fn origins(journals: &[String], sha256: &str, cluster: &ClusterName) -> Vec<SnapshotOrigin> {
    let mut origins: Vec<SnapshotOrigin> = journals.iter().filter_map(|text| took(text, sha256, cluster)).collect();
    origins.sort_by_key(|origin| origin.at);
    origins
}
