//! The ports that must be cut off on masters that must not serve. Knows nothing about firewalls.

use std::collections::BTreeSet;

use crate::model::Url;
use crate::observe::Observation;

use super::Input;

/// etcd's own defaults, taken where nothing else is known.
const CLIENT: u16 = 2379;
const PEER: u16 = 2380;

/// The client and peer ports of every member, as member lists, env files and the last good look have them. All of them: of a
/// master that does not answer nobody knows better, and one port too many does no harm there.
pub(super) fn ports(input: Input<'_>) -> BTreeSet<u16> {
    of(input.seen)
}

/// The same of an observation.
#[must_use]
pub fn of(observation: &Observation) -> BTreeSet<u16> {
    let (mut clients, mut peers) = (Vec::new(), Vec::new());
    for (_, seen) in observation.answering() {
        for member in seen.members.iter().flat_map(|members| &members.list) {
            clients.extend(member.client_urls.iter().cloned());
            peers.extend(member.peer_urls.iter().cloned());
        }
        if let Ok(settings) = &seen.settings {
            clients.extend(settings.list("listen-client-urls"));
            clients.extend(settings.list("advertise-client-urls"));
            peers.extend(settings.list("listen-peer-urls"));
            peers.extend(settings.peer_urls());
        }
    }
    peers.extend(
        observation
            .known_before
            .look
            .iter()
            .flat_map(|look| look.members.values())
            .flat_map(|one| one.peer_urls.clone()),
    );
    let or_usual = |urls: Vec<String>, usual: u16| -> BTreeSet<u16> {
        let found: BTreeSet<u16> = urls.iter().filter_map(|url| Url::parse(url)?.port()).collect();
        if found.is_empty() { BTreeSet::from([usual]) } else { found }
    };
    or_usual(clients, CLIENT).into_iter().chain(or_usual(peers, PEER)).collect()
}

/// The ports as a sentence names them; plans from before they were written down have none.
#[must_use]
pub fn words(ports: &BTreeSet<u16>) -> String {
    let usual = BTreeSet::from([CLIENT, PEER]);
    let ports: Vec<String> = (if ports.is_empty() { &usual } else { ports }).iter().map(u16::to_string).collect();
    let etcd = match &ports[..] {
        [one] => format!("port {one}"),
        [others @ .., last] => format!("ports {} and {last}", others.join(", ")),
        [] => String::new(),
    };
    format!("etcd's {etcd} and the API server's port (usually 6443)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_named_in_a_sentence() {
        assert_eq!(
            words(&[12380, 4001].into()),
            "etcd's ports 4001 and 12380 and the API server's port (usually 6443)"
        );
        assert_eq!(words(&[4001].into()), "etcd's port 4001 and the API server's port (usually 6443)");
        assert_eq!(words(&[].into()), "etcd's ports 2379 and 2380 and the API server's port (usually 6443)");
    }
}
