//! Which cluster is the newest, by what it was made from and never by a clock.

use std::collections::BTreeMap;

use super::*;
use crate::model::{RunId, Token};
use crate::observe::KnownBefore;
use crate::observe::traces::RECORD_VERSION;

fn id(number: u64) -> ClusterId {
    ClusterId(number)
}

/// A record of a run of that year: its cluster, and what that was made from, the nearest first.
fn record(year: u32, cluster: u64, ancestors: &[u64]) -> ClusterRecord {
    let run = RunId::new(format!("{year}0101-000000-000{cluster}")).unwrap();
    ClusterRecord {
        version: RECORD_VERSION,
        run: run.clone(),
        written_by: run,
        cluster: id(cluster),
        token: Token("t".into()),
        fork_revision: 7,
        ancestors: ancestors.iter().copied().map(id).collect(),
        generation: ancestors.len() as u64,
        finished: true,
        cordons: false,
    }
}

/// As version 1 wrote it.
fn old(year: u32, cluster: u64) -> ClusterRecord {
    ClusterRecord { version: 1, generation: 0, ..record(year, cluster, &[]) }
}

fn seen(records: &[ClusterRecord]) -> Observation {
    Observation {
        known_before: KnownBefore { look: None, records: records.to_vec(), ..KnownBefore::default() },
        ..Observation::default()
    }
}

/// The cluster that is the newest in every order of the records; nothing where that is unclear.
fn found(records: &[ClusterRecord]) -> Option<u64> {
    let of = |records: &[ClusterRecord]| newest(&seen(records), &BTreeMap::new()).known().map(|known| known.cluster.0);
    let backwards: Vec<ClusterRecord> = records.iter().rev().cloned().collect();
    assert_eq!(of(records), of(&backwards));
    of(records)
}

#[test]
fn the_line_decides_and_no_clock() {
    assert_eq!(found(&[]), None);
    assert_eq!(found(&[record(2026, 2, &[1])]), Some(2));
    assert_eq!(found(&[record(2026, 2, &[1]), record(2025, 3, &[2, 1])]), Some(3), "made from it, a year before");
    assert_eq!(
        found(&[record(2026, 2, &[1]), record(2027, 4, &[3, 2, 1])]),
        Some(4),
        "through one with no record left"
    );
    assert_eq!(found(&[record(2026, 1, &[]), record(2026, 2, &[1])]), Some(2), "taken as it was, and left later");
}

#[test]
fn clusters_made_from_one_are_unclear() {
    assert_eq!(found(&[record(2026, 2, &[1]), record(2027, 3, &[1])]), None);
    assert_eq!(found(&[record(2026, 2, &[1]), record(2027, 4, &[3, 1])]), None, "a longer line is none of the other");
    let forks = seen(&[record(2026, 2, &[1]), record(2027, 3, &[1])]);
    let Newest::Unclear(why) = newest(&forks, &BTreeMap::new()) else { panic!("not unclear") };
    assert!(why.contains("cluster 2 by run") && why.contains("cluster 3 by run"), "{why}");
    assert_eq!(found(&[record(2026, 2, &[1]), record(2027, 3, &[1]), record(2028, 5, &[3, 2, 1])]), Some(5));
}

#[test]
fn records_of_the_old_format_have_their_runs_time_among_themselves_only() {
    assert_eq!(found(&[old(2025, 2), old(2026, 3)]), Some(3));
    assert_eq!(found(&[old(2027, 3), record(2026, 4, &[3])]), Some(4), "made from it");
    assert_eq!(found(&[old(2027, 2), old(2028, 3), record(2026, 4, &[3])]), Some(4));
}

#[test]
fn one_that_did_not_finish_counts_only_where_it_serves_alone() {
    let unfinished = ClusterRecord { finished: false, ..record(2027, 3, &[2, 1]) };
    let both = [record(2026, 2, &[1]), unfinished];
    assert_eq!(found(&both), Some(2));
    let serving = |ids: &[u64]| ids.iter().map(|number| (id(*number), BTreeSet::new())).collect::<BTreeMap<_, _>>();
    let in_state = |ids: &[u64]| newest(&seen(&both), &serving(ids)).known().map(|known| known.cluster.0);
    assert_eq!(in_state(&[3]), Some(3));
    assert_eq!(in_state(&[2]), Some(2));
    assert_eq!(in_state(&[2, 3]), None);
}

#[test]
fn a_line_goes_on_from_what_is_left() {
    let line = |left: Option<u64>, records: &[ClusterRecord]| {
        let line = lineage_after(left.map(id), &seen(records));
        (line.ancestors.into_iter().map(|id| id.0).collect::<Vec<_>>(), line.generation)
    };
    let third = record(2026, 3, &[2, 1]);
    assert_eq!(line(Some(3), std::slice::from_ref(&third)), (vec![3, 2, 1], 3));
    assert_eq!(line(Some(2), std::slice::from_ref(&third)), (vec![2, 1], 2), "known from its descendant only");
    assert_eq!(line(Some(9), &[third]), (vec![9], 1), "nobody has recorded it");
    assert_eq!(line(Some(4), &[old(2026, 4)]), (vec![4], 1));
    assert_eq!(line(None, &[]), (vec![], 1));
}

#[test]
fn a_person_may_say_that_older_data_counts() {
    let newer = record(2026, 2, &[1]);
    let mut line = lineage_after(Some(id(1)), &seen(std::slice::from_ref(&newer)));
    line.overtakes(id(3), &seen(std::slice::from_ref(&newer)));
    let third = ClusterRecord { generation: line.generation, ..record(2027, 3, &[]) };
    let third = ClusterRecord { ancestors: line.ancestors, ..third };
    assert_eq!(third.ancestors, [id(1), id(2)]);
    assert_eq!(found(&[newer, third]), Some(3));
}
