//! To which cluster each server in an API server's list belongs now. Knows nothing of how such a list is written.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::command::clean;
use crate::model::{Cluster, ClusterId, MasterName};

use super::api_server_list::{Hosts, Leads};
use super::members::{Vote, membership};
use super::{Contact, Observation, Read};

/// What answers at a server of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// An etcd of a cluster that serves: a linearizable read went through it.
    Serving,
    /// One of another cluster than the one that serves.
    Another,
    /// One that let no such read through.
    NotServing,
    /// It answers, and whether it serves is not known: the read was not let in, or had no answer.
    Unclear,
    /// etcd does not run there.
    Down,
    /// Its master, or the etcd there, did not answer: what is there is not known.
    Silent,
    /// No master's etcd is known by this address.
    Unknown,
}

/// A server in the list of an API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedServer {
    pub server: String,
    /// Whose etcd it is.
    pub master: Option<MasterName>,
    pub standing: Standing,
    /// The cluster that its etcd says it is in.
    pub cluster: Option<ClusterId>,
    /// Whether it is in the member list of the one cluster that serves; nothing where that is not known.
    pub member: Option<bool>,
}

impl ListedServer {
    /// How it is, in words.
    fn words(&self) -> String {
        let id = self.cluster.map(|id| id.to_string().chars().take(8).collect::<String>()).unwrap_or_default();
        let is = match self.standing {
            Standing::Serving => format!("cluster {id}, serving"),
            Standing::Another => format!("another cluster, {id}"),
            Standing::NotServing => format!("cluster {id}, not serving"),
            Standing::Unclear => format!("cluster {id}, not known whether it serves"),
            Standing::Down => "down".to_owned(),
            Standing::Silent => "silent".to_owned(),
            Standing::Unknown => "no master's etcd".to_owned(),
        };
        if self.member == Some(false) { format!("no member, {is}") } else { is }
    }
}

/// Of each master with an API server whose list is understood.
#[must_use]
pub fn of_all(
    cluster: &Cluster,
    seen: &Observation,
    serving: &BTreeMap<ClusterId, BTreeSet<MasterName>>,
) -> BTreeMap<MasterName, Vec<ListedServer>> {
    let hosts = Hosts::of(cluster, seen);
    let one = serving.values().next().filter(|_| serving.len() == 1);
    let members = one.map(|masters| membership(cluster, seen, masters));
    let member = |master: &MasterName| match members.as_ref()?.vote(master) {
        Vote::Votes | Vote::Learner => Some(true),
        Vote::None => Some(false),
        Vote::Unknown => None,
    };
    let listed = |own: &MasterName, server: &String| {
        let master = match hosts.leads(own, server) {
            Leads::Home => Some(own.clone()),
            Leads::To(name) => Some(name),
            Leads::Unknown => None,
        };
        let (standing, id) = master.as_ref().map_or((Standing::Unknown, None), |name| standing(name, seen, serving));
        let member = master.as_ref().and_then(member);
        ListedServer { server: clean(server), master, standing, cluster: id, member }
    };
    let of = |(name, seen): (&MasterName, &super::Seen)| {
        let flags = seen.api_server.as_ref().ok()?.as_ref()?.flags.as_ref().ok()?;
        let distinct: BTreeSet<&String> = hosts.listed(name, &flags.etcd).collect();
        Some((name.clone(), distinct.into_iter().map(|server| listed(name, server)).collect()))
    };
    seen.answering().filter_map(of).collect()
}

fn standing(
    master: &MasterName,
    seen: &Observation,
    serving: &BTreeMap<ClusterId, BTreeSet<MasterName>>,
) -> (Standing, Option<ClusterId>) {
    let Some(Contact::Answers(seen)) = seen.masters.get(master) else { return (Standing::Silent, None) };
    if seen.etcd_runs() == Some(false) {
        return (Standing::Down, None);
    }
    match seen.status.as_ref().ok().map(|status| status.cluster) {
        None => (Standing::Silent, None),
        Some(id) if serving.get(&id).is_some_and(|masters| masters.contains(master)) => (Standing::Serving, Some(id)),
        Some(id) if !serving.is_empty() && !serving.contains_key(&id) => (Standing::Another, Some(id)),
        Some(id) if matches!(seen.read, Ok(Read::Failed(_))) => (Standing::NotServing, Some(id)),
        Some(id) => (Standing::Unclear, Some(id)),
    }
}

/// A line for those whose lists are the same.
#[must_use]
pub fn lines(all: &BTreeMap<MasterName, Vec<ListedServer>>) -> Vec<String> {
    let mut whose: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (own, servers) in all {
        let mut how: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for server in servers {
            let named = match &server.master {
                Some(master) if master == own && servers.len() == 1 => "its own".to_owned(),
                Some(master) => master.to_string(),
                None => server.server.clone(),
            };
            how.entry(server.words()).or_default().push(named);
        }
        let parts: Vec<String> = how.iter().map(|(how, those)| format!("{}: {how}", those.join(", "))).collect();
        whose.entry(parts.join("; ")).or_default().push(own.as_str());
    }
    let line = |(servers, masters): (String, Vec<&str>)| {
        let them = if masters.len() == 1 { "the API server" } else { "the API servers" };
        format!("etcd servers of {them} of {}: {servers}", masters.join(", "))
    };
    whose.into_iter().map(line).collect()
}
