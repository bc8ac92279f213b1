//! Whether a proof that quorum is lost, made before a person consented, still holds when the masters are asked again.
//! Reads no clock: what counts is that nothing has moved.

use crate::model::MasterName;

use super::{Observation, Seen};

/// Whether nothing that answers has moved since the proof: nobody serves, nobody else answers, and each etcd is in the same
/// term with the same last entry and names no leader but one that was counted as down. A leader that had reached one of them since would have begun a term
/// and committed an entry of its own (raft, section 5.4.2; etcd `raft.becomeLeader`).
#[must_use]
pub fn nothing_moved(before: &Observation, now: &Observation) -> bool {
    before.proof.is_some()
        && before.answering().all(|(name, _)| now.seen(name).is_some())
        && now.answering().all(|(name, seen)| !seen.serves() && unmoved(before, name, seen))
}

fn unmoved(before: &Observation, name: &MasterName, now: &Seen) -> bool {
    // Whom it named while it heard nobody, it may name until it notices.
    let stale = before.stand(name).and_then(|stand| stand.leader);
    let Some(before) = before.seen(name) else {
        // Whoever answers only now was not asked by the proof; where its etcd is down it has nothing to tell.
        return now.etcd_runs() == Some(false);
    };
    match (&before.status, &now.status) {
        (Ok(before), Ok(now)) => {
            let leaderless = now.leader.is_none() || now.learner || now.leader == stale;
            leaderless && (before.term, before.applied) == (now.term, now.applied)
        }
        // One that cannot say how far it is has not become ready since, or is down as it was.
        (Err(_), Err(_)) => {
            let state = |seen: &Seen| seen.unit.as_ref().ok().map(|unit| (unit.active_state.clone(), unit.running()));
            let log = |seen: &Seen| seen.log.as_ref().ok().map(|log| log.end);
            state(before).is_some_and(|state| state.0 != "active")
                && state(before) == state(now)
                && log(before) == log(now)
        }
        _ => false,
    }
}
