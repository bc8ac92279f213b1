//! API servers on the machines of the model: their manifests in the kubelet's folder or held. A kubelet starts what lies in its
//! folder.

use std::collections::BTreeSet;

use crate::model::{MasterName, Program, RecordAt};

use super::acts::Call;
use super::etcdctl::Reply;
use super::machine::Machine;
use super::state::State;
use super::{Site, name};

/// Where a kubelet finds static pods.
const FOLDER: &str = "/etc/kubernetes/manifests";
/// Where those lie that must not run.
const STATE: &str = "/var/lib/requorum";

/// Its certificate towards kubelets, and its key.
const PKI: &str = "/etc/kubernetes/pki/apiserver-kubelet-client";

/// The ports of another cluster's etcds on the same machines.
const EVENTS: u16 = 2383;
const MAIN: u16 = 2385;

fn url_at(machine: &Machine, port: u16) -> String {
    format!("https://{}:{port}", machine.address)
}

pub(super) fn home(program: Program) -> String {
    format!("{FOLDER}/{}.yaml", program.name())
}

fn held(program: Program) -> String {
    format!("{STATE}/held/{}.yaml", program.name())
}

fn manifest(program: Program, servers: &str) -> String {
    let flags = match program {
        Program::KubeApiserver => format!(
            "    - --etcd-servers={servers}\n    - --secure-port=6443\n    - --kubelet-client-certificate={PKI}.crt\n    - \
             --kubelet-client-key={PKI}.key\n"
        ),
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

    /// From now on every master has an API server of this kind; without a word one that knows every etcd.
    ///
    /// # Panics
    /// When there is no such kind.
    pub fn run_api_servers_of(&self, kind: &[&str]) {
        match kind {
            [] => self.run_api_servers(),
            ["stacked"] => self.run_stacked_api_servers(),
            ["events-elsewhere"] => self.run_api_servers_beside_events(),
            ["events-here"] => self.run_api_servers_of_events(),
            _ => panic!("no API servers are {kind:?}"),
        }
    }

    /// From now on every master has an API server that knows every etcd.
    pub fn run_api_servers(&self) {
        self.with(|state| {
            let all: Vec<String> = state.machines.values().map(Machine::client_url).collect();
            state.machines.values_mut().for_each(|machine| machine.run_api_server(&all.join(",")));
        });
    }

    /// From now on every master has an API server that knows every etcd, and for events those of a second cluster on the same
    /// machines, which this model does not have.
    fn run_api_servers_beside_events(&self) {
        self.with(|state| state.run_api_servers_with(Machine::client_url, |machine| url_at(machine, EVENTS)));
    }

    /// From now on these etcds are the cluster for events, beside a main one on the same machines, which this model does not have.
    fn run_api_servers_of_events(&self) {
        self.with(|state| {
            state.run_api_servers_with(|machine| url_at(machine, MAIN), Machine::client_url);
            let record = RecordAt::beside(state.cluster.name.clone());
            for zone in state.cluster.zones.values_mut() {
                zone.masters.values_mut().for_each(|master| master.etcd.record = record.clone());
            }
        });
    }

    /// A run of the main cluster's has parked an API server, beside these etcds.
    pub fn park_for_another(&self, master: &str) {
        self.with(|state| {
            let machine = state.machine(&name(master));
            for program in Program::ALL {
                machine.put(format!("{STATE}/parked-{}", program.name()), "parked by a run of the main cluster's\n");
                machine.rename(&home(program), &held(program));
            }
        });
    }

    /// The masters whose etcds of a cluster that the model does not have an API server knows.
    #[must_use]
    pub fn api_server_lists_elsewhere(&self, master: &str) -> Option<BTreeSet<String>> {
        let state = self.lock();
        let text = state.seen(&name(master)).api_server_text()?;
        let is_of = |machine: &&Machine| [EVENTS, MAIN].iter().any(|port| text.contains(&url_at(machine, *port)));
        Some(state.machines.values().filter(is_of).map(|machine| machine.name.to_string()).collect())
    }

    /// From now on every master has an API server that knows the etcd of its own machine alone, as kubeadm sets it up.
    pub fn run_stacked_api_servers(&self) {
        self.with(|state| {
            for machine in state.machines.values_mut() {
                let own = format!("https://127.0.0.1:{}", machine.ports.client);
                machine.run_api_server(&own);
            }
        });
    }

    /// Somebody writes an API server's manifest anew, with these masters' etcds: kubespray, say.
    pub fn write_api_server(&self, master: &str, masters: &[&str]) {
        self.with(|state| {
            let servers: Vec<String> = masters.iter().map(|other| state.seen(&name(other)).client_url()).collect();
            let text = manifest(Program::KubeApiserver, &servers.join(","));
            state.watch.listed_anew.insert(name(master));
            state.machine(&name(master)).put(home(Program::KubeApiserver), text);
        });
    }

    /// A file of another program names the etcd of a master.
    pub fn names_etcd(&self, master: &str, path: &str) {
        self.with(|state| {
            let url = state.seen(&name(master)).client_url();
            state.machine(&name(master)).put(path.to_owned(), format!("etcdEndpoints: {url}\n"));
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

    /// A master's API server, which was started less than a minute ago, lets its own node ask nothing, and answers so.
    pub fn api_server_refuses(&self, master: &str, code: &str) {
        self.with(|state| state.machine(&name(master)).api_refuses = Some(code.to_owned()));
    }

    /// The masters whose etcds an API server knows, whether it runs or is parked; nothing where there is none.
    #[must_use]
    pub fn api_server_lists(&self, master: &str) -> Option<BTreeSet<String>> {
        let state = self.lock();
        let machine = state.seen(&name(master));
        let text = machine.api_server_text()?;
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

    /// Whether the lost zone's nodes are cordoned.
    #[must_use]
    pub fn nodes_are_cordoned(&self) -> bool {
        self.lock().cordoned
    }

    /// The API servers refuse to change nodes, or do no more.
    pub fn keep_nodes(&self, refuse: bool) {
        self.lock().keeps_nodes = refuse;
    }

    /// Whether a master's API server is kept from running.
    #[must_use]
    pub fn api_server_is_parked(&self, master: &str) -> bool {
        let state = self.lock();
        let files = &state.seen(&name(master)).files;
        files.contains_key(&held(Program::KubeApiserver)) && !files.contains_key(&home(Program::KubeApiserver))
    }
}

/// The programs that a call names.
fn programs(words: &[String]) -> Vec<Program> {
    let of =
        |word: &String| Program::ALL.into_iter().find(|program| word.starts_with(&format!("{}=/", program.name())));
    words.iter().filter_map(of).collect()
}

impl State {
    fn run_api_servers_with(&mut self, servers: impl Fn(&Machine) -> String, events: impl Fn(&Machine) -> String) {
        let all =
            |of: &dyn Fn(&Machine) -> String, by: &str| self.machines.values().map(of).collect::<Vec<_>>().join(by);
        let servers = format!("{}\n    - --etcd-servers-overrides=/events#{}", all(&servers, ","), all(&events, ";"));
        self.machines.values_mut().for_each(|machine| machine.run_api_server(&servers));
    }

    pub(super) fn park(&mut self, call: &Call<'_>) -> Reply {
        let machine = self.machine(call.host);
        let (reason, all) = (call.word(2).to_owned(), programs(call.rest(2)));
        assert!(!all.is_empty(), "nothing is parked: {:?}", call.words);
        let marker = |program: Program| format!("{STATE}/parked-{}", program.name());
        let is_parked = |machine: &Machine, program: &Program| {
            let files = &machine.files;
            files.contains_key(&marker(*program))
                && files.contains_key(&held(*program))
                && !files.contains_key(&home(*program))
        };
        if all.iter().all(|program| is_parked(machine, program)) {
            return Reply::said("found: parked before\n");
        }
        for program in all {
            machine.files.entry(marker(program)).or_insert_with(|| format!("{reason}\n").into_bytes());
            machine.rename(&home(program), &held(program));
            if call.midway {
                return Reply::default();
            }
        }
        Reply::said("done: parked\n")
    }

    pub(super) fn unpark(&mut self, call: &Call<'_>) -> Reply {
        let machine = self.machine(call.host);
        let mut changed = false;
        for program in programs(call.rest(1)) {
            if machine.files.contains_key(&home(program)) {
                let (here, there) = (machine.files.get(&home(program)), machine.files.get(&held(program)));
                if there.is_some() && here != there {
                    return Reply::failed(1, format!("{} is there already, and is not what was parked", home(program)));
                }
                machine.files.remove(&held(program));
            } else if machine.files.contains_key(&held(program)) {
                machine.rename(&held(program), &home(program));
                changed = true;
            } else {
                return Reply::failed(1, format!("{} is missing: there is no manifest to put back", held(program)));
            }
            if call.midway {
                return Reply::default();
            }
            machine.files.remove(&format!("{STATE}/parked-{}", program.name()));
        }
        Reply::said(if changed { "done: put back\n" } else { "found: it is not parked\n" })
    }

    pub(super) fn api_write(&mut self, call: &Call<'_>) -> Reply {
        self.tick();
        match self.api_server_is_ready(self.seen(call.host)) {
            _ if self.seen(call.host).api_refuses.is_some() => {
                Reply::said("done: it answers; its own certificate may not write (403)\n")
            }
            true => Reply::said("done: ready, and a write through it was acknowledged\n"),
            false => Reply::said("wait: the write was answered with 503\n"),
        }
    }

    /// Where the API server does not answer, it is told and ends nothing.
    pub(super) fn cordon(&mut self, call: &Call<'_>) -> Reply {
        self.tick();
        if self.keeps_nodes || !self.api_server_is_ready(self.seen(call.host)) {
            return Reply::said(format!(
                "left=yes\ndone: no node was {0}ed; by hand: kubectl {0} NODE\n",
                call.word(1)
            ));
        }
        self.cordoned = call.word(1) == "cordon";
        Reply::said(format!("done: {}ed\n", call.word(1)))
    }

    /// The model has no leases: it sees that nobody's is removed who serves.
    pub(super) fn clear_leases(&mut self, call: &Call<'_>) -> Reply {
        let serving: Vec<MasterName> = self.writable().into_values().flatten().collect();
        for name in serving {
            if call.words.contains(&self.seen(&name).address) {
                self.watch.say(format!("the lease of {name}, which serves, is removed"));
            }
        }
        Reply::said("found: they have no lease\n")
    }
}

impl Machine {
    fn run_api_server(&mut self, servers: &str) {
        Program::ALL.into_iter().for_each(|program| self.put(home(program), manifest(program, servers)));
    }

    /// Its manifest, where it is.
    fn api_server_text(&self) -> Option<String> {
        [home(Program::KubeApiserver), held(Program::KubeApiserver)].iter().find_map(|path| self.file(path))
    }

    pub(super) fn runs(&self, program: Program) -> bool {
        self.powered && self.files.contains_key(&home(program))
    }

    /// Whether a run has rewritten the list of its API server.
    pub(super) fn list_was_rewritten(&self) -> bool {
        let kept = format!("{}.retired-", held(Program::KubeApiserver));
        self.files.keys().any(|path| path.starts_with(&kept))
    }

    /// The files of others that name one of these addresses. The model has no `ConfigMap`s.
    pub(super) fn etcd_holders(&self, addresses: &[&str]) -> Reply {
        let names = |path: &String| {
            let text = self.file(path).unwrap_or_default();
            ["/etc/calico/", "/etc/cni/", "/etc/kubernetes/kubeadm"].iter().any(|folder| path.starts_with(folder))
                && addresses.iter().any(|address| text.contains(address))
        };
        let files = self.files.keys().filter(|path| names(path));
        Reply::said(files.map(|path| format!("file={path}\n")).chain(["asked=yes\n".to_owned()]).collect::<String>())
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
        if self.api_refuses.is_some() {
            state += "young=yes\n";
        }
        if self.list_was_rewritten() {
            state += &format!("rewritten={}\n", held(Program::KubeApiserver));
        }
        Reply::said(said + &tell("state", "-", &state))
    }
}
