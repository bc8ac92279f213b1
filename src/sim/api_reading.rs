//! What the API servers of the model read from, and whether they are ready. Parks none.

use std::collections::BTreeSet;

use crate::config::api_server::ApiServerFile;
use crate::model::{ClusterId, MasterName, Program};

use super::api_servers::home;
use super::etcdctl::Reply;
use super::machine::Machine;
use super::state::State;

impl State {
    /// The masters whose etcds a manifest names.
    pub(super) fn listed_by(&self, machine: &Machine, text: &str) -> BTreeSet<MasterName> {
        let flags = ApiServerFile::manifest(&home(Program::KubeApiserver), text).flags();
        let servers: Vec<String> = flags.iter().flat_map(|flags| flags.etcd.all().cloned()).collect();
        let leads = |server: &String| {
            let other = |other: &&Machine| other.client_url() == *server;
            let own = server.contains("//127.0.0.1:").then(|| machine.name.clone());
            own.or_else(|| self.machines.values().find(other).map(|other| other.name.clone()))
        };
        servers.iter().filter_map(leads).collect()
    }

    /// The masters whose etcds a running API server reads from.
    pub(super) fn read_by(&self, machine: &Machine) -> BTreeSet<MasterName> {
        let text = machine.file(&home(Program::KubeApiserver)).filter(|_| machine.powered);
        text.map(|text| self.listed_by(machine, &text)).unwrap_or_default()
    }

    pub(super) fn api_server_is_ready(&self, machine: &Machine) -> bool {
        let writable = self.writable();
        let serves = |name: &MasterName| writable.values().flatten().any(|other| other == name);
        let heard = |name: &&MasterName| self.hear(machine, self.seen(name));
        self.read_by(machine).iter().filter(heard).any(serves)
    }

    /// What its `/readyz` says.
    pub(super) fn api_ready(&mut self, host: &MasterName) -> Reply {
        self.tick();
        let machine = self.seen(host);
        if let Some(code) = machine.api_refuses.as_ref().filter(|_| machine.runs(Program::KubeApiserver)) {
            return Reply::said(format!("code={code}\n"));
        }
        Reply::said(match (machine.runs(Program::KubeApiserver), self.api_server_is_ready(machine)) {
            (false, _) => "down=yes\n",
            (true, true) => "code=200\n",
            (true, false) => "code=500\n",
        })
    }

    /// The clusters that a running API server reads from in turn.
    pub(super) fn clusters_read_by(&self, machine: &Machine) -> BTreeSet<ClusterId> {
        let read = self.read_by(machine);
        let of = |(cluster, names): (ClusterId, Vec<MasterName>)| {
            let heard = |name: &MasterName| read.contains(name) && self.hear(machine, self.seen(name));
            names.iter().any(heard).then_some(cluster)
        };
        self.writable().into_iter().filter_map(of).collect()
    }
}
