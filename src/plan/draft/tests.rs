//! Tests how far a survivor's log counts beside a leader that has lost its followers.

use super::*;
use crate::model::ClusterId;
use crate::observe::log::Log;
use crate::observe::proof::count::tests::{answers, id, name, site};
use crate::observe::{Contact, Observation};

/// A survivor: whom it names, the last entry that it has applied, as term and place, and where its log ends.
struct Survivor {
    leader: Option<usize>,
    applied: (u64, u64),
    end: (u64, u64),
}

/// Where the first one's log counts to.
fn first(survivors: &[Survivor]) -> End {
    let sight = |(number, survivor): (usize, &Survivor)| {
        let mut sight = answers(number, true, 5);
        let Contact::Answers(seen) = &mut sight else { panic!("it answers") };
        let status = seen.status.as_mut().unwrap();
        (status.term, status.applied) = survivor.applied;
        status.index = status.applied;
        status.leader = survivor.leader.map(id);
        let end = End { term: survivor.end.0, index: survivor.end.1 };
        seen.log = Ok(Log { member: id(number), cluster: ClusterId(1), end, replays: true });
        (name(number), sight)
    };
    let seen = Observation { masters: survivors.iter().enumerate().map(sight).collect(), ..Observation::default() };
    let cluster = site(5);
    let master = cluster.masters().find(|master| master.name == name(0)).unwrap();
    Participant::of(master, &seen).unwrap().log_end().unwrap()
}

#[test]
fn what_a_leader_writes_behind_its_commit_index_was_acknowledged_to_nobody() {
    let alone = [Survivor { leader: Some(0), applied: (6, 101), end: (6, 110) }];
    assert_eq!(first(&alone), End { term: 6, index: 101 });
    // A follower that it still reaches has the same entries.
    let leader = Survivor { leader: Some(1), applied: (6, 101), end: (6, 110) };
    let follower = [Survivor { leader: Some(1), applied: (6, 100), end: (6, 109) }, leader];
    assert_eq!(first(&follower), End { term: 6, index: 101 });
}

/// The one before it acknowledged entry 100, and died before it said so; this one could not commit an entry of its own.
#[test]
fn a_leader_that_has_applied_nothing_of_its_own_term_does_not_know_what_was_acknowledged() {
    let elected = [Survivor { leader: Some(0), applied: (5, 95), end: (6, 101) }];
    assert_eq!(first(&elected), End { term: 6, index: 101 });
}

/// It was cut off and has not noticed; the others elected another one, which the first one here followed.
#[test]
fn a_leader_of_an_earlier_term_says_nothing_of_a_later_ones_entries() {
    let stale = Survivor { leader: Some(1), applied: (5, 90), end: (5, 92) };
    let follower = [Survivor { leader: Some(3), applied: (5, 95), end: (6, 101) }, stale];
    assert_eq!(first(&follower), End { term: 6, index: 101 });
}

#[test]
fn a_log_without_a_leader_beside_it_counts_whole() {
    let follower = [Survivor { leader: None, applied: (6, 100), end: (6, 109) }];
    assert_eq!(first(&follower), End { term: 6, index: 109 });
}
