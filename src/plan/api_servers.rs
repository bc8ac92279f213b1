//! What a plan does with API servers: whom it may touch, and which etcd servers each is to know. Asks nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::api_server::{ApiServerFlags, EtcdServers};
use crate::model::command::clean;
use crate::model::{AbsPath, Cluster, ClusterName, MasterName, Url};
use crate::observe::api_server_list::{Hosts, Leads};
use crate::observe::traces::parked_text;
use crate::observe::{ApiServer, Finding, Observation};
use crate::step::write_list::WriteList;

use super::checks::Refusals;
use super::draft::Participant;
use super::{Input, Request, Rule};

/// What the lines of a playbook have made of API servers so far.
#[derive(Debug, Clone, Default)]
pub(super) struct ApiDraft {
    hosts: Hosts,
    /// The cluster, where it is not the main one.
    beside: Option<ClusterName>,
    /// What the API servers that go on list: nobody is given more of another cluster's etcds than they know.
    measure: Vec<(MasterName, EtcdServers)>,
    /// Who is parked by then.
    pub(super) parked: BTreeSet<MasterName>,
    /// The lists as written so far.
    written: BTreeMap<MasterName, EtcdServers>,
    /// The lines of which nothing came.
    pub(super) idle: Vec<Finding>,
}

/// A master's API server, where it has one that is understood.
pub(super) fn of<'a>(participant: &Participant<'a>) -> Option<(&'a ApiServer, &'a ApiServerFlags)> {
    let api = participant.seen.api_server.as_ref().ok()?.as_ref()?;
    Some((api, api.flags.as_ref().ok()?))
}

/// Refuses what would have to be handled and is not understood.
pub(super) fn refuse(input: Input<'_>, participants: &[Participant<'_>], refusals: &mut Refusals<'_>) {
    let hosts = Hosts::of(input.cluster, input.seen);
    for participant in participants {
        let name = participant.name();
        let flags = match &participant.seen.api_server {
            // From before it was asked.
            Err(why) if !why.was_asked() => continue,
            Err(why) => {
                refusals.add(Rule::ApiServerUnclear, format!("{name}: {why}"), LEFT_ALONE);
                continue;
            }
            Ok(None) => continue,
            Ok(Some(api)) => &api.flags,
        };
        match flags {
            Err(why) => {
                refusals.add(
                    Rule::ApiServerUnclear,
                    format!("the API server of {name} is not understood: {why}"),
                    LEFT_ALONE,
                );
            }
            Ok(flags) => {
                let all: Vec<&String> = match input.cluster.record().is_main() {
                    true => flags.etcd.all().collect(),
                    false => hosts.listed(name, &flags.etcd).collect(),
                };
                let unknown = all.into_iter().filter(|server| hosts.leads(name, server) == Leads::Unknown);
                let unknown: Vec<String> = unknown.map(|server| clean(server)).collect();
                if !unknown.is_empty() {
                    let why = format!(
                        "the API server of {name} has {} in its list of etcd servers, by which no master's etcd is known: it may lead to the lost zone",
                        unknown.join(", ")
                    );
                    refusals.add(Rule::ApiServerList, why, KEPT);
                }
            }
        }
    }
}

const LEFT_ALONE: &str =
    "correct it, or have the run leave that API server alone: `--override api-server-unclear=REASON`";
const KEPT: &str =
    "write the addresses of etcd's members there, or have the run keep it: `--override api-server-list=REASON`";

impl ApiDraft {
    pub(super) fn of(cluster: &Cluster, seen: &Observation) -> Self {
        let beside = cluster.record().cluster().cloned();
        Self { hosts: Hosts::of(cluster, seen), beside, ..Self::default() }
    }

    /// The same beside API servers that go on with what they know; where all are parked, with what they knew.
    pub(super) fn measured_by(self, survivors: &[Participant<'_>]) -> Self {
        let all = survivors.iter().filter_map(|one| Some((one, of(one)?)));
        let (parked, on): (Vec<_>, Vec<_>) = all.partition(|(_, (api, _))| api.parked);
        let those = if on.is_empty() { parked } else { on };
        let measure = those.into_iter().map(|(one, (_, flags))| (one.name().clone(), flags.etcd.clone())).collect();
        Self { measure, ..self }
    }

    /// Whether this run leaves clear of Kubernetes' own traces: they are in the main cluster's etcd.
    pub(super) const fn is_beside(&self) -> bool {
        self.beside.is_some()
    }

    /// Who parks it, for whoever finds it so.
    pub(super) fn parked_text(&self, request: &Request) -> String {
        let verb = request.goal.command();
        let verb = self.beside.as_ref().map_or_else(|| verb.to_owned(), |name| format!("{verb}{}", of_cluster(name)));
        parked_text(&verb, &request.run, &request.person)
    }

    /// Whether what is parked there was parked for this cluster. The main cluster's run puts back all, another one's only that.
    fn is_its_own(&self, api: &ApiServer) -> bool {
        let by = api.parked_by.as_deref().unwrap_or_default();
        self.beside.as_ref().is_none_or(|name| by.contains(&of_cluster(name)))
    }

    /// Whether it is kept from running, and not for this cluster.
    pub(super) fn is_anothers(&self, api: &ApiServer) -> bool {
        api.parked && !self.is_its_own(api)
    }

    /// Whether it, or what works through it, is kept from running for this cluster.
    pub(super) fn is_held_back(&self, api: &ApiServer) -> bool {
        api.is_held_back() && self.is_its_own(api)
    }

    /// Whether it is parked when its turn comes.
    pub(super) fn is_parked(&self, participant: &Participant<'_>, api: &ApiServer) -> bool {
        api.parked || self.parked.contains(participant.name())
    }

    /// The servers that it is to know, where these masters vote. What a run has narrowed before is made whole again.
    fn wanted(&self, input: Input<'_>, participant: &Participant<'_>, voters: &[&MasterName]) -> Option<EtcdServers> {
        let (api, flags) = of(participant)?;
        let own = participant.name();
        let leads = |server: &String| self.hosts.leads(own, server);
        let votes = |server: &&String| match leads(server) {
            Leads::Home | Leads::Unknown => true,
            Leads::To(name) => voters.iter().any(|voter| **voter == name),
        };
        let list = |now: &[String]| {
            let kept: Vec<String> = now.iter().filter(votes).cloned().collect();
            // One that knows its own etcd by this machine's own address knows no other.
            let by_address = now.iter().any(|server| !is_local(server));
            if !(kept.is_empty() || api.rewritten && by_address) {
                return kept;
            }
            let of_voter = |voter: &MasterName| {
                let is_its_own = |server: &&String| match leads(server) {
                    Leads::Home => voter == own,
                    Leads::To(name) => name == *voter,
                    Leads::Unknown => false,
                };
                let there = kept.iter().find(is_its_own).cloned();
                there.or_else(|| Some(Url::parse(now.first()?)?.at(&host(input, voter)).to_string()))
            };
            let unknown = kept.iter().filter(|server| leads(server) == Leads::Unknown).cloned();
            voters.iter().filter_map(|voter| of_voter(voter)).chain(unknown).collect()
        };
        let wanted = flags.etcd.each(|resource, now| match self.hosts.own(own, resource, now) {
            true => list(now),
            false => self.of_another(input, own, resource, now),
        });
        let same = |a: &[String], b: &[String]| a.iter().collect::<BTreeSet<_>>() == b.iter().collect();
        let now = self.written.get(own).unwrap_or(&flags.etcd);
        let overrides = wanted.overrides.iter().zip(&now.overrides);
        let is_so = same(&wanted.servers, &now.servers) && overrides.into_iter().all(|(a, b)| same(&a.1, &b.1));
        (!is_so).then_some(wanted)
    }

    /// What stays of a list about another cluster's etcds. Whoever goes on keeps it: that cluster's own run narrows and widens
    /// it. Whoever comes back is given no more than those know, for it may list an etcd with the data from before that run.
    fn of_another(&self, input: Input<'_>, own: &MasterName, resource: Option<&str>, now: &[String]) -> Vec<String> {
        if self.measure.iter().any(|(name, _)| name == own) {
            return now.to_vec();
        }
        let leads = |at: &MasterName, server: &String| match self.hosts.leads(at, server) {
            Leads::Home => Ok(at.clone()),
            Leads::To(name) => Ok(name),
            Leads::Unknown => Err(server.clone()),
        };
        let mut known = BTreeMap::new();
        for (name, etcd) in &self.measure {
            for server in etcd.of(resource).unwrap_or_default() {
                let url = || Some(Url::parse(server)?.at(&host(input, name)).to_string());
                let shown = if is_local(server) { url() } else { None };
                known.entry(leads(name, server)).or_insert_with(|| shown.unwrap_or_else(|| server.clone()));
            }
        }
        let kept: Vec<String> = now.iter().filter(|server| known.contains_key(&leads(own, server))).cloned().collect();
        match (known.is_empty(), kept.is_empty()) {
            (true, _) => now.to_vec(),
            (false, true) => known.into_values().collect(),
            (false, false) => kept,
        }
    }

    /// The step that writes its list; nothing where it is so already.
    pub(super) fn write(
        &mut self,
        input: Input<'_>,
        participant: &Participant<'_>,
        voters: &[&MasterName],
    ) -> Result<Option<WriteList>, String> {
        let Some((api, flags)) = of(participant) else { return Ok(None) };
        let Some(etcd) = self.wanted(input, participant, voters) else { return Ok(None) };
        let after = api.file.with_servers(&etcd)?;
        let before: BTreeSet<&String> = self.hosts.listed(participant.name(), &flags.etcd).collect();
        let removed = before.into_iter().filter(|server| etcd.all().all(|kept| kept != *server)).cloned().collect();
        let path = AbsPath::new(api.written_at()).map_err(|bad| bad.to_string())?;
        self.written.insert(participant.name().clone(), etcd.clone());
        let (form, before, run) = (api.file.form, api.file.text.clone(), input.request.run.clone());
        Ok(Some(WriteList { path, form, before, after, removed, etcd, run }))
    }

    /// Whether nothing is left to do with it, where these masters vote.
    pub(super) fn is_final(&self, input: Input<'_>, participant: &Participant<'_>, voters: &[&MasterName]) -> bool {
        let Some((api, _)) = of(participant) else { return true };
        !self.is_held_back(api) && self.wanted(input, participant, voters).is_none()
    }

    /// The addresses under which the API servers of these masters may have leases.
    pub(super) fn addresses(&self, masters: &BTreeSet<MasterName>) -> Vec<String> {
        let all: BTreeSet<String> = masters.iter().flat_map(|name| self.hosts.addresses(name)).collect();
        all.into_iter().collect()
    }
}

/// As a command names it.
fn of_cluster(name: &ClusterName) -> String {
    format!(" --cluster {name}")
}

fn is_local(server: &str) -> bool {
    Url::parse(server).is_some_and(|url| url.address().is_some_and(|ip| ip.is_loopback()) || url.host() == "localhost")
}

/// Where clients find a master's etcd.
fn host(input: Input<'_>, master: &MasterName) -> String {
    let settings = input.seen.seen(master).and_then(|seen| seen.settings.as_ref().ok());
    let urls = settings.map(|settings| settings.list("advertise-client-urls")).unwrap_or_default();
    let advertised = urls.iter().filter(|url| !is_local(url)).find_map(|url| Some(Url::parse(url)?.host().to_owned()));
    let address = || input.cluster.master(master).map(|master| master.address.to_string()).unwrap_or_default();
    advertised.unwrap_or_else(address)
}
