//! A cluster as the inventory describes it, with every setting resolved per master. Knows nothing about what the
//! masters say.

mod by_config;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::control_plane::ApiServerAt;
use super::name::{AbsPath, Address, ClusterName, ContainerName, MasterName, UnitName, UserName, ZoneName};
use super::supervisor::{Container, STATE, StaticPod, Supervisor};

pub use by_config::{AgentAt, ByConfig, Hop};

/// What kind of cluster this is; a drill refuses production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Carries real work.
    Production,
    /// Looks like production and may be broken on purpose.
    Staging,
    /// Made to be thrown away.
    Lab,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Lab => "lab",
        })
    }
}

/// How a command becomes root on a master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Become {
    /// The SSH user is root.
    None,
    /// By sudo, with a password (asked for once) or without.
    Sudo,
}

/// A host to go through, as OpenSSH's ProxyJump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jump {
    /// Where it is.
    pub address: Address,
    /// Its SSH port.
    pub port: u16,
    /// The user there.
    pub user: UserName,
}

impl fmt::Display for Jump {
    /// As an inventory writes it: put an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.as_str() {
            six if six.contains(':') => write!(f, "{}@[{six}]:{}", self.user, self.port),
            address => write!(f, "{}@{address}:{}", self.user, self.port),
        }
    }
}

/// How to reach one master by SSH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshSettings {
    /// The user to log in as.
    pub user: UserName,
    /// The SSH port.
    pub port: u16,
    /// How to become root there.
    #[serde(rename = "become")]
    pub elevate: Become,
    /// A private key file on the bastion; without one the agent and the usual files are tried.
    pub identity: Option<String>,
    /// A known_hosts file on the bastion; without one the user's and the system's.
    pub known_hosts: Option<String>,
    /// A host to go through.
    pub jump: Option<Jump>,
    /// What the bastion's own OpenSSH configuration adds.
    #[serde(default, skip_serializing_if = "ByConfig::is_empty")]
    pub by_config: ByConfig,
}

/// Where etcd lives on one master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdSettings {
    /// The systemd unit.
    pub unit: UnitName,
    pub data_dir: AbsPath,
    /// Where its settings are written down.
    #[serde(default)]
    pub config: ConfigAt,
    /// The template that rewrites them; without one the shipped one for such a file.
    #[serde(default)]
    pub template: Option<String>,
    /// Where the master keeps which cluster its etcd is of; another etcd on the same master has another place.
    #[serde(default, skip_serializing_if = "RecordAt::is_main")]
    pub record: RecordAt,
    /// What opens its client port; without it what the node's own etcdctl uses, else etcd's own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientFiles>,
    /// A folder on the bastion with etcd's tools by version, for masters that have none which fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<AbsPath>,
    /// The container in which the unit starts it. No inventory says it: it is what a look found in the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerName>,
}

/// A file under requorum's own directory on a master.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordAt(Option<ClusterName>);

impl RecordAt {
    /// That of a cluster beside the main one.
    #[must_use]
    pub const fn beside(cluster: ClusterName) -> Self {
        Self(Some(cluster))
    }

    /// Whether it is the main cluster's.
    #[must_use]
    pub const fn is_main(&self) -> bool {
        self.0.is_none()
    }

    /// The cluster beside the main one, where it is one.
    #[must_use]
    pub const fn cluster(&self) -> Option<&ClusterName> {
        self.0.as_ref()
    }
}

impl fmt::Display for RecordAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => write!(f, "{STATE}/cluster.json"),
            Some(cluster) => write!(f, "{STATE}/cluster-{cluster}.json"),
        }
    }
}

/// A client's certificate on a master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFiles {
    /// The certificate. Where etcd has users and roles, its CN is the name of one with the role `root`.
    pub cert: AbsPath,
    pub key: AbsPath,
}

impl fmt::Display for ClientFiles {
    /// As an inventory writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{ cert: {}, key: {} }}", self.cert, self.key)
    }
}

/// Where etcd's settings are written down, as the inventory has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigAt {
    /// Nobody said: the unit on the master says it.
    #[default]
    AsUnitSays,
    /// A file with `ETCD_…` settings.
    EnvFile(AbsPath),
    /// The flags in the unit itself.
    UnitFlags,
    /// The file of `--config-file`.
    ConfigFile(AbsPath),
    /// The manifest of a static pod, which a kubelet starts.
    StaticPod(AbsPath),
}

impl EtcdSettings {
    /// What starts etcd there.
    #[must_use]
    pub fn supervisor(&self) -> Supervisor {
        let data_dir = self.data_dir.clone();
        match (&self.config, &self.container) {
            (ConfigAt::StaticPod(manifest), _) => {
                Supervisor::Kubelet(StaticPod { manifest: manifest.clone(), data_dir })
            }
            (_, Some(container)) => {
                Supervisor::Docker(Container { unit: self.unit.clone(), container: container.clone(), data_dir })
            }
            (_, None) => Supervisor::Systemd(self.unit.clone()),
        }
    }
}

impl ConfigAt {
    /// As an inventory writes it; nothing where nobody said any.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::AsUnitSays => None,
            Self::EnvFile(path) => Some(format!("{{ env_file: {path} }}")),
            Self::UnitFlags => Some("{ unit_flags: true }".to_owned()),
            Self::ConfigFile(path) => Some(format!("{{ config_file: {path} }}")),
            Self::StaticPod(path) => Some(format!("{{ static_pod: {path} }}")),
        }
    }

    /// Whether it is a file that only one etcd can have.
    #[must_use]
    pub const fn names_a_file(&self) -> bool {
        match self {
            Self::AsUnitSays | Self::UnitFlags => false,
            Self::EnvFile(_) | Self::ConfigFile(_) | Self::StaticPod(_) => true,
        }
    }

    /// The file that is read before the unit is known; kubespray's, where none is named.
    #[must_use]
    pub fn first_read(&self) -> &str {
        match self {
            Self::EnvFile(path) | Self::ConfigFile(path) | Self::StaticPod(path) => path.as_str(),
            Self::AsUnitSays | Self::UnitFlags => "/etc/etcd.env",
        }
    }
}

/// A machine that carries an etcd member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// Its name in the inventory.
    pub name: MasterName,
    /// The zone it stands in.
    pub zone: ZoneName,
    /// Where it is reached.
    pub address: Address,
    /// How it is reached.
    pub ssh: SshSettings,
    /// Where its etcd is.
    pub etcd: EtcdSettings,
    /// Where its API server is.
    #[serde(default, skip_serializing_if = "ApiServerAt::is_anywhere")]
    pub kubernetes: ApiServerAt,
}

impl Master {
    /// Every setting as an inventory writes it, under its keys with dots between them; nothing for `null`.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, Option<String>); 14] {
        let (ssh, etcd) = (&self.ssh, &self.etcd);
        let elevate = match ssh.elevate {
            Become::None => "none",
            Become::Sudo => "sudo",
        };
        [
            ("address", Some(self.address.to_string())),
            ("ssh.user", Some(ssh.user.to_string())),
            ("ssh.port", Some(ssh.port.to_string())),
            ("ssh.become", Some(elevate.to_owned())),
            ("ssh.identity", ssh.identity.clone()),
            ("ssh.known_hosts", ssh.known_hosts.clone()),
            ("ssh.jump", ssh.jump.as_ref().map(Jump::to_string)),
            ("etcd.unit", Some(etcd.unit.to_string())),
            ("etcd.data_dir", Some(etcd.data_dir.to_string())),
            ("etcd.config", etcd.config.shown()),
            ("etcd.template", etcd.template.clone()),
            ("etcd.client", etcd.client.as_ref().map(ClientFiles::to_string)),
            ("etcd.tools", etcd.tools.as_ref().map(AbsPath::to_string)),
            ("kubernetes", self.kubernetes.shown()),
        ]
    }
}

/// Masters that fail together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    pub name: ZoneName,
    pub masters: BTreeMap<MasterName, Master>,
    /// How a drill switches it off and on, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
}

/// Commands of the site's own on the bastion, by argv.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    /// Switches the zone's masters off; done when it ends.
    pub off: Vec<String>,
    /// Switches them on again.
    pub on: Vec<String>,
}

/// What a recovery must achieve; a drill measures against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objectives {
    /// How long writes may fail.
    pub rto: Option<Duration>,
    /// How much acknowledged work may be lost.
    pub rpo: Option<Duration>,
}

/// A whole inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// What an operator types to consent.
    pub name: ClusterName,
    /// What kind of cluster it is.
    pub environment: Environment,
    /// What a recovery must achieve, where it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objectives: Option<Objectives>,
    /// The zones, at least two.
    pub zones: BTreeMap<ZoneName, Zone>,
}

impl Cluster {
    /// Every master, by zone and then by name.
    pub fn masters(&self) -> impl Iterator<Item = &Master> {
        self.zones.values().flat_map(|zone| zone.masters.values())
    }

    /// Every master's zone.
    #[must_use]
    pub fn zone_of_masters(&self) -> BTreeMap<MasterName, ZoneName> {
        self.masters().map(|master| (master.name.clone(), master.zone.clone())).collect()
    }

    /// Where its masters keep which cluster is the newest.
    #[must_use]
    pub fn record(&self) -> RecordAt {
        self.masters().next().map(|master| master.etcd.record.clone()).unwrap_or_default()
    }

    #[must_use]
    pub fn master(&self, name: &MasterName) -> Option<&Master> {
        self.masters().find(|master| &master.name == name)
    }

    /// Every master outside `zones`: who survives when they are lost.
    pub fn outside<'a, 'b>(&'a self, zones: &'b BTreeSet<ZoneName>) -> impl Iterator<Item = &'a Master> + use<'a, 'b> {
        self.masters().filter(move |master| !zones.contains(&master.zone))
    }

    /// Every master within `zones`.
    pub fn within<'a, 'b>(&'a self, zones: &'b BTreeSet<ZoneName>) -> impl Iterator<Item = &'a Master> + use<'a, 'b> {
        self.masters().filter(move |master| zones.contains(&master.zone))
    }
}
