//! What a drill must know about the site before it begins: what the masters say they are, and how the canaries write.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::model::{Cluster, Master, MasterName, Url, ZoneName};
use crate::observe::{Observation, Unclear, environment, tools};
use crate::plan::cut_off;
use crate::plan::drill::Words;
use crate::run::canary::{ApiWay, Way};
use crate::run::look::ask;
use crate::run::outage::Closing;
use crate::run::ports::{Console, Event, Prompt, Remote};
use crate::step::keep_tools;

use super::{Failure, OutageKind};

/// A person who may still have to give a passphrase, and is asked nothing else: a question would outlast the outage.
pub(super) struct Busy(pub Arc<dyn Prompt>);

impl Prompt for Busy {
    fn attended(&self) -> bool {
        self.0.attended()
    }

    fn line(&self, _question: &str) -> std::io::Result<String> {
        Err(std::io::Error::other("a drill asks no questions while it runs"))
    }

    fn secret(&self, question: &str) -> std::io::Result<zeroize::Zeroizing<String>> {
        self.0.secret(question)
    }
}

/// Asks every master what kind of machine it says it is.
pub(super) async fn words(cluster: &Cluster, remote: &Arc<dyn Remote>) -> Words {
    let mut tasks = JoinSet::new();
    for master in cluster.masters() {
        let (remote, name) = (Arc::clone(remote), master.name.clone());
        tasks.spawn(async move {
            let word = ask(&remote, &name, environment::command()).await.and_then(|output| environment::parse(&output));
            (name, word)
        });
    }
    let mut words = Words::new();
    while let Some(Ok((name, word))) = tasks.join_next().await {
        words.insert(name, word);
    }
    words
}

/// How the two canaries write: through the first master outside the zone, and the first in it.
pub(super) fn ways(cluster: &Cluster, zone: &ZoneName, seen: &Observation) -> Result<(Way, Way), Failure> {
    let first = |inside: bool| {
        let masters = cluster.masters().filter(|master| (&master.zone == zone) == inside);
        let mut known = masters.map(|master| way(master, seen));
        known.find(Result::is_ok).unwrap_or_else(|| Err(Unclear::text("a canary", "no master accepts a write")))
    };
    let known = |inside| first(inside).map_err(|unclear| Failure::failed(unclear.to_string()));
    Ok((known(false)?, known(true)?))
}

fn way(master: &Master, seen: &Observation) -> Result<Way, Unclear> {
    let missing = |what: &str| Unclear::text("a canary", &format!("the {what} of {} is not known", master.name));
    let seen = seen.seen(&master.name).ok_or_else(|| missing("the answer"))?;
    let etcdctl = seen.tools.as_ref().ok().and_then(|tools| tools.etcdctl.clone()).ok_or_else(|| missing("etcdctl"))?;
    let etcdctl = tools::kept(&etcdctl);
    let access = seen.settings.as_ref().ok().and_then(|settings| settings.client_access());
    Ok(Way { host: master.name.clone(), etcdctl, access: access.ok_or_else(|| missing("the client port"))? })
}

/// How a canary writes through a master's API server, with the certificate that it shows to kubelets; nothing where there is
/// none to write through. Where there is one, or may be one, it is told why not.
pub(super) fn api_way(host: &MasterName, seen: &Observation, console: &dyn Console) -> Option<ApiWay> {
    if let Some(text) = no_api_way(host, seen) {
        console.tell(Event::Warning { text });
    }
    let api = seen.seen(host)?.api_server.as_ref().ok()?.as_ref().filter(|api| !api.parked)?;
    let flags = api.flags.as_ref().ok()?;
    let (certificate, key) = flags.client.clone()?;
    Some(ApiWay { host: host.clone(), address: flags.address.clone(), certificate, key })
}

/// Why nothing is written through the API server of a master that has one, or may have one.
fn no_api_way(host: &MasterName, seen: &Observation) -> Option<String> {
    let why = match &seen.seen(host)?.api_server {
        Err(why) if why.was_asked() => why.to_string(),
        Ok(Some(api)) if api.parked => "its API server is parked".to_owned(),
        Ok(Some(api)) => match &api.flags {
            Err(why) => why.to_string(),
            Ok(flags) if flags.client.is_none() => "its API server has no certificate towards kubelets".to_owned(),
            Ok(_) => return None,
        },
        Err(_) | Ok(None) => return None,
    };
    Some(format!("{host}: the time without writes through the API is not measured: {why}"))
}

/// A canary uses the programs of an image long after what runs it is gone: they are kept first.
///
/// # Errors
/// Where they cannot be kept, and why.
pub(super) async fn keep_tools(cluster: &Cluster, ways: [&Way; 2], remote: &Arc<dyn Remote>) -> Result<(), Failure> {
    for way in ways.into_iter().filter(|way| way.etcdctl.starts_with(tools::KEPT)) {
        let Some(master) = cluster.master(&way.host) else { continue };
        let kept = ask(remote, &way.host, keep_tools::command(&master.etcd.supervisor())).await;
        let kept = kept.map_err(|unclear| Failure::failed(unclear.to_string()))?;
        if !kept.ok() {
            return Err(Failure::failed(format!("{}: {}", way.host, kept.complaint())));
        }
    }
    Ok(())
}

/// An outage by the site's own commands needs them in the inventory.
pub(super) fn commands_are_known(cluster: &Cluster, zone: &ZoneName, outage: OutageKind) -> Result<(), Failure> {
    let known = cluster.zones.get(zone).is_some_and(|zone| zone.power.is_some());
    if outage != OutageKind::Command || known {
        return Ok(());
    }
    let next = format!(
        "add to the zone, for example: power: {{ off: [ipmi-power, off, {zone}], on: [ipmi-power, on, {zone}] }}"
    );
    Err(Failure::input(format!("the inventory does not say how {zone} is switched off and on")).hint(next))
}

/// What is closed where, to cut the zone off from all others.
pub(super) fn closings(cluster: &Cluster, zone: &ZoneName, seen: &Observation) -> Vec<Closing> {
    let settings = |master: &Master| seen.seen(&master.name).and_then(|seen| seen.settings.as_ref().ok());
    let hosts_of = |master: &Master| {
        let urls = settings(master).map(|settings| settings.peer_urls()).unwrap_or_default();
        let mut hosts: Vec<String> =
            urls.iter().filter_map(|url| Url::parse(url)).map(|url| url.host().to_owned()).collect();
        hosts.retain(|host| !host.is_empty());
        hosts.push(master.address.to_string());
        hosts
    };
    let ports: Vec<u16> = cut_off::of(seen).into_iter().collect();
    let mut towards: Vec<String> = cluster.masters().filter(|master| &master.zone != zone).flat_map(hosts_of).collect();
    towards.sort();
    towards.dedup();
    let within = cluster.masters().filter(|master| &master.zone == zone);
    within
        .map(|master| Closing {
            host: master.name.clone(),
            supervisor: master.etcd.supervisor(),
            ports: ports.clone(),
            towards: towards.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_ports_that_are_closed_are_the_clusters_own() {
        let site = crate::sim::Site::with_ports(&[2, 1], 12379, 12380);
        site.wait(std::time::Duration::from_secs(15)).await;
        let (seen, _) = site.status().await;
        let zone = ZoneName::new("zone1").unwrap();
        for closing in closings(&site.cluster(), &zone, &seen) {
            assert_eq!((closing.ports, closing.towards), (vec![12379, 12380], vec!["10.77.2.11".to_owned()]));
        }
    }
}
