//! Whose etcd each server in an API server's list is, and what is wrong with such a list. Reads what all masters said.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::config::api_server::EtcdServers;
use crate::model::command::clean;
use crate::model::{Cluster, ClusterId, MasterName, Url};

use super::api_server::{ApiServer, Health};
use super::members::{Membership, Vote, known_urls, masters_of, membership};
use super::{Code, Finding, Observation, Settings, Severity};

type Serving = BTreeMap<ClusterId, BTreeSet<MasterName>>;

/// The hosts by which each master's etcd is known, and its ports for clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    of: BTreeMap<MasterName, Known>,
    /// Whether the cluster is the inventory's main one.
    main: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    hosts: BTreeSet<String>,
    ports: BTreeSet<u16>,
}

impl Known {
    fn client(&mut self, url: &str) {
        let Some(url) = Url::parse(url) else { return };
        self.ports.extend(url.port());
        if !is_local(url.host()) {
            self.hosts.insert(url.host().to_owned());
        }
    }
}

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
        let mut all: BTreeMap<MasterName, Known> = BTreeMap::new();
        for master in cluster.masters() {
            let known = all.entry(master.name.clone()).or_default();
            known.hosts.insert(Url::of("https", master.address.as_str(), 0).host().to_owned());
            known.hosts.extend(known_urls(master, cluster, observation).iter().filter_map(host));
            let settings = observation.seen(&master.name).and_then(|seen| seen.settings.as_ref().ok());
            settings.into_iter().flat_map(client_urls).for_each(|url| known.client(&url));
        }
        for list in observation.answering().filter_map(|(_, seen)| seen.members.as_ref().ok()) {
            let masters = masters_of(cluster, observation, list);
            for member in &list.list {
                let Some(known) = masters.get(&member.id).and_then(|name| all.get_mut(name)) else { continue };
                member.client_urls.iter().for_each(|url| known.client(url));
            }
        }
        Self { of: all, main: cluster.record().is_main() }
    }

    /// Whether an API server's list, that of a resource or that of all others, is about this cluster's etcds: the main one's
    /// is that of all others. Another list is about those at whose port for clients a server of it leads.
    #[must_use]
    pub fn own(&self, own: &MasterName, resource: Option<&str>, servers: &[String]) -> bool {
        if resource.is_none() {
            return self.main;
        }
        servers.iter().any(|server| {
            let Some(port) = Url::parse(server).and_then(|url| url.port()) else { return false };
            let leads = match self.leads(own, server) {
                Leads::Home => self.of.get(own),
                Leads::To(name) => self.of.get(&name),
                Leads::Unknown => return false,
            };
            match leads.map(|known| &known.ports) {
                Some(ports) if !ports.is_empty() => ports.contains(&port),
                _ => self.of.values().any(|known| known.ports.contains(&port)),
            }
        })
    }

    /// Every server in the lists about this cluster's etcds.
    pub fn listed<'a>(&'a self, own: &'a MasterName, etcd: &'a EtcdServers) -> impl Iterator<Item = &'a String> {
        let overrides = etcd.overrides.iter().map(|(resource, servers)| (Some(resource.as_str()), servers));
        let all = std::iter::once((None, &etcd.servers)).chain(overrides);
        all.filter(|(resource, servers)| self.own(own, *resource, servers)).flat_map(|(_, servers)| servers)
    }

    /// Where a server leads that stands in the list of this master's API server.
    #[must_use]
    pub fn leads(&self, own: &MasterName, server: &str) -> Leads {
        let Some(url) = Url::parse(server) else { return Leads::Unknown };
        if is_local(url.host()) {
            return Leads::Home;
        }
        let mut those = self.of.iter().filter(|(_, known)| known.hosts.contains(url.host())).map(|(name, _)| name);
        match (those.next(), those.next()) {
            (Some(name), None) if name == own => Leads::Home,
            (Some(name), None) => Leads::To(name.clone()),
            (Some(_), Some(_)) | (None, _) => Leads::Unknown,
        }
    }

    /// The addresses among a master's hosts.
    pub fn addresses(&self, master: &MasterName) -> impl Iterator<Item = String> {
        let hosts = self.of.get(master).into_iter().flat_map(|known| &known.hosts);
        hosts.filter(|host| host.parse::<IpAddr>().is_ok()).cloned()
    }

    /// The masters to whose etcd of this cluster an API server's lists lead.
    #[must_use]
    pub fn of_list(&self, own: &MasterName, api: &ApiServer) -> BTreeSet<MasterName> {
        let servers = api.flags.iter().flat_map(|flags| self.listed(own, &flags.etcd));
        let of = |server: &String| match self.leads(own, server) {
            Leads::Home => Some(own.clone()),
            Leads::To(name) => Some(name),
            Leads::Unknown => None,
        };
        servers.filter_map(of).collect()
    }
}

/// What etcd's own settings say of where it listens for clients.
fn client_urls(settings: &Settings) -> Vec<String> {
    ["advertise-client-urls", "listen-client-urls"].into_iter().flat_map(|flag| settings.list(flag)).collect()
}

/// Whether an API server may have a list of the etcd that a master runs beside the main cluster's. What is not understood may.
#[must_use]
pub fn may_list(api: &ApiServer, settings: Option<&Settings>) -> bool {
    let ports: BTreeSet<u16> =
        settings.iter().flat_map(|own| client_urls(own)).filter_map(|url| Url::parse(&url)?.port()).collect();
    let Ok(flags) = &api.flags else { return true };
    let servers = flags.etcd.overrides.iter().flat_map(|(_, servers)| servers);
    let of = |server: &String| Url::parse(server).and_then(|url| url.port());
    let mut listed = servers.filter_map(of);
    if ports.is_empty() { listed.next().is_some() } else { listed.any(|port| ports.contains(&port)) }
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
    let one = the_one(cluster, observation, serving);
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
        // How the API server does is said where the main cluster is looked at.
        if api.is_held_back() && hosts.main {
            let by = match api.parked_by.as_deref() {
                Some(by) if by.starts_with("parked by ") => clean(by),
                Some(by) => format!("parked ({})", clean(by)),
                None => "parked".to_owned(),
            };
            let severity = if seen.serves() { Severity::Error } else { Severity::Warning };
            let what = if api.parked { "API server" } else { "controller manager or scheduler" };
            let text = format!("its {what} is {by}, and serves nothing{}", parked_next(seen.serves()));
            find(Code::ApiServerParked, severity, text);
        } else if let Some(text) = not_ready(api).filter(|_| seen.serves() && hosts.main) {
            find(Code::ApiServerNotReady, Severity::Warning, text);
        }
        // One that is parked reads nothing; whatever puts it back writes its list first.
        if !api.parked
            && let Some(text) = one.as_ref().and_then(|one| list_of(one, &hosts, (name, api)))
        {
            find(Code::ApiServerList, Severity::Error, text);
        } else if !api.parked
            && let Some(text) = one.as_ref().and_then(|one| narrow(one, &hosts, (name, api)))
        {
            find(Code::ApiServerList, Severity::Warning, text);
        }
    }
    all
}

/// The one cluster that serves, and who its members are known to be.
type One = (ClusterId, Membership);

fn the_one(cluster: &Cluster, observation: &Observation, serving: &Serving) -> Option<One> {
    let (id, masters) = serving.iter().next().filter(|_| serving.len() == 1)?;
    let membership = membership(cluster, observation, masters);
    membership.members.is_ok().then_some((*id, membership))
}

/// A list that a run narrowed and none has widened since: it does without the members that came back.
fn narrow((_, membership): &One, hosts: &Hosts, (name, api): (&MasterName, &ApiServer)) -> Option<String> {
    let flags = api.flags.as_ref().ok().filter(|_| api.rewritten && membership.vote(name) == Vote::Votes)?;
    let by_address = |server: &String| Url::parse(server).is_some_and(|url| !is_local(url.host()));
    // One that knows the etcd of its own machine by that machine's own address never knew another.
    let mut servers = hosts.listed(name, &flags.etcd);
    if !servers.any(by_address) || hosts.listed(name, &flags.etcd).any(|one| hosts.leads(name, one) == Leads::Unknown) {
        return None;
    }
    let listed = hosts.of_list(name, api);
    let voters = membership.voters();
    let missing: Vec<&str> = voters.iter().filter(|one| !listed.contains(*one)).map(MasterName::as_str).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "its API server's list in {}, which a run narrowed, still lacks {}, voters of the cluster: `requorum recover` widens it",
            api.file.path,
            missing.join(", ")
        )
    })
}

/// How it is not ready. One that has just been started may be silent, or refuse whoever asks, for a while; of an older one that
/// says nothing: a refusal is the answer of one that runs.
fn not_ready(api: &ApiServer) -> Option<String> {
    let why = match &api.health {
        Health::Ready | Health::NotAsked => return None,
        Health::NotReady(why) | Health::ButOverrides(why) => why,
        // It denies it to whoever asks until it has read who may do what; who asks is known to it from the beginning.
        Health::Refuses(code) if api.just_begun && code == "403" => {
            "it answers 403, as one does that has just been started"
        }
        Health::Refuses(_) => return None,
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
fn list_of((id, membership): &One, hosts: &Hosts, (name, api): (&MasterName, &ApiServer)) -> Option<String> {
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
