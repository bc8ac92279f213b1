//! Whose etcd each server in an API server's list is, and what is wrong with such a list. Reads what all masters said.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::model::command::clean;
use crate::model::{Cluster, ClusterId, MasterName, Url};

use super::api_server::{ApiServer, Health};
use super::members::{Vote, known_urls, masters_of, membership};
use super::{Code, Finding, Observation, Severity};

type Serving = BTreeMap<ClusterId, BTreeSet<MasterName>>;

/// The hosts by which each master's etcd is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(BTreeMap<MasterName, BTreeSet<String>>);

/// Where a server in a list leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// To the etcd of the API server's own master, whatever its name.
    Home,
    /// To this master's etcd.
    To(MasterName),
    /// To a load balancer, or a name that no member has.
    Unknown,
}

impl Hosts {
    /// As the inventory, the masters' settings and every member list have them.
    #[must_use]
    pub fn of(cluster: &Cluster, observation: &Observation) -> Self {
        let host = |url: &String| Url::parse(url).map(|url| url.host().to_owned()).filter(|host| !is_local(host));
        let mut all: BTreeMap<MasterName, BTreeSet<String>> = BTreeMap::new();
        for master in cluster.masters() {
            let hosts = all.entry(master.name.clone()).or_default();
            hosts.insert(Url::of("https", master.address.as_str(), 0).host().to_owned());
            hosts.extend(known_urls(master, cluster, observation).iter().filter_map(host));
            let settings = observation.seen(&master.name).and_then(|seen| seen.settings.as_ref().ok());
            let of_flag = |flag: &str| settings.map(|own| own.list(flag)).unwrap_or_default();
            let urls = ["advertise-client-urls", "listen-client-urls"].into_iter().flat_map(of_flag);
            hosts.extend(urls.collect::<Vec<_>>().iter().filter_map(host));
        }
        for list in observation.answering().filter_map(|(_, seen)| seen.members.as_ref().ok()) {
            let masters = masters_of(cluster, observation, list);
            for member in &list.list {
                let Some(hosts) = masters.get(&member.id).and_then(|name| all.get_mut(name)) else { continue };
                hosts.extend(member.client_urls.iter().filter_map(host));
            }
        }
        Self(all)
    }

    /// Where a server leads that stands in the list of this master's API server.
    #[must_use]
    pub fn leads(&self, own: &MasterName, server: &str) -> Leads {
        let Some(url) = Url::parse(server) else { return Leads::Unknown };
        if is_local(url.host()) {
            return Leads::Home;
        }
        let mut those = self.0.iter().filter(|(_, hosts)| hosts.contains(url.host())).map(|(name, _)| name);
        match (those.next(), those.next()) {
            (Some(name), None) if name == own => Leads::Home,
            (Some(name), None) => Leads::To(name.clone()),
            (Some(_), Some(_)) | (None, _) => Leads::Unknown,
        }
    }

    /// The addresses among a master's hosts.
    pub fn addresses(&self, master: &MasterName) -> impl Iterator<Item = String> {
        let hosts = self.0.get(master).into_iter().flatten();
        hosts.filter(|host| host.parse::<IpAddr>().is_ok()).cloned()
    }

    /// The masters to whose etcd an API server's list leads.
    #[must_use]
    pub fn of_list(&self, own: &MasterName, api: &ApiServer) -> BTreeSet<MasterName> {
        let servers = api.flags.iter().flat_map(|flags| flags.etcd.all());
        let of = |server: &String| match self.leads(own, server) {
            Leads::Home => Some(own.clone()),
            Leads::To(name) => Some(name),
            Leads::Unknown => None,
        };
        servers.filter_map(of).collect()
    }
}

/// Whether a host means the machine itself.
fn is_local(host: &str) -> bool {
    let by_address = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    host.is_empty() || host == "localhost" || host.parse().is_ok_and(by_address)
}

/// Every API server that runs, or could: it is not parked.
fn running(observation: &Observation) -> impl Iterator<Item = (&MasterName, &ApiServer)> {
    let all = observation.answering().filter_map(|(name, seen)| Some((name, seen.api_server.as_ref().ok()?.as_ref()?)));
    all.filter(|(_, api)| !api.parked)
}

/// The masters whose API servers read from more than one of the clusters that serve.
#[must_use]
pub fn reading_from_several(cluster: &Cluster, observation: &Observation, serving: &Serving) -> Vec<MasterName> {
    let hosts = Hosts::of(cluster, observation);
    let of_several = |(name, api): &(&MasterName, &ApiServer)| {
        let listed = hosts.of_list(name, api);
        serving.values().filter(|masters| !masters.is_disjoint(&listed)).count() > 1
    };
    running(observation).filter(of_several).map(|(name, _)| name.clone()).collect()
}

/// What is found of all API servers.
pub(super) fn findings(cluster: &Cluster, observation: &Observation, serving: &Serving) -> Vec<Finding> {
    let hosts = Hosts::of(cluster, observation);
    let mut all = Vec::new();
    for (name, seen) in observation.answering() {
        let Ok(Some(api)) = &seen.api_server else { continue };
        let mut find = |code, severity, text| {
            all.push(Finding { code, severity, master: Some(name.clone()), text });
        };
        if let Err(why) = &api.flags {
            let text = format!(
                "its API server is not understood: {why}; a run that would have to change its list of etcd servers is refused"
            );
            find(Code::ApiServerUnclear, Severity::Warning, text);
        }
        if api.is_held_back() {
            let by = match api.parked_by.as_deref() {
                Some(by) if by.starts_with("parked by ") => clean(by),
                Some(by) => format!("parked ({})", clean(by)),
                None => "parked".to_owned(),
            };
            let severity = if seen.serves() { Severity::Error } else { Severity::Warning };
            let what = if api.parked { "API server" } else { "controller manager or scheduler" };
            let text = format!("its {what} is {by}, and serves nothing{}", parked_next(seen.serves()));
            find(Code::ApiServerParked, severity, text);
        } else if let Some(text) = not_ready(api).filter(|_| seen.serves()) {
            find(Code::ApiServerNotReady, Severity::Warning, text);
        }
        // One that is parked reads nothing; whatever puts it back writes its list first.
        if !api.parked
            && let Some(text) = list_of(cluster, observation, serving, &hosts, (name, api))
        {
            find(Code::ApiServerList, Severity::Error, text);
        }
    }
    all
}

/// How it is not ready. One that has just been started may be silent, or refuse whoever asks, for a while; of an older one that
/// says nothing.
fn not_ready(api: &ApiServer) -> Option<String> {
    let why = match &api.health {
        Health::Ready | Health::NotAsked => return None,
        Health::NotReady(why) => why,
        Health::Down if api.young => "nothing listens yet",
        Health::Down => return Some("its API server is down".to_owned()),
        Health::Slow if api.young => "/readyz does not answer in time",
        Health::Unknown(why) if api.young => why,
        Health::Slow | Health::Unknown(_) => return None,
    };
    Some(match api.young {
        true => format!("its API server was started less than a minute ago, and is not ready yet: {why}"),
        false => format!("its API server is not ready: {why}"),
    })
}

/// What puts it back.
fn parked_next(serves: bool) -> &'static str {
    match serves {
        true => {
            "; the command that was given last puts it back: `requorum initiate-dr` after a loss, else `requorum recover`"
        }
        false => "",
    }
}

/// A list that names masters which are no voters of the one cluster that serves. Once an etcd answers there, the API server
/// reads from it too, whatever cluster it is of: etcd's client asks its servers in turn and compares nothing.
fn list_of(
    cluster: &Cluster,
    observation: &Observation,
    serving: &Serving,
    hosts: &Hosts,
    (name, api): (&MasterName, &ApiServer),
) -> Option<String> {
    let (id, masters) = serving.iter().next().filter(|_| serving.len() == 1)?;
    let membership = membership(cluster, observation, masters);
    membership.members.as_ref().ok()?;
    let listed = hosts.of_list(name, api);
    let outside: Vec<&MasterName> =
        listed.iter().filter(|master| matches!(membership.vote(master), Vote::None | Vote::Learner)).collect();
    if outside.is_empty() || membership.vote(name) == Vote::Unknown {
        return None;
    }
    let names = outside.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let next = match membership.vote(name) {
        Vote::Votes => "`requorum initiate-dr` narrows its list, `requorum recover` brings them back",
        _ => "`requorum recover` parks it until it is a member again; keep its port cut off until then",
    };
    Some(format!(
        "its API server has {names} in {}, no voters of cluster {id}, which serves: it would read from whatever etcd answers \
         there; {next}",
        api.file.path
    ))
}
