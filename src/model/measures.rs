//! What a drill measured: times by the bastion's clock, losses by what the canaries were told. Contacts no master.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cluster::Objectives;
use super::ledger::{Gap, Ledger, Lost};
use super::{MasterName, ZoneName};

/// A drill's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measures {
    /// The zone that was lost.
    pub zone: ZoneName,
    /// How: `stop`, `isolate` or `command`.
    pub outage: String,
    /// When the outage began.
    pub began: Timestamp,
    /// From then until the survivor's canary was refused twice in a row, in milliseconds.
    pub detection_ms: Option<u64>,
    /// From then until `initiate_dr` began, in milliseconds. No person decides in a drill: what a person needs comes on top.
    pub decision_ms: Option<u64>,
    /// `initiate_dr`, its proof included, in milliseconds.
    pub initiate_dr_ms: Option<u64>,
    /// The proof that quorum is lost, in milliseconds.
    pub proof_ms: Option<u64>,
    /// `recover`, in milliseconds.
    pub recover_ms: Option<u64>,
    /// From the outage's beginning until every master voted again, in milliseconds.
    pub full_redundancy_ms: Option<u64>,
    /// The time without writes as the survivor's canary saw it, from the old cluster's last promise to the new one's
    /// first: the measured RTO.
    pub without_writes: Option<Gap>,
    /// The same through an API server, where one was written through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ThroughApi>,
    /// What the survivor's canary was told, and whether it was kept.
    pub survivor: Promises,
    /// What the lost zone's canary was told, and what the new cluster lacks: the measured RPO.
    pub lost_zone: Promises,
    /// How many revisions the old cluster went on after the new one had left it, as the lost zone's canary was told.
    pub revisions_lost: Option<u64>,
    /// Whether a client in the lost zone could still read while it was cut off, where that was tried.
    pub split_read: Option<bool>,
    /// What was asked of the drill, and whether it was reached.
    pub objectives: Vec<Objective>,
    /// What `doctor` had expected the recovery to take, in milliseconds.
    #[serde(default)]
    pub expected_ms: Option<u64>,
}

/// What a canary saw that wrote through a survivor's API server. One object took every write, so that none but the last could
/// be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThroughApi {
    pub host: MasterName,
    pub tried: u64,
    pub acknowledged: u64,
    /// From the last write acknowledged before etcd took writes again to the first one afterwards.
    pub without_writes: Option<Gap>,
}

impl ThroughApi {
    /// What it saw of the outage that ended for etcd's own clients like this.
    #[must_use]
    pub fn of(host: &MasterName, told: &Ledger, of_etcd: Option<Gap>) -> Self {
        Self {
            host: host.clone(),
            tried: told.attempts.len() as u64,
            acknowledged: told.acknowledged().count() as u64,
            without_writes: of_etcd.and_then(|gap| told.gap_around(gap.to)),
        }
    }
}

/// One canary's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promises {
    /// The master it wrote through.
    pub host: MasterName,
    /// How many writes it tried.
    pub tried: u64,
    /// How many were acknowledged.
    pub acknowledged: u64,
    /// Acknowledged and not there at the end; nothing while nobody has looked.
    pub lost: Option<Lost>,
}

impl Promises {
    /// The account of a ledger.
    #[must_use]
    pub fn of(host: &MasterName, told: &Ledger, lost: Option<Lost>) -> Self {
        let (tried, acknowledged) = (told.attempts.len() as u64, told.acknowledged().count() as u64);
        Self { host: host.clone(), tried, acknowledged, lost }
    }
}

/// Something asked of the drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// `rto` or `rpo`.
    pub name: String,
    /// The most that was allowed, in milliseconds.
    pub allowed_ms: u64,
    /// What was measured, in milliseconds; nothing where it could not be.
    pub measured_ms: Option<u64>,
}

impl Objective {
    /// Whether it was reached. What was not measured was not.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.measured_ms.is_some_and(|measured| measured <= self.allowed_ms)
    }
}

impl Measures {
    /// Holds the numbers against what the inventory asks.
    #[must_use]
    pub fn against(mut self, objectives: Option<Objectives>) -> Self {
        let asked = objectives.unwrap_or(Objectives { rto: None, rpo: None });
        let rto = asked.rto.map(|allowed| ("rto", allowed, self.longest_without_writes()));
        let lost = self.lost_zone.lost.as_ref().map(|lost| lost.time);
        let rpo = asked.rpo.map(|allowed| ("rpo", allowed, lost));
        let objective = |(name, allowed, measured): (&str, Duration, Option<Duration>)| Objective {
            name: name.to_owned(),
            allowed_ms: millis(allowed),
            measured_ms: measured.map(millis),
        };
        self.objectives = rto.into_iter().chain(rpo).map(objective).collect();
        self
    }

    /// The time without writes, through etcd or through the API server, whichever is longer.
    #[must_use]
    pub fn longest_without_writes(&self) -> Option<Duration> {
        let of_etcd = self.without_writes.map(Gap::length)?;
        match &self.api {
            Some(api) => api.without_writes.map(|gap| gap.length().max(of_etcd)),
            None => Some(of_etcd),
        }
    }

    /// Whether every promise of the surviving timeline was kept and every objective reached. A drill whose canary fell
    /// silent has not shown it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let kept = self.survivor.lost.as_ref().is_some_and(|lost| lost.writes == 0);
        kept && self.without_writes.is_some()
            && self.full_redundancy_ms.is_some()
            && self.objectives.iter().all(Objective::is_met)
    }
}

/// Whole milliseconds.
#[must_use]
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures() -> Measures {
        let promises = |host: &str, lost: Lost| Promises {
            host: MasterName::new(host).unwrap(),
            tried: 10,
            acknowledged: 9,
            lost: Some(lost),
        };
        Measures {
            zone: ZoneName::new("z1").unwrap(),
            outage: "stop".into(),
            began: Timestamp::UNIX_EPOCH,
            detection_ms: Some(900),
            decision_ms: Some(0),
            initiate_dr_ms: Some(12_000),
            proof_ms: Some(11_000),
            recover_ms: Some(9_000),
            full_redundancy_ms: Some(25_000),
            without_writes: Some(Gap { from: 0, to: 13_000_000_000 }),
            api: None,
            survivor: promises("m3", Lost::default()),
            lost_zone: promises("m1", Lost { writes: 3, time: Duration::from_millis(700) }),
            revisions_lost: Some(3),
            split_read: None,
            objectives: Vec::new(),
            expected_ms: None,
        }
    }

    #[test]
    fn what_was_asked_is_held_against_what_was_measured() {
        let secs = |rto: u64, rpo: u64| {
            Some(Objectives { rto: Some(Duration::from_secs(rto)), rpo: Some(Duration::from_secs(rpo)) })
        };
        assert!(measures().against(None).is_good());
        assert!(measures().against(secs(13, 1)).is_good());
        assert!(!measures().against(secs(12, 1)).is_good());
        // The survivor's canary lost nothing, and yet something was lost.
        assert!(!measures().against(secs(13, 0)).is_good());
        let unmeasured = Measures { without_writes: None, ..measures() };
        assert!(!unmeasured.against(None).is_good());
        // People have the API back later than etcd is.
        let host = MasterName::new("m3").unwrap();
        let through = |without_writes| {
            let api = ThroughApi { host: host.clone(), tried: 9, acknowledged: 5, without_writes };
            Measures { api: Some(api), ..measures() }
        };
        assert!(through(Some(Gap { from: 0, to: 13_000_000_000 })).against(secs(13, 1)).is_good());
        assert!(!through(Some(Gap { from: 0, to: 14_000_000_000 })).against(secs(13, 1)).is_good());
        assert!(!through(None).against(secs(13, 1)).is_good());
        let mut broken = measures();
        broken.survivor.lost = Some(Lost { writes: 1, time: Duration::ZERO });
        assert!(!broken.against(None).is_good());
    }
}
