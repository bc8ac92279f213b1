//! Refuses to build anything on data that etcd itself calls corrupt. Reads what was seen; asks nothing.

use crate::observe::alarms::corrupt_members;
use crate::plan::Rule;

use super::checks::Refusals;
use super::draft::Participant;
use super::{Goal, Input};

/// Refuses where these masters report a CORRUPT alarm. It is a part of every snapshot, and a cluster that has it takes
/// no write; a file from before it has none.
pub(super) fn refuse(input: Input<'_>, participants: &[Participant<'_>], refusals: &mut Refusals<'_>) {
    if input.request.snapshot.is_some() {
        return;
    }
    let members = corrupt_members(input.cluster, input.seen, participants.iter().map(|participant| participant.seen));
    if members.is_empty() {
        return;
    }
    let why = format!(
        "etcd has raised a CORRUPT alarm for {}: its data differs from the others', and a cluster with this alarm takes no write",
        members.join(", ")
    );
    let next = match input.request.goal {
        Goal::InitiateDr => "give a snapshot from before the alarm: --snapshot FILE",
        _ => {
            "find the member that differs (etcdctl endpoint hashkv --cluster), rebuild it from the others, then \
             `etcdctl alarm disarm`, then try again"
        }
    };
    refusals.add(Rule::CorruptMember, why, next);
}
