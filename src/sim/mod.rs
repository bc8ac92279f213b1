//! The ports in memory: a site of masters with a small model of etcd, systemd, zones, disks and faults, on tokio's
//! clock. Commands are recognized by their content; a command that the model does not know fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::config::Form;
use crate::model::diagnostic::Source;
use crate::model::{Cluster, MasterName, Token, UnitName, ZoneName, inventory};

mod acts;
mod answers;
mod api_reading;
mod api_servers;
mod bastion;
mod containers;
mod data;
mod disks;
mod doctor;
mod drills;
mod drive;
mod etcdctl;
mod faults;
mod forms;
mod identity;
mod locks;
mod machine;
mod memberships;
mod pods;
mod remote;
mod rules;
mod run_files;
mod state;
mod systemd;
mod tools;
mod undoing;
mod view;
pub mod wal;
mod wals;

use data::{Data, Image, pairs};
use machine::{BIN, DATA_DIR, Door, ENV_FILE, Installed, Machine, Ports, Unit};
use state::{BastionState, State};
use systemd::By;

pub use drive::{End, Flags, Waiting};
pub use faults::Event;
pub use state::Cut;
pub use wals::OwnWal;

/// A cluster's machines, network and bastion. Clones are the same site.
#[derive(Clone)]
pub struct Site {
    state: Arc<Mutex<State>>,
    killed: Arc<Notify>,
    interrupted: Arc<watch::Sender<bool>>,
    since: Instant,
}

/// kubespray's election timeout.
const KUBESPRAY_ELECTION: Duration = Duration::from_secs(5);
/// What the first cluster was made with.
const TOKEN: &str = "k8s_etcd";

impl Site {
    /// A healthy cluster with so many masters in each zone: m1, m2, … in zone1, zone2, ….
    ///
    /// # Panics
    /// When the inventory made for it cannot be read.
    #[must_use]
    pub fn new(masters_by_zone: &[usize]) -> Self {
        Self::with_election(masters_by_zone, KUBESPRAY_ELECTION)
    }

    /// The same with other ports for clients and peers than etcd's own.
    ///
    /// # Panics
    /// When the inventory made for it cannot be read.
    #[must_use]
    pub fn with_ports(masters_by_zone: &[usize], client: u16, peer: u16) -> Self {
        Self::of(masters_by_zone, KUBESPRAY_ELECTION, Ports { client, peer })
    }

    /// The same with another election timeout; etcd's own default is a second.
    ///
    /// # Panics
    /// When the inventory made for it cannot be read.
    #[must_use]
    pub fn with_election(masters_by_zone: &[usize], election: Duration) -> Self {
        Self::of(masters_by_zone, election, Ports { client: 2379, peer: 2380 })
    }

    fn of(masters_by_zone: &[usize], election: Duration, ports: Ports) -> Self {
        let text = inventory_text(masters_by_zone);
        let cluster = match inventory::read(&Source::new("inventory.yaml", text.as_str())) {
            Ok(cluster) => cluster,
            Err(mistakes) => panic!("the model's inventory: {mistakes:?}"),
        };
        let members: Vec<(String, String)> = cluster
            .masters()
            .map(|master| (member_name(&master.name), ports.peer_url(master.address.as_str())))
            .collect();
        let machines =
            cluster.masters().map(|master| (master.name.clone(), machine(master, &members, election, ports))).collect();
        let since = Instant::now();
        let state = State {
            since,
            cluster,
            machines,
            isolated: BTreeSet::new(),
            hidden: BTreeSet::new(),
            leaders: BTreeMap::new(),
            electing: BTreeMap::new(),
            dues: Vec::new(),
            acts: Vec::new(),
            cut: None,
            bastion: BastionState::default(),
            cordoned: false,
            keeps_nodes: false,
            watch: rules::Watch::default(),
            next: 100,
            counted: since,
            ticked: None,
        };
        let site = Self {
            state: Arc::new(Mutex::new(state)),
            killed: Arc::default(),
            interrupted: Arc::new(watch::Sender::new(false)),
            since,
        };
        site.with(|state| {
            let names: Vec<MasterName> = state.machines.keys().cloned().collect();
            names.iter().for_each(|name| state.start(name, By::Boot));
        });
        site
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.lock())
    }

    /// The inventory.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        self.lock().cluster.clone()
    }

    /// Lets time pass.
    pub async fn wait(&self, time: Duration) {
        // In steps, since what happens by itself is only seen when somebody looks; in the long run less closely.
        let step = Duration::from_millis(if time > Duration::from_secs(60) { 2000 } else { 200 });
        let end = Instant::now() + time;
        while Instant::now() < end {
            tokio::time::sleep(step.min(end - Instant::now())).await;
            self.with(State::tick);
        }
    }

    /// A client's write through a master; whether it was acknowledged.
    pub fn write(&self, master: &str, key: &str) -> bool {
        self.with(|state| {
            let name = name(master);
            state.tick();
            let Some((process, _)) = state.seen(&name).live() else { return false };
            let acknowledged = process.ready && state.led_group(&name).is_some() && state.put(&name, key, "value").ok();
            state.check(&format!("a write through {master}"));
            acknowledged
        })
    }
}

fn name(text: &str) -> MasterName {
    match MasterName::new(text) {
        Ok(name) => name,
        Err(bad) => panic!("{bad}"),
    }
}

fn inventory_text(masters_by_zone: &[usize]) -> String {
    let mut text = "cluster: story\nenvironment: lab\nzones:\n".to_owned();
    let mut number = 0;
    for (zone, masters) in masters_by_zone.iter().enumerate() {
        let _ = writeln!(text, "  zone{}:\n    masters:", zone + 1);
        for place in 1..=*masters {
            number += 1;
            let _ = writeln!(text, "      m{number}: {{ address: 10.77.{}.1{place} }}", zone + 1);
        }
    }
    text
}

/// kubespray numbers its members; they are not called as their machines are.
fn member_name(master: &MasterName) -> String {
    master.as_str().replace('m', "etcd")
}

fn machine(master: &crate::model::Master, members: &[(String, String)], election: Duration, ports: Ports) -> Machine {
    let address = master.address.to_string();
    let image = Image::bootstrap(members, &Token(TOKEN.to_owned()), &ports.peer_url(&address));
    let inode = master.name.as_str().trim_start_matches('m').parse().unwrap_or(0);
    let data = Data::new(inode, image);
    let env = env_text(&master.name, &address, members, election, ports);
    Machine {
        name: master.name.clone(),
        zone: master.zone.clone(),
        address: address.clone(),
        ports,
        unit_name: unit_name(),
        powered: true,
        door: Door::Open,
        form: Form::EnvFile,
        docker: None,
        api_refuses: None,
        unit: Unit {
            failed: false,
            result: "success",
            ended: false,
            enabled: true,
            condition_met: false,
            read: String::new(),
            argv: vec![format!("{BIN}/etcd"), "--max-wals=5".to_owned()],
            beside: Vec::new(),
            environment: Vec::new(),
            environment_files: vec![ENV_FILE.to_owned()],
            stop_takes: Duration::from_millis(30),
            start_limit: Duration::from_secs(90),
            patient: false,
            restart_at: None,
        },
        installed: installed(),
        free_bytes: 80 << 30,
        sync: None,
        odd: Vec::new(),
        ended: false,
        lags: false,
        deaf: false,
        clock_ms: 0,
        tells_members: true,
        shows_metrics: true,
        slow: false,
        stalls: false,
        half_joined: false,
        closed_until: None,
        files: BTreeMap::from([(ENV_FILE.to_owned(), env.into_bytes())]),
        dirs: BTreeMap::from([(DATA_DIR.to_owned(), Some(data))]),
        logs: BTreeMap::new(),
        process: None,
        renewed: None,
    }
}

fn installed() -> Installed {
    Installed {
        version: "3.6.16".to_owned(),
        restore_version: "3.6.16".to_owned(),
        etcdctl: true,
        etcdutl: true,
        bumps: true,
        curl: true,
        missing: Vec::new(),
    }
}

fn unit_name() -> UnitName {
    match UnitName::new("etcd") {
        Ok(unit) => unit,
        Err(bad) => panic!("{bad}"),
    }
}

/// As kubespray writes it; the state is left at `new`, the worst that a site can have.
fn env_text(
    name: &MasterName,
    address: &str,
    members: &[(String, String)],
    election: Duration,
    Ports { client, peer }: Ports,
) -> String {
    let list: Vec<String> = members.iter().map(|(name, url)| format!("{name}={url}")).collect();
    format!(
        "# Environment file for etcd 3.6.16\n\
         ETCD_DATA_DIR={DATA_DIR}\n\
         ETCD_ADVERTISE_CLIENT_URLS=https://{address}:{client}\n\
         ETCD_INITIAL_ADVERTISE_PEER_URLS=https://{address}:{peer}\n\
         ETCD_INITIAL_CLUSTER_STATE=new\n\
         ETCD_LISTEN_CLIENT_URLS=https://{address}:{client},https://127.0.0.1:{client}\n\
         ETCD_ELECTION_TIMEOUT={}\n\
         ETCD_INITIAL_CLUSTER_TOKEN={TOKEN}\n\
         ETCD_LISTEN_PEER_URLS=https://{address}:{peer}\n\
         ETCD_NAME={}\n\
         ETCD_INITIAL_CLUSTER={}\n\
         ETCD_PEER_TRUSTED_CA_FILE=/etc/ssl/etcd/ssl/ca.pem\n\
         ETCD_PEER_CERT_FILE=/etc/ssl/etcd/ssl/member-{name}.pem\n\
         ETCD_PEER_KEY_FILE=/etc/ssl/etcd/ssl/member-{name}-key.pem\n\
         ETCDCTL_CACERT=/etc/ssl/etcd/ssl/ca.pem\n\
         ETCDCTL_CERT=/etc/ssl/etcd/ssl/admin-{name}.pem\n\
         ETCDCTL_KEY=/etc/ssl/etcd/ssl/admin-{name}-key.pem\n",
        election.as_millis(),
        member_name(name),
        list.join(","),
    )
}

/// Members as a setting has them, sorted by name.
fn members_text(setting: &str) -> BTreeMap<String, String> {
    pairs(setting).into_iter().collect()
}

/// A zone of the model.
fn zone(text: &str) -> ZoneName {
    match ZoneName::new(text) {
        Ok(zone) => zone,
        Err(bad) => panic!("{bad}"),
    }
}
