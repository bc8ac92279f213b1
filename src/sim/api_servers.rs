//! API servers on the machines of the model: their manifests in the kubelet's folder or held, what they read, and whether they
//! are ready. A kubelet starts what lies in its folder.

use std::collections::BTreeSet;

use crate::config::api_server::ApiServerFile;
use crate::model::{ClusterId, MasterName, Program};

use super::etcdctl::Reply;
use super::machine::Machine;
use super::state::State;
use super::{Site, name};

/// Where a kubelet finds static pods.
const FOLDER: &str = "/etc/kubernetes/manifests";
/// Where those lie that must not run.
const STATE: &str = "/var/lib/requorum";

fn home(program: Program) -> String {
    format!("{FOLDER}/{}.yaml", program.name())
}

fn held(program: Program) -> String {
    format!("{STATE}/held/{}.yaml", program.name())
}

fn manifest(program: Program, servers: &str) -> String {
    let flags = match program {
        Program::KubeApiserver => format!("    - --etcd-servers={servers}\n    - --secure-port=6443\n"),
        Program::KubeControllerManager | Program::KubeScheduler => "    - --leader-elect=true\n".to_owned(),
    };
    format!("kind: Pod\nspec:\n  containers:\n  - command:\n    - {}\n{flags}", program.name())
}

impl Site {
    /// The same site with an API server on every master, as kubespray sets it up: it knows every etcd.
    #[must_use]
    pub fn with_api_servers(self) -> Self {
        self.run_api_servers();
        self
    }

    /// From now on every master has an API server that knows every etcd.
    pub fn run_api_servers(&self) {
        self.with(|state| {
            let all: Vec<String> = state.machines.values().map(Machine::client_url).collect();
            state.machines.values_mut().for_each(|machine| machine.run_api_server(&all.join(",")));
        });
    }

    /// Somebody writes an API server's manifest anew, with these masters' etcds: kubespray, say.
    pub fn write_api_server(&self, master: &str, masters: &[&str]) {
        self.with(|state| {
            let servers: Vec<String> = masters.iter().map(|other| state.seen(&name(other)).client_url()).collect();
            let text = manifest(Program::KubeApiserver, &servers.join(","));
            state.machine(&name(master)).put(home(Program::KubeApiserver), text);
        });
    }

    /// A part of an API server's manifest is another.
    pub fn api_server_says(&self, master: &str, part: &str, other: &str) {
        self.with(|state| {
            let machine = state.machine(&name(master));
            let text = machine.file(&home(Program::KubeApiserver)).unwrap_or_default();
            assert!(text.contains(part), "the API server of {master} does not say {part:?}");
            machine.put(home(Program::KubeApiserver), text.replace(part, other));
        });
    }

    /// The masters whose etcds an API server knows, whether it runs or is parked; nothing where there is none.
    #[must_use]
    pub fn api_server_lists(&self, master: &str) -> Option<BTreeSet<String>> {
        let state = self.lock();
        let machine = state.seen(&name(master));
        let path = [home(Program::KubeApiserver), held(Program::KubeApiserver)];
        let text = path.iter().find_map(|path| machine.file(path))?;
        Some(state.listed_by(machine, &text).into_iter().map(|name| name.to_string()).collect())
    }

    /// Whether a master's API server is ready, and what works through it runs.
    #[must_use]
    pub fn api_server_serves(&self, master: &str) -> bool {
        self.with(|state| {
            state.tick();
            let machine = state.seen(&name(master));
            let all = Program::ALL.into_iter().all(|program| machine.files.contains_key(&home(program)));
            all && state.api_server_is_ready(machine)
        })
    }

    /// Whether a master's API server is kept from running.
    #[must_use]
    pub fn api_server_is_parked(&self, master: &str) -> bool {
        let state = self.lock();
        let files = &state.seen(&name(master)).files;
        files.contains_key(&held(Program::KubeApiserver)) && !files.contains_key(&home(Program::KubeApiserver))
    }
}

impl Machine {
    fn run_api_server(&mut self, servers: &str) {
        Program::ALL.into_iter().for_each(|program| self.put(home(program), manifest(program, servers)));
    }

    fn runs(&self, program: Program) -> bool {
        self.powered && self.files.contains_key(&home(program))
    }

    /// Whether a run has rewritten the list of its API server.
    pub(super) fn list_was_rewritten(&self) -> bool {
        let kept = format!("{}.retired-", held(Program::KubeApiserver));
        self.files.keys().any(|path| path.starts_with(&kept))
    }

    /// The manifests, and what lies beside them.
    pub(super) fn api_server(&self) -> Reply {
        let tell =
            |kind: &str, path: &str, text: &str| format!("{kind}\t{path}\troot root 600\t{}\n{text}\n", text.len());
        let mut said = String::new();
        let mut state = String::new();
        for program in Program::ALL {
            for (kind, path) in [("manifest", home(program)), ("held", held(program))] {
                said += &self.file(&path).map(|text| tell(kind, &path, &text)).unwrap_or_default();
            }
            if self.runs(program) {
                state += &format!("runs={}\n", program.name());
            }
            if let Some(marker) = self.file(&format!("{STATE}/parked-{}", program.name())) {
                let by = marker.lines().next().unwrap_or_default();
                state += &format!("parked={} {by}\nwas={} {}\n", program.name(), program.name(), home(program));
            }
        }
        if self.list_was_rewritten() {
            state += "rewritten=yes\n";
        }
        Reply::said(said + &tell("state", "-", &state))
    }
}

impl State {
    /// The masters whose etcds a manifest names.
    fn listed_by(&self, machine: &Machine, text: &str) -> BTreeSet<MasterName> {
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
    fn read_by(&self, machine: &Machine) -> BTreeSet<MasterName> {
        let text = machine.file(&home(Program::KubeApiserver)).filter(|_| machine.powered);
        text.map(|text| self.listed_by(machine, &text)).unwrap_or_default()
    }

    fn api_server_is_ready(&self, machine: &Machine) -> bool {
        let writable = self.writable();
        let serves = |name: &MasterName| writable.values().flatten().any(|other| other == name);
        let heard = |name: &&MasterName| self.hear(machine, self.seen(name));
        self.read_by(machine).iter().filter(heard).any(serves)
    }

    /// What its `/readyz` says.
    pub(super) fn api_ready(&mut self, host: &MasterName) -> Reply {
        self.tick();
        let machine = self.seen(host);
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
