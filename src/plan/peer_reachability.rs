//! Whether the survivors reach each other's peer ports. If they do not, the restored members would never elect a
//! leader, and the old cluster would be down by then. Reads what was seen; asks nothing.

use std::collections::BTreeSet;

use crate::observe::Ports;
use crate::plan::Rule;

use super::Input;
use super::checks::Refusals;
use super::draft::Participant;

/// Refuses where a survivor finds another one's peer port closed although an etcd runs there. What was not tried, or
/// could not be, is not known and says nothing: of a failed question the planner speaks by itself.
pub(super) fn peers_reach_each_other(survivors: &[Participant<'_>], refusals: &mut Refusals<'_>) {
    for from in survivors {
        for to in survivors.iter().filter(|to| to.name() != from.name()) {
            let closed = closed(from, to);
            if !closed.is_empty() {
                let (from, to) = (from.name(), to.name());
                refusals.add(
                    Rule::SurvivorsApart,
                    format!(
                        "{from} does not reach the peer port of {to} ({}), where etcd runs: they could not elect a leader",
                        closed.join(", ")
                    ),
                    format!(
                        "fix the network between {from} and {to}, or leave one of them out: stop its etcd, then also pass its zone with --failed-zone"
                    ),
                );
            }
        }
    }
}

/// The peer URLs of a running etcd that were tried from another master, where none of them took the connection.
fn closed(from: &Participant<'_>, to: &Participant<'_>) -> Vec<String> {
    let (Ok(ports), Ok(theirs)) = (&from.seen.peer_ports, &to.seen.settings) else { return Vec::new() };
    let urls = theirs.peer_urls();
    if to.seen.etcd_runs() != Some(true) || urls.iter().any(|url| ports.open.contains(url)) {
        return Vec::new();
    }
    urls.into_iter().filter(|url| ports.closed.contains(url)).collect()
}

/// The URLs outside `own` that a master could not try, and why: whether anything is up there is not known. One that no member
/// list has, the usual one at an inventory's address whose name only the bastion knows, say, is nobody's where every URL of
/// the lists was tried.
pub(super) fn untried<'a>(input: Input<'_>, ports: &'a Ports, own: &[String]) -> Vec<(&'a String, &'a String)> {
    let lists = input.seen.answering().filter_map(|(_, seen)| seen.members.as_ref().ok());
    let listed: BTreeSet<&String> = lists.flat_map(|list| &list.list).flat_map(|member| &member.peer_urls).collect();
    let was_tried = |url: &String| own.contains(url) || ports.open.contains(url) || ports.closed.contains(url);
    let whole = !listed.is_empty() && listed.iter().all(|url| was_tried(url));
    let matters = |url: &String| !own.contains(url) && (listed.contains(url) || !whole);
    ports.unknown.iter().filter(|(url, _)| matters(url)).collect()
}
