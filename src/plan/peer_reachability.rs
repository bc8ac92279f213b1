//! Whether the survivors reach each other's peer ports. If they do not, the restored members would never elect a
//! leader, and the old cluster would be down by then. Reads what was seen; asks nothing.

use crate::observe::members::usual_peer_urls;
use crate::plan::Rule;

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
    let (Ok(open), Ok(own), Ok(theirs)) = (&from.seen.open_peers, &from.seen.settings, &to.seen.settings) else {
        return Vec::new();
    };
    if to.seen.etcd_runs() != Some(true) {
        return Vec::new();
    }
    let mut tried = own.other_peers();
    tried.extend(usual_peer_urls(to.master).into_iter().next());
    let urls = theirs.peer_urls();
    if urls.iter().any(|url| open.contains(url)) {
        return Vec::new();
    }
    urls.into_iter().filter(|url| tried.contains(url)).collect()
}
