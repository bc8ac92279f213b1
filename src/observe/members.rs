//! Who votes in a cluster, and which master each member is: by the ID that its etcd reports, by what was kept, by URL
//! and by name. If a member list cannot be read, or a member matches no known master, that is unknown, not absent.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::quorum::Tally;
use crate::model::{Cluster, ClusterId, Master, MasterName, MemberId};

use super::{Answer, Member, Members, Observation, Seen, Unclear};

mod identity;

pub use identity::{guessed_peer_urls, known_urls, peer_urls};

/// Whether a master has a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    /// It has one.
    Votes,
    Learner,
    /// It is no member.
    None,
    /// That could not be told: it is not nothing.
    Unknown,
}

/// Whether a voter votes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A linearizable read went through it.
    Votes,
    /// Its etcd does not run, or runs as a member of another cluster.
    Down,
    /// Its etcd runs, says that it has no leader, and no read went through it: it does not reach the others.
    NoLeader,
    /// It was added and has not started since.
    Unstarted,
    /// It could not be asked.
    Unseen,
}

/// One member of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As the list has it.
    pub member: Member,
    /// The master that it is, where one is known to be it.
    pub master: Option<MasterName>,
    /// Whether it votes now, if it has a vote.
    pub presence: Presence,
}

impl Entry {
    /// The member as a person finds it: ID, name and where it is.
    #[must_use]
    pub fn shown(&self) -> String {
        let name = if self.member.name.is_empty() { "without a name" } else { &self.member.name };
        crate::model::command::clean(&format!("{} ({name}, {})", self.member.id, self.member.peer_urls.join(", ")))
    }
}

/// Who belongs to the cluster that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The cluster and its members, or why they are not known.
    pub members: Answer<(ClusterId, Vec<Entry>)>,
    votes: BTreeMap<MasterName, Vote>,
}

impl Membership {
    /// Whether this master has a vote.
    #[must_use]
    pub fn vote(&self, master: &MasterName) -> Vote {
        self.votes.get(master).copied().unwrap_or(Vote::Unknown)
    }

    /// The masters that are known to have a vote.
    #[must_use]
    pub fn voters(&self) -> BTreeSet<MasterName> {
        self.with(Vote::Votes)
    }

    /// The masters of which this is so.
    #[must_use]
    pub fn with(&self, vote: Vote) -> BTreeSet<MasterName> {
        self.votes.iter().filter(|(_, own)| **own == vote).map(|(master, _)| master.clone()).collect()
    }

    /// The members that are no master as far as is known.
    pub fn strangers(&self) -> impl Iterator<Item = &Entry> {
        self.members.iter().flat_map(|(_, entries)| entries).filter(|entry| entry.master.is_none())
    }

    /// How many have a vote, and how many of them vote now; nothing where the list is not known.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        let (_, entries) = self.members.as_ref().ok()?;
        let voters: Vec<&Entry> = entries.iter().filter(|entry| entry.member.votes()).collect();
        let count = |presence| voters.iter().filter(|entry| entry.presence == presence).count();
        Some(Tally { voters: voters.len(), present: count(Presence::Votes), unseen: count(Presence::Unseen) })
    }
}

/// Which master each member of a list is, where one is known to be it.
#[must_use]
pub fn masters_of(cluster: &Cluster, observation: &Observation, list: &Members) -> BTreeMap<MemberId, MasterName> {
    identity::matched(cluster, observation, list)
}

/// The membership of the cluster that these masters serve.
#[must_use]
pub fn membership(cluster: &Cluster, observation: &Observation, serving: &BTreeSet<MasterName>) -> Membership {
    let asked = || serving.iter().filter_map(|name| observation.seen(name)).map(|seen| &seen.members);
    let Some(list) = asked().find_map(|members| members.as_ref().ok()) else {
        let why = asked().find_map(|members| members.as_ref().err().cloned());
        let why = why.unwrap_or_else(|| Unclear::text("asking for the member list", "no master serves"));
        let vote = |master: &Master| vote_by_own_word(observation.seen(&master.name), serving.contains(&master.name));
        let votes = cluster.masters().map(|master| (master.name.clone(), vote(master))).collect();
        return Membership { members: Err(why), votes };
    };
    let mut of_entry = masters_of(cluster, observation, list);
    let entries: Vec<Entry> = list
        .list
        .iter()
        .map(|member| {
            let master = of_entry.remove(&member.id);
            let presence = presence(member, list.cluster, master.as_ref().and_then(|name| observation.seen(name)));
            Entry { member: member.clone(), master, presence }
        })
        .collect();
    let open = entries.iter().any(|entry| entry.master.is_none());
    let vote = |master: &Master| {
        let own = entries.iter().find(|entry| entry.master.as_ref() == Some(&master.name));
        match own {
            Some(entry) if entry.member.votes() => Vote::Votes,
            Some(_) => Vote::Learner,
            None if open && !identity::is_certain(master, observation, list) => Vote::Unknown,
            None => Vote::None,
        }
    };
    let votes = cluster.masters().map(|master| (master.name.clone(), vote(master))).collect();
    Membership { members: Ok((list.cluster, entries)), votes }
}

/// Without a list only a master that serves says whether it votes.
fn vote_by_own_word(seen: Option<&Seen>, serves: bool) -> Vote {
    match seen.and_then(|seen| seen.status.as_ref().ok()) {
        Some(status) if serves && status.learner => Vote::Learner,
        Some(_) if serves => Vote::Votes,
        _ => Vote::Unknown,
    }
}

fn presence(member: &Member, cluster: ClusterId, seen: Option<&Seen>) -> Presence {
    let here = |seen: &Seen| seen.cluster() == Some(cluster);
    match seen {
        Some(seen) if here(seen) && seen.serves() => Presence::Votes,
        Some(seen) if seen.etcd_runs() == Some(false) => Presence::Down,
        Some(seen) if seen.cluster().is_some() && !here(seen) => Presence::Down,
        Some(seen) if seen.has_no_leader() => Presence::NoLeader,
        Some(seen) if seen.etcd_runs() == Some(true) => Presence::Unseen,
        // Its name comes with its first start.
        _ if member.name.is_empty() => Presence::Unstarted,
        _ => Presence::Unseen,
    }
}

#[cfg(test)]
mod tests;
