//! An existing snapshot file: where it comes from, how old it is, and whether a survivor by now holds more than it
//! does. Knows only what this bastion's journals say about the file, and what the survivors say.

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::model::{ClusterId, RunId};
use crate::observe::log::End;
use crate::plan::Rule;
use crate::step::Effect;
use crate::step::snapshot::Source;

use super::checks::Refusals;
use super::draft::Participant;
use super::initiate::old_data;
use super::{Plan, SnapshotFile, foreign};

/// Where a file comes from, as the journal of a run says that took it or used it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotOrigin {
    pub run: RunId,
    /// When the run had verified it.
    pub at: Timestamp,
    /// The revision it ends at.
    pub revision: u64,
    /// Where the log ended that it was taken from, as far as the plan knew.
    #[serde(default)]
    pub holds: Option<LastEntry>,
    /// The cluster that the run makes of it, and with how many members.
    #[serde(default)]
    pub made: Option<(ClusterId, u64)>,
}

/// The last entry that a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEntry {
    /// Its place.
    pub index: u64,
    /// Its term, where that is known.
    pub term: Option<u64>,
}

impl LastEntry {
    /// Whether a log with this end has what the snapshot lacks (raft §5.4.1; without the term, by length alone).
    fn is_passed_by(self, end: End) -> bool {
        self.term.map_or(end.index > self.index, |term| end > End { term, index: self.index })
    }
}

impl SnapshotOrigin {
    /// What the plan of a run says of the snapshot that the run verified.
    pub(crate) fn of(plan: &Plan, at: Timestamp, revision: u64) -> Self {
        let made = plan.after.as_ref().map(|after| (after.cluster, after.members.len() as u64));
        Self { run: plan.run.clone(), at, revision, holds: last_entry(plan), made }
    }
}

/// The last entry that the snapshot of this plan holds: what its seed's log ended with, or what its seed had applied.
fn last_entry(plan: &Plan) -> Option<LastEntry> {
    let effects = || {
        plan.steps()
            .flat_map(|planned| planned.step.kind().effects().into_iter().map(move |effect| (&planned.host, effect)))
    };
    let (host, source) = effects().find_map(|(host, effect)| match effect {
        Effect::SavesSnapshot(source) => Some((host, source)),
        _ => None,
    })?;
    let of_end = |end: End| LastEntry { index: end.index, term: Some(end.term) };
    let looked = || {
        effects().filter(|(at, _)| *at == host).find_map(|(_, effect)| match effect {
            Effect::ChecksNoLeader(look) => {
                let log = look.log.as_ref().map(|(_, end)| of_end(*end));
                log.or(look.applied.map(|index| LastEntry { index, term: None }))
            }
            _ => None,
        })
    };
    match source {
        Source::Replay { end, .. } => Some(of_end(*end)),
        Source::Live { .. } | Source::StoppedCopy { .. } => looked(),
        Source::File { .. } => None,
    }
}

/// Refuses a file where a survivor holds more than it by now, another cluster's data, or nobody knows what.
/// `older` says why a survivor's data was left behind by a newer cluster: what goes with it is older too.
pub(super) fn is_newest(
    file: &SnapshotFile,
    survivors: &[Participant<'_>],
    older: Older<'_>,
    refusals: &mut Refusals<'_>,
) {
    let Some(first) = file.origins.first() else { return foreign::is_newest(file, survivors, older, refusals) };
    let said = said(file, first);
    for participant in
        survivors.iter().filter(|participant| participant.may_hold_data() && !is_held_down(file, participant))
    {
        match freshness(file, participant) {
            Freshness::NotOlder => old_data::refuse(participant, older(participant), refusals),
            Freshness::Older(why) => refusals.add(
                Rule::SnapshotOlder,
                format!("{said}; {}: {why}, so later writes would be lost", participant.name()),
                "run it without --snapshot: the survivors' own data is newer",
            ),
            Freshness::Another(why) => refusals.add(
                Rule::SnapshotOfAnotherCluster,
                format!("{said}; {}: {why}", participant.name()),
                another(older(participant)),
            ),
            Freshness::Unknown(why) => refusals.add(
                Rule::SnapshotUnverified,
                format!("{said}; it is not known whether {} has newer data: {why}", participant.name()),
                "run it without --snapshot; if you know that the file is this cluster's newest: --override \
                 snapshot-unverified=REASON",
            ),
        }
    }
}

/// Why a survivor's data was left behind by a newer cluster.
pub(super) type Older<'a> = &'a dyn Fn(&Participant<'_>) -> Option<String>;

/// What to do with a file of another cluster than a survivor's, which may be the newer one.
pub(super) fn another(older: Option<String>) -> String {
    match older {
        None => "run it without --snapshot, or give a snapshot of this cluster".to_owned(),
        Some(why) => format!("{why}; if the file is of that cluster: --override snapshot-of-another-cluster=REASON"),
    }
}

/// Whether its etcd is down behind the fence of a run that took or used this file: nothing was written there since.
fn is_held_down(file: &SnapshotFile, participant: &Participant<'_>) -> bool {
    let Ok(traces) = &participant.seen.traces else { return false };
    let by = |run: &RunId| file.origins.iter().any(|origin| origin.run == *run);
    participant.seen.etcd_runs() == Some(false)
        && traces.fenced
        && traces.drop_in
        && traces.fenced_by.as_ref().is_some_and(by)
}

/// A file beside what a survivor holds.
enum Freshness {
    NotOlder,
    Older(String),
    Another(String),
    Unknown(String),
}

fn freshness(file: &SnapshotFile, participant: &Participant<'_>) -> Freshness {
    let status = participant.seen.status.as_ref().ok();
    let log = participant.seen.log.as_ref().ok();
    let reaches = log.map(|log| log.end.index).max(status.map(|status| status.applied));
    let Some((cluster, member)) =
        status.map(|status| (status.cluster, status.member)).or_else(|| log.map(|log| (log.cluster, log.member)))
    else {
        return Freshness::Unknown(participant.unmeasured().unwrap_or_else(|| "it does not say".to_owned()));
    };
    let made = file.origins.iter().find_map(|origin| {
        let (_, members) = origin.made.filter(|(made, _)| *made == cluster)?;
        Some((&origin.run, members))
    });
    if let Some((run, members)) = made {
        // A restore writes one entry for each member; the next one is the first leader's.
        return match reaches {
            Some(reached) if reached > members => Freshness::Older(format!(
                "it holds cluster {cluster}, which run {run} created from that file; it has had a leader, and its log reaches entry {reached}"
            )),
            _ => Freshness::NotOlder,
        };
    }
    if !file.member_ids.contains(&member.to_string()) {
        return Freshness::Another(format!(
            "it holds data of cluster {cluster} as member {member}, which is not in the file"
        ));
    }
    let revision = file.origins.iter().map(|origin| origin.revision).max().unwrap_or(0);
    if let Some(status) = status.filter(|status| status.revision > revision) {
        return Freshness::Older(format!("it is at revision {}", status.revision));
    }
    let holds = file.origins.iter().find_map(|origin| origin.holds);
    match (log, holds) {
        (Some(log), Some(holds)) if holds.is_passed_by(log.end) => {
            Freshness::Older(format!("its log ends with {}, and that file with entry {}", log.end, holds.index))
        }
        (Some(_), Some(_)) => Freshness::NotOlder,
        // It says itself that it is at no later revision.
        _ if status.is_some() => Freshness::NotOlder,
        _ => Freshness::Unknown(
            "its etcd does not answer, and the run's journal does not say how far its log went".to_owned(),
        ),
    }
}

fn said(file: &SnapshotFile, first: &SnapshotOrigin) -> String {
    let at = first.at.strftime("%Y-%m-%d %H:%M:%SZ");
    format!("{} is of {at} (run {}), at revision {}", file.path, first.run, first.revision)
}

/// File, age and revision, in words, for the plan of `run`.
pub(super) fn shown(file: &SnapshotFile, run: &RunId) -> String {
    let (what, at) = match (file.origins.first(), file.written) {
        (Some(first), _) => (said(file, first), Some(first.at)),
        (None, Some(at)) => {
            let written = at.strftime("%Y-%m-%d %H:%M:%SZ");
            let what = format!("{} was last written {written}; no run of this bastion took it", file.path);
            (format!("{what}; it is {}", foreign::ended(file)), Some(at))
        }
        (None, None) => {
            let what = format!("{}: no run of this bastion took it; its age is not known", file.path);
            (format!("{what}; it is {}", foreign::ended(file)), None)
        }
    };
    match at.and_then(|at| age(at, run)) {
        Some(age) => format!("{what}; that is {age} before this run"),
        None => what,
    }
}

/// How long before this run that was; nothing where the clocks disagree.
fn age(at: Timestamp, run: &RunId) -> Option<String> {
    let minutes = (run.began()? - at).total(Unit::Minute).ok().filter(|minutes| *minutes >= 0.0)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not negative, and years fit")]
    let minutes = minutes as u64;
    Some(match minutes {
        1 => "1 minute".to_owned(),
        0..=119 => format!("{minutes} minutes"),
        120..=2879 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_the_unit_that_fits_and_never_below_nothing() {
        let age = |at: &str| age(at.parse().unwrap(), &RunId::new("20260301-120000-abcd").unwrap());
        assert_eq!(age("2026-03-01T11:10:00Z").as_deref(), Some("50 minutes"));
        assert_eq!(age("2026-03-01T11:58:40Z").as_deref(), Some("1 minute"));
        assert_eq!(age("2026-03-01T06:00:00Z").as_deref(), Some("6 hours"));
        assert_eq!(age("2026-02-08T12:00:00Z").as_deref(), Some("21 days"));
        assert_eq!(age("2026-03-01T12:00:01Z"), None, "a clock that was set back says nothing");
    }

    #[test]
    fn a_log_of_a_later_term_has_more_even_if_it_is_shorter() {
        let holds = LastEntry { index: 100, term: Some(3) };
        assert!(!holds.is_passed_by(End { term: 3, index: 100 }));
        assert!(holds.is_passed_by(End { term: 3, index: 101 }));
        assert!(holds.is_passed_by(End { term: 4, index: 99 }));
        assert!(!LastEntry { index: 100, term: None }.is_passed_by(End { term: 4, index: 100 }));
    }
}
