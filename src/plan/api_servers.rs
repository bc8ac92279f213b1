//! What a plan does with API servers: whom it may touch, and which etcd servers each is to know. Asks nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::api_server::{ApiServerFlags, EtcdServers};
use crate::model::command::clean;
use crate::model::{AbsPath, Cluster, MasterName, Url};
use crate::observe::api_server_list::{Hosts, Leads};
use crate::observe::{ApiServer, Finding, Observation};
use crate::step::write_list::WriteList;

use super::checks::Refusals;
use super::draft::Participant;
use super::{Input, Rule};

/// What the lines of a playbook have made of API servers so far.
#[derive(Debug, Clone, Default)]
pub(super) struct ApiDraft {
    hosts: Hosts,
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
                let unknown = flags.etcd.all().filter(|server| hosts.leads(name, server) == Leads::Unknown);
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
        Self { hosts: Hosts::of(cluster, seen), ..Self::default() }
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
        let wanted = flags.etcd.each(list);
        let same = |a: &[String], b: &[String]| a.iter().collect::<BTreeSet<_>>() == b.iter().collect();
        let now = self.written.get(own).unwrap_or(&flags.etcd);
        let overrides = wanted.overrides.iter().zip(&now.overrides);
        let is_so = same(&wanted.servers, &now.servers) && overrides.into_iter().all(|(a, b)| same(&a.1, &b.1));
        (!is_so).then_some(wanted)
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
        let before: BTreeSet<&String> = flags.etcd.all().collect();
        let removed = before.into_iter().filter(|server| etcd.all().all(|kept| kept != *server)).cloned().collect();
        let path = AbsPath::new(api.written_at()).map_err(|bad| bad.to_string())?;
        self.written.insert(participant.name().clone(), etcd.clone());
        let (form, before, run) = (api.file.form, api.file.text.clone(), input.request.run.clone());
        Ok(Some(WriteList { path, form, before, after, removed, etcd, run }))
    }

    /// Whether nothing is left to do with it, where these masters vote.
    pub(super) fn is_final(&self, input: Input<'_>, participant: &Participant<'_>, voters: &[&MasterName]) -> bool {
        let Some((api, _)) = of(participant) else { return true };
        !api.is_held_back() && self.wanted(input, participant, voters).is_none()
    }

    /// The addresses under which the API servers of these masters may have leases.
    pub(super) fn addresses(&self, masters: &BTreeSet<MasterName>) -> Vec<String> {
        let all: BTreeSet<String> = masters.iter().flat_map(|name| self.hosts.addresses(name)).collect();
        all.into_iter().collect()
    }
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
