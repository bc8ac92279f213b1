//! The proof that quorum is lost: a fold over timed samples. Reads no clock; each sample carries its time.
//!
//! A member may name a leader for up to four election timeouts after the loss, so one look proves nothing. A leader
//! without a majority steps down after at most two (it checks once in each), and a member that followed it campaigns
//! after at most two more. With a majority connected, a leader is normally elected within two election timeouts. So
//! quorum is proved lost when, for longer than that, no answering voter has named a leader and no member has applied
//! anything, and a linearizable read still fails on each. A learner never campaigns: it goes on naming the last leader
//! it heard of, and so tells nothing. An etcd that is not ready, or has ended, has no quorum behind it. Whether there
//! is a quorum without it is shown by other witnesses, or attested by an operator.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{MasterName, MemberId, quorum};

use self::count::Stand;
use super::{Answer, Observation, Read, Settings, Status};

pub mod count;

/// What one survivor said at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its account of itself; an error when its client port does not answer.
    pub status: Answer<Status>,
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

/// How long the kernel of a host that is said to be off is tried. One that lives answers the first packet within a round
/// trip, or the one that is sent again after a second.
pub const OFF_LIMIT: Duration = Duration::from_millis(1500);

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
    /// Quorum is lost: the voters that are down leave too few for a majority, and nothing is heard of them.
    Counted {
        /// How many have a vote.
        voters: usize,
        /// The masters whose members cannot vote.
        absent: BTreeSet<MasterName>,
        /// How long the survivors were looked at.
        heard_nothing_for: Duration,
        /// How long the proof took.
        took: Duration,
        /// How each survivor stood at the end.
        stands: BTreeMap<MasterName, Stand>,
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
    /// Whether quorum is shown to be lost, by somebody who could tell.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { asked: true, .. } | Self::Counted { .. })
    }

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
                "etcd was seen down for {:.1} s on every master that answered; a master that did not answer could not be checked",
                leaderless_for.as_secs_f64()
            ),
            Self::Counted { voters, absent, heard_nothing_for, took, .. } => {
                let names: Vec<&str> = absent.iter().map(MasterName::as_str).collect();
                format!(
                    "quorum is lost: {} of {voters} voters are needed, and with {} down fewer are left; nothing was heard of \
                     them for {:.1} s, and every linearizable read fails (counted in {:.1} s)",
                    quorum::needed(*voters),
                    names.join(", "),
                    heard_nothing_for.as_secs_f64(),
                    took.as_secs_f64()
                )
            }
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
    /// Who named whom in the last samples, as words.
    named: Option<String>,
    /// Whom each named last, if anybody.
    leaders: BTreeMap<MasterName, Option<MemberId>>,
    /// Leaders that somebody began to name during the attempt.
    elected: BTreeSet<MemberId>,
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
            leaders: BTreeMap::new(),
            elected: BTreeSet::new(),
            reading: false,
            last_disturbance: "no master answered".to_owned(),
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
                    let last_seen =
                        format!("it could not be determined whether a linearizable read through {master} fails");
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
            _ if samples.values().all(|sample| sample.ended) => format!("etcd is down for {} s", quiet.as_secs()),
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
                let named = match leader == status.member {
                    true => format!("{master} is leader itself"),
                    false => format!("{master} names {leader} as leader"),
                };
                found = Some(self.since(master, leader, &named));
                self.named = Some(named);
            }
            self.leaders.insert(master.clone(), status.leader);
            if let Some(before) = self.applied.insert(master.clone(), status.applied)
                && before != status.applied
            {
                found = Some(format!("{master} applied entries {before} to {}", status.applied));
            }
        }
        if found.is_none() && !samples.values().any(tells) {
            found = samples
                .keys()
                .next()
                .map(|master| format!("only learners such as {master} answer, and they cannot show it"));
        }
        found
    }

    /// A leader that somebody began to name while we looked was elected then; any other may be of the time before.
    fn since(&mut self, master: &MasterName, leader: MemberId, named: &str) -> String {
        if self.leaders.get(master).is_some_and(|before| *before != Some(leader)) {
            self.elected.insert(leader);
        }
        if self.elected.contains(&leader) {
            format!("{named}, elected while this was asked")
        } else {
            format!("{named}, which may be stale")
        }
    }

    fn out_of_time(&self, quiet: Duration) -> Outcome {
        let before = &self.last_disturbance;
        match (&self.named, self.quiet_since) {
            (Some(named), _) => {
                Outcome::Alive { evidence: format!("{named}, for longer than a stale leader could be") }
            }
            (None, None) => Outcome::Unknown { last_seen: before.clone() },
            (None, Some(_)) => {
                let (quiet, window) = (quiet.as_secs_f64(), self.limits.window.as_secs_f64());
                let last_seen =
                    format!("there was no leader for only {quiet:.1} s; {window:.1} s are needed; before, {before}");
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
mod tests;
