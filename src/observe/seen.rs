//! Everything one master said, and what became of asking it. Knows one master alone.

use serde::{Deserialize, Serialize};

use super::{
    Answer, ApiServer, Certificates, Disk, Log, Members, Node, Ports, Process, Read, Settings, Status, Tools, Traces,
    Unit, WalPlace, api_server, certificates, denied, log, node, process, wal_place,
};
use crate::model::{ClusterId, Master};

/// Everything one master said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub unit: Answer<Unit>,
    /// The env file.
    pub settings: Answer<Settings>,
    pub tools: Answer<Tools>,
    pub disk: Answer<Disk>,
    /// Where its write-ahead log lies, where that is not in the data directory.
    #[serde(default = "wal_place::not_asked", skip_serializing_if = "wal_place::is_usual")]
    pub wal_place: Answer<Option<WalPlace>>,
    /// What requorum left there.
    #[serde(rename = "marks")]
    pub traces: Answer<Traces>,
    /// The member's account of itself; an error also when etcd is down.
    pub status: Answer<Status>,
    /// The member list at its peer port; an error also when etcd is down.
    pub members: Answer<Members>,
    /// A linearizable read through it.
    pub read: Answer<Read>,
    /// Why its etcd does not let requorum in, by etcd's own word, where it has users and roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
    /// Which of the other masters' peer URLs take a connection from it.
    pub peer_ports: Answer<Ports>,
    /// When its certificates end.
    #[serde(default = "certificates::not_asked")]
    pub certificates: Answer<Certificates>,
    /// How far its write-ahead log goes; read where nothing serves.
    #[serde(default = "log::not_asked")]
    pub log: Answer<Log>,
    /// What a run would meet there beside etcd.
    #[serde(default = "node::not_asked")]
    pub node: Answer<Node>,
    /// What the running etcd was started with; nothing where none runs.
    #[serde(default = "process::not_asked")]
    pub process: Answer<Option<Process>>,
    /// Its API server; nothing where it has none.
    #[serde(default = "api_server::not_asked", skip_serializing_if = "api_server::is_none")]
    pub api_server: Answer<Option<ApiServer>>,
}

impl Seen {
    /// The master, with the container in which its unit was found to start etcd.
    #[must_use]
    pub fn as_found(&self, master: &Master) -> Master {
        let mut found = master.clone();
        if let Ok(unit) = &self.unit {
            found.etcd.container.clone_from(&unit.container);
        }
        found
    }

    /// Whether etcd's process runs there. Not knowing is not no.
    #[must_use]
    pub fn etcd_runs(&self) -> Option<bool> {
        self.unit.as_ref().ok().map(Unit::running)
    }

    /// Whether its etcd answers, names no leader, and let no linearizable read through. Not knowing is no.
    #[must_use]
    pub fn has_no_leader(&self) -> bool {
        self.status.as_ref().is_ok_and(|status| status.leader.is_none()) && matches!(self.read, Ok(Read::Failed(_)))
    }

    /// Whether the member names a leader now. It may be stale.
    #[must_use]
    pub fn names_leader(&self) -> bool {
        self.status.as_ref().is_ok_and(|status| status.leader.is_some())
    }

    /// Whether its data directory holds no member's data. False where that could not be asked.
    #[must_use]
    pub fn has_no_data(&self) -> bool {
        self.disk.as_ref().is_ok_and(|disk| !disk.has_member)
    }

    /// Whether a quorum stands behind it.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.read == Ok(Read::Answered)
    }

    /// Whether its etcd has users and roles and refuses reads to requorum: nobody knows whether a quorum stands behind it.
    #[must_use]
    pub fn refuses_reads(&self) -> bool {
        self.read.as_ref().is_err_and(|why| denied::word(&why.why).is_some())
    }

    /// Its API server, where that is parked, or what works through it is.
    #[must_use]
    pub fn parked_api_server(&self) -> Option<&ApiServer> {
        self.api_server.as_ref().ok()?.as_ref().filter(|api| api.is_held_back())
    }

    /// The database's size, from the member or else from the disk; none where there is no database.
    #[must_use]
    pub fn db_bytes(&self) -> Option<u64> {
        let status = self.status.as_ref().map(|status| status.db_bytes).ok();
        status.or_else(|| self.disk.as_ref().map(|disk| disk.db_bytes).ok()).filter(|bytes| *bytes > 0)
    }

    /// The database's size and its quota, where there is one.
    #[must_use]
    pub fn db_of_quota(&self) -> Option<(u64, u64)> {
        self.db_bytes().zip(self.settings.as_ref().ok()?.quota_bytes())
    }

    /// The cluster it belongs to, from either port.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        self.status
            .as_ref()
            .map(|status| status.cluster)
            .ok()
            .or_else(|| self.members.as_ref().ok().map(|members| members.cluster))
    }
}

/// What became of asking one master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contact {
    /// It answered over SSH.
    Answers(Box<Seen>),
    /// Nothing answered: dark, not proved dead.
    Silent(String),
    /// Something answered that we may not talk to (host key, login, sudo).
    Refused(String),
}

impl Contact {
    /// What it said, where it answered.
    #[must_use]
    pub fn seen(&self) -> Option<&Seen> {
        match self {
            Self::Answers(seen) => Some(seen),
            Self::Silent(_) | Self::Refused(_) => None,
        }
    }
}
