//! How a master is recognized in a member list. Asks nothing and counts nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Cluster, Master, MasterName, MemberId, Url};
use crate::observe::known_before::KnownMember;
use crate::observe::{Member, Members, Observation, Seen, Settings};

/// A master's peer URLs: from its env file, and where it is dark the usual ones at its address.
#[must_use]
pub fn peer_urls(master: &Master, seen: Option<&Seen>) -> Vec<String> {
    let own = seen.and_then(settings).map(Settings::peer_urls).unwrap_or_default();
    if own.is_empty() { usual_peer_urls(master) } else { own }
}

/// The peer URLs that a master has unless its file says otherwise.
#[must_use]
pub fn usual_peer_urls(master: &Master) -> Vec<String> {
    ["https", "http"].map(|scheme| Url::of(scheme, master.address.as_str(), 2380).to_string()).into()
}

/// Where a master's etcd is looked for though nothing names its URL. Of a second etcd on the same masters nothing is guessed:
/// the usual port is the first one's.
#[must_use]
pub fn guessed_peer_urls(master: &Master) -> Vec<String> {
    if master.etcd.record.is_main() { usual_peer_urls(master) } else { Vec::new() }
}

/// Every peer URL by which a master is known: as its file says and as the member lists have it, from the last good
/// look, as any other's file lists its name, and where it is guessed to be.
#[must_use]
pub fn known_urls(master: &Master, cluster: &Cluster, observation: &Observation) -> BTreeSet<String> {
    let mut urls: BTreeSet<String> = guessed_peer_urls(master).into_iter().collect();
    let own = observation.seen(&master.name);
    urls.extend(own.and_then(settings).map(Settings::peer_urls).unwrap_or_default());
    urls.extend(kept(master, observation).into_iter().flat_map(|known| known.peer_urls.iter().cloned()));
    let lists = observation.answering().filter_map(|(_, seen)| seen.members.as_ref().ok());
    for list in lists {
        let id = matched(cluster, observation, list).into_iter().find(|(_, name)| *name == master.name);
        let entry = id.and_then(|(id, _)| list.list.iter().find(|member| member.id == id));
        urls.extend(entry.into_iter().flat_map(|member| member.peer_urls.iter().cloned()));
    }
    let names = names(master, observation);
    urls.extend(listed(observation).into_iter().filter(|(name, _)| names.contains(name)).map(|(_, url)| url));
    urls
}

/// Whether a member looks like a master.
type Sign<'a> = &'a dyn Fn(&Master, &Member) -> bool;

/// Which master each member of a list is. The surest sign first; a sign that fits two is none.
pub(super) fn matched(cluster: &Cluster, observation: &Observation, list: &Members) -> BTreeMap<MemberId, MasterName> {
    let signs: [Sign<'_>; 6] = [
        &|master, member| own_id(master, observation, list) == Some(member.id),
        &|master, member| kept_id(master, observation, list) == Some(member.id),
        &|master, member| same_url(&own_urls(master, observation), &member.peer_urls),
        &|master, member| {
            let names = names(master, observation);
            let urls: Vec<String> =
                listed(observation).into_iter().filter(|(name, _)| names.contains(name)).map(|(_, url)| url).collect();
            names.contains(&member.name) || same_url(&urls, &member.peer_urls)
        },
        &|master, member| {
            let mut urls = member.peer_urls.iter().chain(&member.client_urls);
            let own = Url::of("https", master.address.as_str(), 2380);
            urls.any(|url| Url::parse(url).is_some_and(|url| url.host() == own.host()))
        },
        &|master, member| member.name == master.name.as_str(),
    ];
    let mut found: BTreeMap<MemberId, MasterName> = BTreeMap::new();
    for (rank, sign) in signs.into_iter().enumerate() {
        let taken: BTreeSet<MasterName> = found.values().cloned().collect();
        let open: Vec<&Member> = list.list.iter().filter(|member| !found.contains_key(&member.id)).collect();
        // A master that says its ID in this cluster is that member and no other.
        let free = |master: &&Master| !taken.contains(&master.name) && own_id(master, observation, list).is_none();
        let masters: Vec<&Master> = cluster.masters().filter(|master| rank == 0 || free(master)).collect();
        let fits: Vec<(&Member, &Master)> = open
            .iter()
            .flat_map(|member| masters.iter().map(move |master| (*member, *master)))
            .filter(|(member, master)| sign(master, member))
            .collect();
        for (member, master) in &fits {
            let others = fits.iter().filter(|(a, b)| a.id == member.id || b.name == master.name).count();
            if others == 1 {
                found.insert(member.id, master.name.clone());
            }
        }
    }
    found
}

/// Whether a master that no entry was found for is known not to be one of those that are left: it tells who it is, or
/// its member of this cluster is known from before.
pub(super) fn is_certain(master: &Master, observation: &Observation, list: &Members) -> bool {
    let says = observation.seen(&master.name).is_some_and(|seen| seen.settings.is_ok() || seen.status.is_ok());
    says || kept_id(master, observation, list).is_some()
}

fn settings(seen: &Seen) -> Option<&Settings> {
    seen.settings.as_ref().ok()
}

fn own_id(master: &Master, observation: &Observation, list: &Members) -> Option<MemberId> {
    let status = observation.seen(&master.name)?.status.as_ref().ok()?;
    (status.cluster == list.cluster).then_some(status.member)
}

fn kept<'a>(master: &Master, observation: &'a Observation) -> Option<&'a KnownMember> {
    observation.known_before.look.as_ref()?.members.get(&master.name)
}

fn kept_id(master: &Master, observation: &Observation, list: &Members) -> Option<MemberId> {
    observation.known_before.look.as_ref().filter(|look| look.cluster == list.cluster)?;
    kept(master, observation).map(|known| known.id)
}

/// The URLs that are the master's own: from its file, from before, and the usual ones at its address.
fn own_urls(master: &Master, observation: &Observation) -> Vec<String> {
    let own = observation.seen(&master.name).and_then(settings).map(Settings::peer_urls).unwrap_or_default();
    let before = kept(master, observation).into_iter().flat_map(|known| known.peer_urls.iter().cloned());
    own.into_iter().chain(before).chain(usual_peer_urls(master)).collect()
}

/// The member names that are the master's: from its file and from before.
fn names(master: &Master, observation: &Observation) -> BTreeSet<String> {
    let own = observation.seen(&master.name).and_then(settings).and_then(|settings| settings.get("name"));
    let before = kept(master, observation).map(|known| known.name.clone());
    own.into_iter().chain(before).filter(|name| !name.is_empty()).collect()
}

/// Name and URL of every member that any master's file lists.
fn listed(observation: &Observation) -> BTreeSet<(String, String)> {
    let lists = observation.answering().filter_map(|(_, seen)| settings(seen)?.get("initial-cluster"));
    let pairs = |list: String| -> Vec<(String, String)> {
        let pair = |text: &str| text.split_once('=').map(|(name, url)| (name.trim().to_owned(), url.trim().to_owned()));
        list.split(',').filter_map(pair).collect()
    };
    lists.flat_map(pairs).collect()
}

fn same_url(some: &[String], others: &[String]) -> bool {
    let same = |url: &String, other: &String| {
        url == other || Url::parse(url).is_some_and(|url| Url::parse(other) == Some(url))
    };
    some.iter().any(|url| others.iter().any(|other| same(url, other)))
}
