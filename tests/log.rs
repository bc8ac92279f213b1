//! The end of a write-ahead log, read from bytes as etcd writes them, and raft's order of logs held against logs that a
//! small raft made.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;

use requorum::model::{ClusterId, MemberId, Output};
use requorum::observe::log::{End, Log, parse};
use requorum::sim::wal;

fn said(parts: &[(&str, u64, &[u8])]) -> Output {
    let line = |(kind, at, bytes): &(&str, u64, &[u8])| format!("{kind}=0.wal {at} {}\n", wal::base64(bytes));
    let stdout = "replays=yes\n".to_owned() + &parts.iter().map(line).collect::<String>();
    Output { stdout, ..Output::default() }
}

/// A log as one leader after the other makes it: terms never fall, each index follows the one before.
fn entries() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec(0u64..3, 1..200).prop_map(|steps| {
        let mut term = 1;
        let entry = |(index, step): (usize, u64)| {
            term += step / 2;
            (term, index as u64 + 1)
        };
        steps.into_iter().enumerate().map(entry).collect()
    })
}

/// Every bit of a small log: a length that becomes zero, a kind that becomes another.
#[test]
fn no_bit_of_a_log_can_be_changed_into_another_end() {
    let bytes = wal::segment(7, 9, &[(1, 1), (2, 2)]);
    for (place, bit) in (0..bytes.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1 << bit;
        if let Ok(log) = parse(&said(&[("part", 0, &bytes)])) {
            assert_eq!((log.end.term, log.end.index), (2, 2), "bit {bit} of byte {place}");
        }
    }
}

/// What `snapshot restore` of three releases wrote, and the same log once etcd had been started on it.
#[test]
fn a_restored_log_tells_whether_etcd_has_had_a_leader_on_it() {
    let logs: [(&str, &[u8], &[u8]); 3] = [
        ("3.4.23", include_bytes!("databases/restored-3.4.23.wal"), include_bytes!("databases/led-3.4.23.wal")),
        ("3.6.16", include_bytes!("databases/restored-3.6.16.wal"), include_bytes!("databases/led-3.6.16.wal")),
        ("3.7.3", include_bytes!("databases/restored-3.7.3.wal"), include_bytes!("databases/led-3.7.3.wal")),
    ];
    for (release, restored, led) in logs {
        let log = |bytes| parse(&said(&[("part", 0, bytes)])).unwrap();
        assert_eq!(log(restored).end, End { term: 1, index: 1 }, "{release}");
        assert!(!log(restored).has_had_a_leader() && log(led).has_had_a_leader(), "{release}: {:?}", log(led).end);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_log_ends_with_its_last_entry(entries in entries(), zeros in 0usize..5000) {
        let mut bytes = wal::segment(7, 9, &entries);
        bytes.resize(bytes.len() + zeros, 0);
        let log = parse(&said(&[("part", 0, &bytes)])).unwrap();
        let (term, index) = *entries.last().unwrap();
        prop_assert_eq!(log, Log { member: MemberId(7), cluster: ClusterId(9), end: End { term, index }, replays: true });
    }

    #[test]
    fn the_end_of_a_segment_is_enough_wherever_it_is_cut(entries in entries(), cut in 0usize..100) {
        let bytes = wal::segment(7, 9, &entries);
        // At most so much that two records are left whole.
        let at = (bytes.len() * cut / 100 / 8 * 8).min(bytes.len().saturating_sub(200) / 8 * 8);
        let head = &bytes[..bytes.len().min(100)];
        let log = parse(&said(&[("head", 0, head), ("part", at as u64, &bytes[at..])])).unwrap();
        prop_assert_eq!((log.end.term, log.end.index), *entries.last().unwrap());
    }

    #[test]
    fn a_changed_byte_is_never_read_as_another_end(entries in entries(), place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = wal::segment(7, 9, &entries);
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(log) = parse(&said(&[("part", 0, &bytes)])) {
            // Padding is under no checksum.
            prop_assert_eq!((log.end.term, log.end.index), *entries.last().unwrap());
        }
    }

    /// Raft §5.4.1 on logs as raft makes them: what the most up-to-date of several logs lacks was never committed.
    #[test]
    fn the_most_up_to_date_log_has_every_committed_entry(history in raft::history()) {
        let logs = history.logs();
        let freshest = logs.iter().max_by_key(|log| raft::end(log)).unwrap();
        for log in &logs {
            for entry in log.iter().filter(|entry| history.committed.contains(entry)) {
                prop_assert!(freshest.contains(entry), "{entry:?} of {log:?} is not in {freshest:?}");
            }
        }
    }
}

/// A small raft: leaders are elected by a majority of logs that are not more up to date than theirs, and commit what a
/// majority holds in their own term.
mod raft {
    use std::collections::BTreeSet;

    use super::*;

    /// Term and index: within one term there is one entry of an index.
    pub type Entry = (u64, usize);

    #[derive(Debug, Default)]
    pub struct History {
        all: Vec<Vec<Entry>>,
        survivors: usize,
        pub committed: BTreeSet<Entry>,
    }

    pub fn end(log: &[Entry]) -> End {
        let (term, index) = log.last().copied().unwrap_or((0, 0));
        End { term, index: index as u64 }
    }

    impl History {
        pub fn logs(&self) -> Vec<Vec<Entry>> {
            self.all[self.all.len() - self.survivors..].to_vec()
        }

        /// A candidate tries; with a majority's votes it writes entries and gives each follower so many of its log.
        fn lead(&mut self, candidate: usize, term: u64, entries: usize, reach: &[usize]) {
            let own = end(&self.all[candidate]);
            let majority = self.all.len() / 2 + 1;
            if self.all.iter().filter(|log| end(log) <= own).count() < majority {
                return;
            }
            let from = self.all[candidate].len();
            self.all[candidate].extend((from..from + entries).map(|at| (term, at + 1)));
            let leader = self.all[candidate].clone();
            for (number, reach) in reach.iter().enumerate().filter(|(number, _)| *number != candidate) {
                // A follower takes nothing that does not fit, and gives up what contradicts.
                let until = (*reach).min(leader.len());
                if until > from {
                    self.all[number] = leader[..until].to_vec();
                }
            }
            for (at, entry) in leader.iter().enumerate().filter(|(_, entry)| entry.0 == term) {
                if self.all.iter().filter(|log| log.get(at) == Some(entry)).count() >= majority {
                    self.committed.extend(&leader[..=at]);
                }
            }
        }
    }

    pub fn history() -> impl Strategy<Value = History> {
        let turn = (0usize..5, 0usize..4, prop::collection::vec(0usize..40, 5));
        prop::collection::vec(turn, 1..12).prop_map(|turns| {
            let mut history = History { all: vec![Vec::new(); 5], survivors: 2, ..History::default() };
            for (number, (candidate, entries, reach)) in turns.into_iter().enumerate() {
                history.lead(candidate, number as u64 + 1, entries, &reach);
            }
            history
        })
    }
}
