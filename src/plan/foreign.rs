//! A snapshot file that no run of this bastion took: compares its revision and last entry, as read from the file, with
//! what the survivors say. Knows nothing about journals.

use crate::model::MemberId;
use crate::observe::database::Ends;
use crate::observe::log::End;
use crate::plan::Rule;

use super::checks::Refusals;
use super::draft::Participant;
use super::existing_snapshot::{Older, another};
use super::initiate::old_data;
use super::{SnapshotFile, TrailingHash};

/// A file beside what a survivor holds.
enum Freshness {
    NotOlder,
    Older(String),
    Another(MemberId),
    Unknown(String),
}

/// Refuses a file that a survivor holds more than, another cluster's, or one of which nobody knows it.
pub(super) fn is_newest(
    file: &SnapshotFile,
    survivors: &[Participant<'_>],
    older: Older<'_>,
    refusals: &mut Refusals<'_>,
) {
    if file.bytes == 0 || file.hash == TrailingHash::Wrong {
        // Refused for that, whatever stands in it.
        return;
    }
    let path = &file.path;
    for participant in survivors.iter().filter(|participant| participant.may_hold_data()) {
        match freshness(file, participant) {
            Freshness::NotOlder => old_data::refuse(participant, older(participant), refusals),
            Freshness::Older(why) => refusals.add(
                Rule::SnapshotOlder,
                format!("{path} is {}; {}: {why}, so later writes would be lost", ended(file), participant.name()),
                "run it without --snapshot: the survivors' own data is newer",
            ),
            Freshness::Another(id) => refusals.add(
                Rule::SnapshotOfAnotherCluster,
                format!(
                    "{path} does not know member {id} ({}): it is from another cluster, or older than that member",
                    participant.name()
                ),
                another(older(participant)),
            ),
            Freshness::Unknown(why) => refusals.add(
                Rule::SnapshotUnverified,
                format!("no run of this bastion took {path}, which is {}; {}: {why}", ended(file), participant.name()),
                "if you know that it is this cluster's newest: --override snapshot-unverified=REASON",
            ),
        }
    }
}

fn freshness(file: &SnapshotFile, participant: &Participant<'_>) -> Freshness {
    let status = participant.seen.status.as_ref().ok();
    let log = participant.seen.log.as_ref().ok();
    let member = participant.member_id().or_else(|| log.map(|log| log.member));
    let Some(member) = member else {
        return Freshness::Unknown(
            participant.unmeasured().unwrap_or_else(|| "it does not say how far its own data goes".into()),
        );
    };
    if !file.member_ids.contains(&member.to_string()) {
        return Freshness::Another(member);
    }
    let Ok(ends) = &file.ends else {
        // Before anything is stopped the seed's own etcdutl reads the file's revision and holds it against this.
        return match status {
            Some(_) => Freshness::NotOlder,
            None => Freshness::Unknown("it cannot say how far its own data goes".to_owned()),
        };
    };
    if let Some(status) = status {
        if status.revision > ends.revision {
            return Freshness::Older(format!("it is at revision {}", status.revision));
        }
        // Revisions say all where it has applied all that its log has.
        if participant.log_end().is_none_or(|end| end.index <= status.applied) {
            return Freshness::NotOlder;
        }
    }
    by_log(ends, participant.log_end())
}

/// The log of one that does not say its revision, or has entries that it has not applied.
fn by_log(ends: &Ends, end: Option<End>) -> Freshness {
    let Some(end) = end else {
        return Freshness::Unknown("it cannot say how far its own data goes".to_owned());
    };
    match (ends.index, ends.term) {
        (Some(index), Some(term)) if (End { term, index }) < end => {
            Freshness::Older(format!("its log ends with {end}"))
        }
        (Some(index), None) if index < end.index => Freshness::Older(format!("its log ends with {end}")),
        (Some(index), Some(term)) if (End { term, index }) == end => Freshness::NotOlder,
        // A cluster that was restored under the same token has the same members and counts its entries anew.
        (Some(_), _) => Freshness::Unknown(format!(
            "its log ends with {end}, which is earlier; a log does not show whether it belongs to the same cluster or to one created from it later"
        )),
        (None, _) => Freshness::Unknown(format!("its log ends with {end}, and the file does not say its last entry")),
    }
}

/// Where it ends, in words.
pub(super) fn ended(file: &SnapshotFile) -> String {
    match &file.ends {
        Ok(Ends { revision, index: Some(index), term: Some(term) }) => {
            format!("at revision {revision} ({})", End { term: *term, index: *index })
        }
        Ok(Ends { revision, index: Some(index), term: None }) => format!("at revision {revision} (entry {index})"),
        Ok(Ends { revision, .. }) => format!("at revision {revision}"),
        Err(why) => format!("at a revision that is not known ({why})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_end_of_the_log_is_as_new_as_a_log() {
        let by = |index, term, end| by_log(&Ends { revision: 9, index, term }, end);
        let end = Some(End { term: 3, index: 100 });
        assert!(matches!(by(Some(100), Some(3), end), Freshness::NotOlder));
        assert!(matches!(by(Some(99), Some(3), end), Freshness::Older(_)));
        assert!(matches!(by(Some(200), Some(2), end), Freshness::Older(_)), "of an earlier term, and longer");
        assert!(matches!(by(Some(99), None, end), Freshness::Older(_)));
        for (index, term, end) in [
            (Some(101), Some(3), end),
            (Some(50), Some(4), end),
            (Some(100), None, end),
            (None, None, end),
            (Some(100), Some(3), None),
        ] {
            assert!(matches!(by(index, term, end), Freshness::Unknown(_)), "{index:?} {term:?}");
        }
    }
}
