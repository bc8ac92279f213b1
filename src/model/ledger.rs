//! What a canary was told: each numbered write, when it was tried, and whether it was acknowledged. Contacts no master.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ClusterId;

/// One write that was tried. Times are nanoseconds of the clock of the master it was tried on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u64,
    /// When it was begun.
    pub begun: u64,
    /// When its answer was there.
    pub ended: u64,
    /// What was promised; nothing where it was not acknowledged, which does not mean that it was not stored.
    pub promised: Option<Promise>,
}

/// An acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// By which cluster.
    pub cluster: ClusterId,
    /// At which revision.
    pub revision: u64,
}

impl Attempt {
    /// The value that was written: the number and when it was begun.
    #[must_use]
    pub fn value(&self) -> String {
        format!("{} {}", self.number, self.begun)
    }

    /// Reads a line of a canary: `ok NUMBER BEGUN ENDED CLUSTER REVISION` or `no NUMBER BEGUN ENDED`.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let acknowledged = match words.next()? {
            "ok" => true,
            "no" => false,
            _ => return None,
        };
        let mut number = || words.next()?.parse::<u64>().ok();
        let (count, begun, ended) = (number()?, number()?, number()?);
        let promised =
            if acknowledged { Some(Promise { cluster: ClusterId(number()?), revision: number()? }) } else { None };
        Some(Self { number: count, begun, ended, promised })
    }
}

/// Everything one canary tried, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The writes.
    pub attempts: Vec<Attempt>,
}

/// A time in which no write was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// From the last acknowledgement before it, in nanoseconds of the master's clock.
    pub from: u64,
    /// To the first one after it.
    pub to: u64,
}

impl Gap {
    /// How long it was.
    #[must_use]
    pub fn length(self) -> Duration {
        Duration::from_nanos(self.to.saturating_sub(self.from))
    }
}

/// Promises that a cluster did not keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many acknowledged writes are not there.
    pub writes: u64,
    /// From the last promise that was kept to the last one that was not.
    pub time: Duration,
}

impl Ledger {
    /// The writes that were acknowledged.
    pub fn acknowledged(&self) -> impl Iterator<Item = (&Attempt, Promise)> {
        self.attempts.iter().filter_map(|attempt| Some((attempt, attempt.promised?)))
    }

    /// The time between the last promise of one cluster and the first of the next.
    #[must_use]
    pub fn change_of_cluster(&self) -> Option<Gap> {
        let told: Vec<(&Attempt, Promise)> = self.acknowledged().collect();
        let pair = told.windows(2).find(|pair| pair[0].1.cluster != pair[1].1.cluster)?;
        Some(Gap { from: pair[0].0.ended, to: pair[1].0.ended })
    }

    /// The time between the last acknowledgement up to a moment and the first one after it.
    #[must_use]
    pub fn gap_around(&self, moment: u64) -> Option<Gap> {
        let ends = || self.acknowledged().map(|(attempt, _)| attempt.ended);
        Some(Gap { from: ends().filter(|end| *end <= moment).max()?, to: ends().filter(|end| *end > moment).min()? })
    }

    /// The last revision that was promised by the cluster which gave the first promise.
    #[must_use]
    pub fn last_of_first_cluster(&self) -> Option<u64> {
        let (_, first) = self.acknowledged().next()?;
        let same = self.acknowledged().filter(|(_, promise)| promise.cluster == first.cluster);
        same.map(|(_, promise)| promise.revision).max()
    }

    /// The longest time without an acknowledgement.
    #[must_use]
    pub fn longest_gap(&self) -> Option<Gap> {
        let ends: Vec<u64> = self.acknowledged().map(|(attempt, _)| attempt.ended).collect();
        let gaps = ends.windows(2).map(|pair| Gap { from: pair[0], to: pair[1] });
        gaps.max_by_key(|gap| gap.length())
    }

    /// Which promises `kept`, a cluster's values by number, does not hold to.
    #[must_use]
    pub fn lost(&self, kept: &BTreeMap<u64, String>) -> Lost {
        let holds = |attempt: &Attempt| kept.get(&attempt.number) == Some(&attempt.value());
        let missing: Vec<&Attempt> =
            self.acknowledged().map(|(attempt, _)| attempt).filter(|attempt| !holds(attempt)).collect();
        let (Some(first), Some(last)) = (missing.first(), missing.last()) else { return Lost::default() };
        // What was kept up to the first loss; before any promise, the first loss itself.
        let before =
            self.acknowledged().map(|(attempt, _)| attempt).take_while(|attempt| attempt.number < first.number);
        let from = before.last().map_or(first.begun, |attempt| attempt.ended);
        Lost { writes: missing.len() as u64, time: Duration::from_nanos(last.ended.saturating_sub(from)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(lines: &str) -> Ledger {
        Ledger { attempts: lines.lines().map(|line| Attempt::parse(line).unwrap()).collect() }
    }

    const TOLD: &str = "\
ok 1 100 110 7 21
ok 2 200 210 7 22
no 3 300 700
no 4 750 1150
ok 5 1200 1230 9 1000000023
ok 6 1300 1310 9 1000000024";

    #[test]
    fn the_time_without_writes_is_between_two_clusters() {
        let told = ledger(TOLD);
        assert_eq!(told.change_of_cluster(), Some(Gap { from: 210, to: 1230 }));
        assert_eq!(told.longest_gap().unwrap().length(), Duration::from_nanos(1020));
        assert_eq!(Ledger::default().change_of_cluster(), None);
        assert_eq!(told.gap_around(700), Some(Gap { from: 210, to: 1230 }));
        assert_eq!(told.gap_around(1230), Some(Gap { from: 1230, to: 1310 }));
        assert_eq!((told.gap_around(109), told.gap_around(1310)), (None, None));
        assert_eq!(told.last_of_first_cluster(), Some(22));
    }

    #[test]
    fn a_promise_is_kept_by_its_value_and_not_by_its_key() {
        let told = ledger(TOLD);
        let mut kept: BTreeMap<u64, String> =
            told.acknowledged().map(|(attempt, _)| (attempt.number, attempt.value())).collect();
        assert_eq!(told.lost(&kept), Lost::default());
        // What was not acknowledged may be there or not.
        kept.insert(3, "3 300".into());
        assert_eq!(told.lost(&kept), Lost::default());
        kept.insert(2, "2 199".into());
        kept.remove(&5);
        assert_eq!(told.lost(&kept), Lost { writes: 2, time: Duration::from_nanos(1230 - 110) });
        assert_eq!(told.lost(&BTreeMap::new()).writes, 4);
    }

    #[test]
    fn a_broken_line_is_no_attempt() {
        for line in ["", "ok 1 2", "ok 1 2 3 x 5", "maybe 1 2 3", "no 1 2"] {
            assert_eq!(Attempt::parse(line), None, "{line}");
        }
    }
}
