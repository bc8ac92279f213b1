//! The proof that quorum is lost: a fold over timed samples. Knows no clock; each sample carries its time.
//!
//! A member names a leader for up to four election timeouts after the loss, so one look proves nothing: a leader
//! without a majority steps down after two at most (it looks once in each), and whoever followed it campaigns after
//! two more at most. With a majority connected, a leader is normally elected within two election timeouts. So quorum is
//! proved lost when for longer than that no answering voter has named a leader and no member has applied anything, and
//! a linearizable read still fails on each. A learner never campaigns: it names the last leader it heard for ever, and
//! tells nothing. An etcd that is not ready, or has ended, has no quorum behind it; that there is none beside it either
//! is what other witnesses show, or an operator attests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{MasterName, MemberId};

use super::{Asked, Observation, Read, Settings, Status};

/// What one survivor said at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its account of itself; an error when its client port does not answer.
    pub status: Asked<Status>,
    /// Whether systemd says that etcd has not become ready: it has not been able to publish itself, so there is no
    /// quorum behind it. Only asked where the status gives no answer.
    pub not_ready: bool,
    /// Whether nothing of its unit runs or is about to: there is nobody to ask.
    pub ended: bool,
    /// A linearizable read through it, where one was tried.
    pub read: Option<Read>,
}

/// A look that waits longer than this has a proof begun beside it: who answers has said so by then.
pub const BESIDE: Duration = Duration::from_millis(1500);

/// How long a proof takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For how long no leader may be seen: a little over two election timeouts.
    pub window: Duration,
    /// When the attempt is given up: a stale leader may be named for four election timeouts before the window begins.
    pub limit: Duration,
}

impl Limits {
    /// From the longest election timeout of the survivors.
    #[must_use]
    pub fn from_election_timeout(election: Duration) -> Self {
        let window = election * 2 + Duration::from_secs(1);
        Self { window, limit: election * 4 + window + Duration::from_secs(5) }
    }

    /// By the timers of those that answer.
    #[must_use]
    pub fn of(seen: &Observation) -> Self {
        let known = seen.answering().filter_map(|(_, seen)| seen.settings.as_ref().ok());
        Self::from_election_timeout(known.map(Settings::election_timeout).max().unwrap_or(Duration::from_secs(1)))
    }
}

/// How the attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Quorum is lost.
    Lost {
        /// How long no leader was seen.
        leaderless_for: Duration,
        /// How long the proof took.
        took: Duration,
        /// Whether somebody was there to ask; where every etcd that could be asked has ended, it is only their silence.
        asked: bool,
    },
    /// There is a quorum, or there may be one.
    Alive {
        /// Who shows it, and how.
        evidence: String,
    },
    /// It could not be told.
    Unknown {
        /// What was last seen.
        last_seen: String,
    },
}

impl Outcome {
    /// What was shown, and what was not.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Lost { leaderless_for, took, asked: true } => format!(
                "quorum is lost: no leader for {:.1} s, and every linearizable read fails (proved in {:.1} s)",
                leaderless_for.as_secs_f64(),
                took.as_secs_f64()
            ),
            Self::Lost { leaderless_for, asked: false, .. } => format!(
                "no etcd has run for {:.1} s on any master that could be asked; of the others nothing was learnt",
                leaderless_for.as_secs_f64()
            ),
            Self::Alive { evidence } => format!("quorum is not lost: {evidence}"),
            Self::Unknown { last_seen } => format!("not proved: {last_seen}"),
        }
    }
}

/// The state of an attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    limits: Limits,
    /// Since when no leader was seen and nothing applied.
    quiet_since: Option<Duration>,
    applied: BTreeMap<MasterName, u64>,
    /// Who named whom in the last samples.
    named: Option<(MasterName, MemberId)>,
    /// Whether the reads that end it were asked for.
    reading: bool,
    last_disturbance: String,
}

/// Whether the attempt goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Sample again; what is being waited for.
    Again(String),
    /// Enough quiet: sample once more with a linearizable read through every survivor.
    Read,
    /// Over.
    Over(Outcome),
}

impl Attempt {
    /// Begins.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            quiet_since: None,
            applied: BTreeMap::new(),
            named: None,
            reading: false,
            last_disturbance: "nobody answered".to_owned(),
        }
    }

    /// Takes what all survivors said at `at` since the attempt began.
    pub fn take(&mut self, at: Duration, samples: &BTreeMap<MasterName, Sample>) -> Next {
        if let Some((master, _)) = samples.iter().find(|(_, sample)| sample.read == Some(Read::Answered)) {
            return Next::Over(Outcome::Alive { evidence: format!("a linearizable read through {master} succeeded") });
        }
        let disturbed = self.disturbance(samples);
        if let Some(what) = &disturbed {
            self.last_disturbance.clone_from(what);
        }
        if disturbed.is_some() || samples.is_empty() {
            self.quiet_since = None;
        } else if self.quiet_since.is_none() {
            self.quiet_since = Some(at);
        }
        let quiet = self.quiet_since.map_or(Duration::ZERO, |since| at.saturating_sub(since));
        let unread = samples.iter().find(|(_, sample)| sample.read.is_none()).map(|(master, _)| master);
        if quiet > self.limits.window {
            match unread {
                None => {
                    let asked = samples.values().any(|sample| !sample.ended && tells(sample));
                    return Next::Over(Outcome::Lost { leaderless_for: quiet, took: at, asked });
                }
                Some(master) if self.reading && at >= self.limits.limit => {
                    let last_seen = format!("whether a linearizable read through {master} fails could not be learnt");
                    return Next::Over(Outcome::Unknown { last_seen });
                }
                Some(_) => {
                    self.reading = true;
                    return Next::Read;
                }
            }
        }
        if at >= self.limits.limit {
            return Next::Over(self.out_of_time(quiet));
        }
        Next::Again(match (&disturbed, self.quiet_since) {
            (Some(what), _) => what.clone(),
            _ => format!("no leader for {} s", quiet.as_secs()),
        })
    }

    /// What speaks against a lost quorum in these samples.
    fn disturbance(&mut self, samples: &BTreeMap<MasterName, Sample>) -> Option<String> {
        let mut found = None;
        self.named = None;
        for (master, sample) in samples {
            let status = match &sample.status {
                Ok(status) => status,
                Err(_) if sample.not_ready => continue,
                Err(why) => {
                    found = Some(format!("{master} does not say whether it has a leader ({why})"));
                    continue;
                }
            };
            if let Some(leader) = status.leader.filter(|_| !status.learner) {
                self.named = Some((master.clone(), leader));
                found = Some(format!("{master} still names {leader} as leader, which may be stale"));
            }
            if let Some(before) = self.applied.insert(master.clone(), status.applied)
                && before != status.applied
            {
                found = Some(format!("{master} applied entries {before} to {}", status.applied));
            }
        }
        if found.is_none() && !samples.values().any(tells) {
            found =
                samples.keys().next().map(|master| format!("only learners answer, as {master}, and they cannot tell"));
        }
        found
    }

    fn out_of_time(&self, quiet: Duration) -> Outcome {
        let before = &self.last_disturbance;
        match (&self.named, self.quiet_since) {
            (Some((master, leader)), _) => Outcome::Alive {
                evidence: format!("{master} names {leader} as leader, longer than a stale one could be"),
            },
            (None, None) => Outcome::Unknown { last_seen: before.clone() },
            (None, Some(_)) => {
                let (quiet, window) = (quiet.as_secs_f64(), self.limits.window.as_secs_f64());
                let last_seen =
                    format!("no leader for {quiet:.1} s only, and {window:.1} s are needed; before, {before}");
                Outcome::Unknown { last_seen }
            }
        }
    }
}

/// Whether this says something of a quorum: a learner names the last leader it heard for ever.
fn tells(sample: &Sample) -> bool {
    sample.not_ready || sample.status.as_ref().is_ok_and(|status| !status.learner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ClusterId;
    use crate::observe::Unclear;

    fn status(leader: Option<u64>, applied: u64) -> Asked<Status> {
        Ok(Status {
            cluster: ClusterId(1),
            member: MemberId(3),
            revision: 9,
            term: 2,
            applied,
            index: applied,
            leader: leader.map(MemberId),
            learner: false,
            version: "3.5.16".into(),
            db_bytes: 1,
            errors: vec![],
        })
    }

    /// Plays samples half a second apart; `at` gives the status at each time, reads are answered as told.
    fn play(at: impl Fn(Duration) -> Asked<Status>, read: Read) -> (Outcome, Duration) {
        play_with(at, read, false)
    }

    fn play_with(at: impl Fn(Duration) -> Asked<Status>, read: Read, not_ready: bool) -> (Outcome, Duration) {
        let limits = Limits::from_election_timeout(Duration::from_secs(5));
        let mut attempt = Attempt::new(limits);
        let mut now = Duration::ZERO;
        let mut reading = false;
        loop {
            let sample = Sample { status: at(now), not_ready, ended: false, read: reading.then(|| read.clone()) };
            let samples = BTreeMap::from([(MasterName::new("m3").unwrap(), sample)]);
            match attempt.take(now, &samples) {
                Next::Over(outcome) => return (outcome, now),
                Next::Read => reading = true,
                Next::Again(_) => reading = false,
            }
            now += Duration::from_millis(500);
            assert!(now < Duration::from_secs(60), "no end");
        }
    }

    fn failed() -> Read {
        Read::Failed("no leader".into())
    }

    #[test]
    fn quorum_lost_long_ago_is_proved_in_eleven_seconds() {
        let (outcome, took) = play(|_| status(None, 7), failed());
        assert!(matches!(outcome, Outcome::Lost { .. }), "{outcome:?}");
        assert!(took > Duration::from_secs(10) && took < Duration::from_secs(13), "{took:?}");
    }

    #[test]
    fn a_stale_leader_starts_the_window_only_when_it_is_gone() {
        // The longest: four election timeouts after the loss, with samples that are a little late.
        for stale in [9, 22].map(Duration::from_secs) {
            let (outcome, took) = play(|now| status((now < stale).then_some(1), 7), failed());
            assert!(matches!(outcome, Outcome::Lost { .. }), "{outcome:?}");
            assert!(took > stale + Duration::from_secs(10), "{took:?}");
        }
    }

    #[test]
    fn who_named_a_leader_once_and_is_silent_since_shows_no_quorum() {
        let silent = || Err(Unclear::text("status", "deadline"));
        let at = |now| if now < Duration::from_secs(5) { status(Some(1), 7) } else { silent() };
        let (outcome, _) = play(at, failed());
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }

    #[test]
    fn a_window_that_ends_too_late_says_how_much_is_missing() {
        let (outcome, _) = play(|now| status((now < Duration::from_secs(30)).then_some(1), 7), failed());
        let Outcome::Unknown { last_seen } = outcome else { panic!("{outcome:?}") };
        assert!(
            last_seen.starts_with("no leader for 6.0 s only, and 11.0 s are needed; before, m3 still names"),
            "{last_seen}"
        );
    }

    #[test]
    fn a_leader_that_stays_is_a_living_quorum_also_where_reads_fail() {
        let (outcome, _) = play(|_| status(Some(1), 7), failed());
        assert!(matches!(outcome, Outcome::Alive { .. }), "{outcome:?}");
    }

    fn learner(leader: Option<u64>) -> Asked<Status> {
        status(leader, 7).map(|status| Status { learner: true, ..status })
    }

    #[test]
    fn a_learner_names_a_dead_leader_for_ever_and_tells_nothing() {
        let (outcome, _) = play(|_| learner(Some(1)), failed());
        assert!(
            matches!(&outcome, Outcome::Unknown { last_seen } if last_seen.contains("only learners")),
            "{outcome:?}"
        );
        let (outcome, _) = play(|_| learner(None), failed());
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
        // Beside a voter it does not count.
        let sample = |status| Sample { status, not_ready: false, ended: false, read: Some(failed()) };
        let named = |name| MasterName::new(name).unwrap();
        let both = BTreeMap::from([(named("m1"), sample(learner(Some(1)))), (named("m4"), sample(status(None, 7)))]);
        let mut attempt = Attempt::new(Limits::from_election_timeout(Duration::from_secs(5)));
        assert!(matches!(attempt.take(Duration::ZERO, &both), Next::Again(_)));
        let over = attempt.take(Duration::from_secs(12), &both);
        assert!(matches!(over, Next::Over(Outcome::Lost { .. })), "{over:?}");
    }

    #[test]
    fn a_read_that_is_never_answered_nor_refused_has_an_end() {
        let sample = Sample { status: status(None, 7), not_ready: false, ended: false, read: None };
        let samples = BTreeMap::from([(MasterName::new("m3").unwrap(), sample)]);
        let mut attempt = Attempt::new(Limits::from_election_timeout(Duration::from_secs(5)));
        assert!(matches!(attempt.take(Duration::ZERO, &samples), Next::Again(_)));
        for second in [12, 22, 32, 42] {
            match attempt.take(Duration::from_secs(second), &samples) {
                Next::Read => assert!(second < 36, "{second}"),
                Next::Over(Outcome::Unknown { last_seen }) => {
                    assert!(second > 36 && last_seen.contains("through m3"), "{second}: {last_seen}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_answered_read_ends_it_at_once() {
        let (outcome, _) = play(|_| status(None, 7), Read::Answered);
        assert!(matches!(outcome, Outcome::Alive { .. }), "{outcome:?}");
    }

    #[test]
    fn entries_that_go_on_being_applied_are_no_lost_quorum() {
        let (outcome, _) = play(|now| status(None, now.as_secs()), failed());
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }

    #[test]
    fn a_restarted_survivor_that_never_became_ready_has_no_quorum() {
        let (outcome, _) = play_with(|_| Err(Unclear::text("status", "deadline")), failed(), true);
        assert!(matches!(outcome, Outcome::Lost { .. }), "{outcome:?}");
    }

    #[test]
    fn a_survivor_that_cannot_be_asked_proves_nothing() {
        let (outcome, _) = play(|_| Err(Unclear::text("status", "bad certificate")), failed());
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }

    #[test]
    fn nobody_to_ask_proves_nothing() {
        let mut attempt = Attempt::new(Limits::from_election_timeout(Duration::from_secs(1)));
        let none = BTreeMap::new();
        assert!(matches!(attempt.take(Duration::ZERO, &none), Next::Again(_)));
        assert!(matches!(attempt.take(Duration::from_secs(60), &none), Next::Over(Outcome::Unknown { .. })));
    }
}
