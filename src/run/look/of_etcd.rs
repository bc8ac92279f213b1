//! The questions of a look that need settings and tools, as commands. Asks nothing.

use std::time::Duration;

use crate::model::Command;
use crate::observe::{Answer, Settings, Unclear, certificates, peers, read, status, tools};

/// What is asked once the settings and the tools are known; where they are not, or etcd does not run, why it is not.
pub(super) struct OfEtcd {
    pub(super) status: Answer<Command>,
    pub(super) members: Answer<Command>,
    pub(super) read: Answer<Command>,
    pub(super) reach: Command,
    pub(super) certificates: Answer<Command>,
}

impl OfEtcd {
    /// The questions to one master; `usual` are the others' peer URLs as the inventory has them, `read` is the limit of a read.
    pub(super) fn of(
        settings: Option<&Settings>,
        tools: Option<&tools::Tools>,
        runs: bool,
        (usual, read): (&[String], Duration),
    ) -> Self {
        let etcdctl = tools.and_then(|tools| tools.etcdctl.clone());
        let client = settings.and_then(Settings::client_access);
        let peer = settings.and_then(Settings::peer_access).filter(|_| runs);
        let by_client = runs.then_some(etcdctl.zip(client)).flatten();
        let mut others = settings.map(Settings::other_peers).unwrap_or_default();
        others.extend(usual.iter().cloned());
        others.sort();
        others.dedup();
        Self {
            status: by_client
                .as_ref()
                .map(|(path, access)| status::command(path, access))
                .ok_or_else(|| not_asked(runs)),
            members: peer.map(|access| peers::command(&access)).ok_or_else(|| not_asked(runs)),
            read: by_client
                .as_ref()
                .map(|(path, access)| read::command(path, access, read))
                .ok_or_else(|| not_asked(runs)),
            reach: peers::reach_command(&others),
            // They are files: etcd need not run.
            certificates: settings.map(certificates::command).ok_or_else(|| not_asked(true)),
        }
    }
}

fn not_asked(runs: bool) -> Unclear {
    Unclear::not_put(if runs { "its settings or tools are not known" } else { "it does not run" })
}
