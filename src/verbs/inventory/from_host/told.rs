//! What the command line says of a cluster that is yet to be asked, checked as an inventory is. Asks nothing.

use std::collections::BTreeMap;

use crate::import::draft::{Said, Settings};
use crate::import::page;
use crate::model::diagnostic::{Source, word};
use crate::model::name::BadName;
use crate::model::{
    Address, ApiServerAt, Cluster, ClusterName, Environment, EtcdSettings, Master, MasterName, SshSettings, Zone,
    ZoneName, inventory,
};
use crate::verbs::Failure;

/// `init --from` as it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FromHost {
    /// The master to ask.
    pub host: String,
    /// How SSH reaches it, by the inventory's keys.
    pub ssh: Vec<(&'static str, String)>,
    /// What the cluster is to be called.
    pub cluster: Option<String>,
    /// What kind of cluster it is.
    pub environment: Option<String>,
    /// `NAME=HOST,HOST…`.
    pub zones: Vec<String>,
}

/// The same, checked.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) address: Address,
    /// What the host is called until its member's name is known.
    pub(super) host: MasterName,
    /// A cluster of this host alone.
    pub(super) alone: Cluster,
    /// What was said of SSH, to be written.
    pub(super) settings: Settings,
    pub(super) cluster: Option<String>,
    pub(super) environment: Option<String>,
    /// Each zone with the words for its masters.
    pub(super) zones: BTreeMap<ZoneName, Vec<String>>,
}

impl Told {
    /// # Errors
    /// When something of it could stand in no inventory.
    pub(super) fn read(request: &FromHost) -> Result<Self, Failure> {
        let address = Address::new(request.host.as_str())
            .map_err(|bad| Failure::usage(format!("--from {}: it {}", word(&bad.text), bad.why)))?;
        // An IPv6 address is no name.
        let bad = |bad: BadName| Failure::usage(bad.to_string());
        let host = MasterName::new(address.as_str()).or_else(|_| MasterName::new("host")).map_err(bad)?;
        let mut settings = Settings::new();
        settings.insert(("ssh", "user"), Said::known("root"));
        settings.extend(request.ssh.iter().map(|(key, value)| (("ssh", *key), Said::known(value.as_str()))));
        let known = inventory::master_settings(&Source::new("the command line", page::settings(&settings)))
            .map_err(|wrong| Failure::usage(wrong.first().map_or("ssh", |first| &first.message)))?;
        if let Some(name) = &request.cluster {
            ClusterName::new(name.as_str())
                .map_err(|bad| Failure::usage(format!("--cluster {}: it {}", word(&bad.text), bad.why)))?;
        }
        let alone = alone(&address, &host, known).map_err(bad)?;
        let (cluster, environment) = (request.cluster.clone(), request.environment.clone());
        Ok(Self { address, host, alone, settings, cluster, environment, zones: zones(&request.zones)? })
    }

    /// A cluster of this host alone, with its etcd as it was found.
    pub(super) fn cluster_of(&self, etcd: &EtcdSettings) -> Cluster {
        let mut cluster = self.alone.clone();
        let masters = cluster.zones.values_mut().flat_map(|zone| zone.masters.values_mut());
        masters.for_each(|master| master.etcd = etcd.clone());
        cluster
    }
}

/// What is asked before anything is known: one master, its etcd as it is where nobody says anything.
fn alone(address: &Address, host: &MasterName, (ssh, etcd): (SshSettings, EtcdSettings)) -> Result<Cluster, BadName> {
    let (zone, name) = (ZoneName::new(host.as_str())?, ClusterName::new(host.as_str())?);
    let (own, address, kubernetes) = (host.clone(), address.clone(), ApiServerAt::Nowhere);
    let master = Master { name: own, zone: zone.clone(), address, ssh, etcd, kubernetes };
    let zones = [(zone.clone(), Zone { name: zone, masters: [(host.clone(), master)].into(), power: None })].into();
    Ok(Cluster { name, environment: Environment::Production, objectives: None, zones })
}

fn zones(said: &[String]) -> Result<BTreeMap<ZoneName, Vec<String>>, Failure> {
    let mut zones: BTreeMap<ZoneName, Vec<String>> = BTreeMap::new();
    for text in said {
        let form = || Failure::usage(format!("--zone {}: write NAME=HOST,HOST", word(text)));
        let (name, hosts) = text.split_once('=').ok_or_else(form)?;
        let name =
            ZoneName::new(name).map_err(|bad| Failure::usage(format!("--zone {}: it {}", word(text), bad.why)))?;
        let hosts: Vec<String> = hosts.split(',').map(|host| host.trim().to_owned()).collect();
        if hosts.iter().any(String::is_empty) {
            return Err(form());
        }
        zones.entry(name).or_default().extend(hosts);
    }
    Ok(zones)
}
