//! How long `initiate-dr` would take: the sum of what was measured here, what etcd's timers require, and what
//! `docs/performance.md` measured. Does not include the time that people need: consent and attestation.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Cluster, MasterName, Supervisor, ZoneName};
use crate::observe::Code;
use crate::observe::proof::{BESIDE, Limits, OFF_LIMIT, count};
use crate::observe::read;
use crate::observe::{Examination, Examined};
use crate::plan::Plan;
use crate::plan::rehearse::{OnlyTime, Rehearsal};

use super::{Check, Remark};

/// What a run takes beside the other parts: SSH, sudo, the lock, files, the fence's daemon-reload, and the grace of a stop,
/// which is used up more often than not (`docs/performance.md`).
const REST: Duration = Duration::from_millis(1000);
/// The peer ports of a zone without power do not answer for so long, before the start.
const LISTENED: Duration = Duration::from_millis(760);

/// Until every master that answers has said who it is (`docs/performance.md`).
const LOOK: Duration = Duration::from_millis(500);
/// Before and after the second of listening each survivor is asked how it stands.
const ASKED_TWICE: Duration = Duration::from_millis(200);

/// Until an API server is parked: its kubelet takes that long to give its pod up (`docs/performance.md`).
const PARKED: Duration = Duration::from_millis(1500);

/// From an acknowledged write of etcd's until one through an API server that is put back then (`docs/performance.md`).
const API_SERVES: Duration = Duration::from_millis(3300);

/// The parts of the time from the command to the acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Until the proof begins, beside a look that waits for the lost zone's masters.
    pub look: Duration,
    /// A second of listening where quorum is counted lost. Where that cannot tell, as of today: for so long no leader
    /// may be seen, and then a linearizable read must fail. Begun within four election timeouts of the loss that takes
    /// longer, since a stale leader is named until then.
    pub proof: Duration,
    /// Saving and verifying, or copying, as measured; absent where it was not.
    pub snapshot: Option<Duration>,
    /// Estimated from the same speeds.
    pub restore: Option<Duration>,
    /// Estimated: the snapshot's way to the other survivors, zero where there are none.
    pub share: Option<Duration>,
    /// The election, as it is on the average: each member draws a time between one and two election timeouts, and the
    /// shortest counts; a member alone draws between nothing and one.
    pub election: Duration,
    /// Its worst case.
    #[serde(default)]
    pub election_at_most: Duration,
    /// All the rest.
    pub rest: Duration,
    /// From there until a write through a survivor's API server is acknowledged; nothing where none has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Duration>,
}

impl Expected {
    /// The sum of what is known.
    #[must_use]
    pub fn total(&self) -> Duration {
        let measured = [self.snapshot, self.restore, self.share].into_iter().flatten().sum::<Duration>();
        self.look + self.proof + measured + self.election + self.rest
    }

    /// Until a write through the API is acknowledged, where survivors have API servers; else until etcd acknowledges one.
    #[must_use]
    pub fn through_api(&self) -> Duration {
        self.total() + self.api.unwrap_or_default()
    }

    /// The same with the worst draw.
    #[must_use]
    pub fn at_most(&self) -> Duration {
        (self.through_api() + self.election_at_most).saturating_sub(self.election)
    }

    /// Whether every part is known.
    #[must_use]
    pub fn whole(&self) -> bool {
        self.snapshot.is_some()
    }
}

/// What a rehearsed plan would take.
pub(super) fn expected(plan: &Plan, rehearsal: &Rehearsal, found: &Examination) -> Expected {
    let survivors = || plan.survivors.iter().filter_map(|name| found.seen.seen(name));
    let timeout =
        |seen: &crate::observe::Seen| seen.settings.as_ref().ok().map(crate::observe::Settings::election_timeout);
    let election = survivors().filter_map(timeout).max().unwrap_or_default();
    let alone = plan.survivors.len() == 1;
    let shortest_of = u32::try_from(plan.survivors.len()).unwrap_or(u32::MAX).saturating_add(1);
    let speed = plan.seed.as_ref().and_then(|seed| found.speeds.get(seed)?.as_ref().ok());
    // The lost zone is attested by then: its connections are tried beside all that comes before the stop.
    let counted = rehearsal.only_time.is_none() && plan.survivors.iter().all(|name| metrics_are_read(found, name));
    let look = if counted { found.connect_limit.min(LOOK) } else { found.connect_limit.min(BESIDE) };
    let proof = if counted { count::window(&only(plan, found)) + ASKED_TWICE } else { timed(plan, found, look) };
    let data = speed.map(|speed| speed.whole() + speed.restore()).unwrap_or_default();
    let tried = found.connect_limit.min(OFF_LIMIT).saturating_sub(look + proof + data);
    // What was asked before a proof by waiting is asked again under the lock.
    let has_api_server = |seen: &crate::observe::Seen| matches!(seen.api_server, Ok(Some(_)));
    let api = survivors().any(has_api_server).then_some(API_SERVES);
    let parked = if api.is_some() { PARKED } else { Duration::ZERO };
    let again = if counted { Duration::ZERO } else { LOOK + read::SHORT_TIMEOUT };
    // They stop and start at the same time.
    let longer = plan.steps().filter_map(|one| one.step.kind().log_of()).map(Supervisor::longer).max();
    Expected {
        look,
        proof,
        snapshot: speed.map(|speed| speed.whole()),
        restore: speed.map(|speed| speed.restore()),
        share: speed.map(|speed| if alone { Duration::ZERO } else { speed.share() }),
        election: if alone { election / 2 } else { election + election / shortest_of },
        election_at_most: if alone { election } else { election * 2 },
        rest: REST + again + tried + LISTENED + parked + longer.unwrap_or_default(),
        api,
    }
}

/// A plan needs the whole look, too.
fn timed(plan: &Plan, found: &Examination, look: Duration) -> Duration {
    (Limits::of(&only(plan, found)).window + read::TIMEOUT).max(found.connect_limit.saturating_sub(look))
}

/// Whether it says what it hears, so that quorum is counted lost.
fn metrics_are_read(found: &Examination, name: &MasterName) -> bool {
    found.masters.get(name).is_some_and(|examined| examined.heard.is_ok())
}

/// What that night's observation would hold: the survivors.
fn only(plan: &Plan, found: &Examination) -> crate::observe::Observation {
    let masters = found.seen.masters.iter().filter(|(name, _)| plan.survivors.contains(*name));
    crate::observe::Observation {
        masters: masters.map(|(name, contact)| (name.clone(), contact.clone())).collect(),
        ..Default::default()
    }
}

/// Why it would be proved lost by time, where a zone's loss is rehearsed and not the fault of one survivor's metrics.
pub(super) fn only_time(rehearsal: &Rehearsal) -> Option<Remark> {
    let Some(OnlyTime::CannotCount(why)) = rehearsal.only_time.as_ref().filter(|_| rehearsal.plan().is_some()) else {
        return None;
    };
    let text = format!("{ONLY_TIME}: {why}");
    let next = "fix what the text names; until then expect the longer time";
    Some(Remark::warning(Code::TimedProof, Check::Time, text, next).of(&rehearsal.zone))
}

/// A survivor that does not say what it hears.
pub(super) fn metrics_unread(examined: &Examined) -> Option<Remark> {
    let why = examined.heard.as_ref().err().filter(|why| why.was_asked())?;
    let next = format!("{}; until then expect the longer time", why.next());
    Some(Remark::warning(Code::TimedProof, Check::Time, format!("{ONLY_TIME}: {why}"), next))
}

const ONLY_TIME: &str = "the loss of quorum would be proved by time and not counted, which takes longer";

/// Whether it is longer than the inventory allows.
pub(super) fn remarks(cluster: &Cluster, zone: &ZoneName, expected: Option<&Expected>) -> Option<Remark> {
    let objective = cluster.objectives?.rto?;
    let total = expected?.at_most();
    (total > objective).then(|| {
        let text = format!(
            "up to {:.1} s are expected, `objectives.rto` says {:.1} s",
            total.as_secs_f64(),
            objective.as_secs_f64()
        );
        let next = "a smaller database, faster disks or a shorter election timeout; else another objective";
        Remark::warning(Code::RtoAboveObjective, Check::Time, text, next).of(zone)
    })
}
