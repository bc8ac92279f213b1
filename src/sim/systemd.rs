//! Starts and ends etcd as systemd and etcd do it: fences, env files, full and empty data directories. Knows nothing
//! about requorum's commands.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::{MasterName, Token};

use super::containers::Docker;
use super::data::{Data, Image, pairs};
use super::machine::Process;
use super::state::State;

/// Who asks for a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Boot,
    Requorum,
    /// docker itself, past the unit.
    Docker,
}

impl State {
    /// `systemctl start`: nothing where it runs or a condition forbids it.
    pub(super) fn start(&mut self, name: &MasterName, by: By) {
        self.tick();
        let machine = self.machine(name);
        if machine.process.is_some() || !machine.powered {
            return;
        }
        machine.unit.failed = false;
        if by != By::Docker {
            machine.unit.condition_met = !machine.fenced();
            if !machine.unit.condition_met {
                return;
            }
            if machine.docker.is_some() {
                machine.docker = Some(Docker { restarts: true, failed: false });
            }
        }
        if !machine.files.contains_key(machine.settings_path()) {
            machine.unit.failed = true;
            return;
        }
        let empty = machine.data().is_none();
        let joiner = empty || machine.half_joined;
        if empty {
            match self.first_data(name) {
                Some(data) => self.make_data(name, data),
                None => {
                    let machine = self.machine(name);
                    machine.unit.failed = true;
                    machine.unit.result = "exit-code";
                    return;
                }
            }
        }
        self.watch_start(name, by, empty);
        if let Some(data) = self.machine(name).data_mut() {
            // etcd reads its write-ahead log again, and what only that had is in the database a moment later.
            data.touch();
        }
        let pid = u32::try_from(1000 + self.number()).unwrap_or(u32::MAX);
        let machine = self.machine(name);
        machine.lags = false;
        machine.deaf = false;
        machine.process = Some(Process {
            pid,
            started: Instant::now(),
            name: machine.setting("ETCD_NAME"),
            given: machine.given(),
            election: Duration::from_millis(machine.setting("ETCD_ELECTION_TIMEOUT").parse().unwrap_or(1000)),
            by_us: by == By::Requorum,
            joiner,
            in_sync: false,
            ready_at: None,
            ready: false,
            leader: None,
            leader_lost: None,
            heard: std::collections::BTreeMap::new(),
        });
        self.tick();
    }

    /// systemd kills what is not ready in time, and starts it again.
    pub(super) fn time_out_starts(&mut self, now: Instant) {
        const RESTART: Duration = Duration::from_secs(10);
        let mut due = Vec::new();
        for machine in self.machines.values_mut() {
            let waits = machine.process.as_ref().filter(|process| !process.ready && !machine.unit.patient);
            let killed = waits.map(|process| process.started + machine.unit.start_limit).filter(|at| *at <= now);
            if let Some(at) = killed {
                machine.end(false);
                machine.unit.result = "timeout";
                machine.unit.restart_at = Some(at + RESTART);
            }
            if machine.unit.restart_at.is_some_and(|at| at <= now) {
                machine.unit.restart_at = None;
                due.push(machine.name.clone());
            }
        }
        due.iter().for_each(|name| self.start(name, By::Boot));
    }

    /// What etcd makes of an empty directory: with `new` a cluster from nothing, with `existing` a member that the
    /// running ones know and that has never been started.
    fn first_data(&mut self, name: &MasterName) -> Option<Data> {
        let machine = self.seen(name);
        let own_url = machine.peer_url();
        let list = pairs(&machine.setting("ETCD_INITIAL_CLUSTER"));
        let token = Token(machine.setting("ETCD_INITIAL_CLUSTER_TOKEN"));
        let image = if machine.setting("ETCD_INITIAL_CLUSTER_STATE") == "new" {
            self.watch.say(format!("{name} starts etcd on an empty directory with state=new: an empty cluster"));
            Image::bootstrap(&list, &token, &own_url)
        } else {
            let asked = list.iter().filter(|(_, url)| *url != own_url);
            let known = asked.filter_map(|(_, url)| self.members_at(name, url)).next()?;
            let (member, entry) = known.by_peer_url(&own_url)?;
            // With another count etcd says `member count is unequal`; a member that has run before panics.
            let never_started = entry.name.is_empty();
            if known.members.len() != list.len() || !never_started {
                return None;
            }
            Image { member, term: 0, applied: 0, revision: 0, keys: Default::default(), ..known }
        };
        let inode = self.number();
        Some(Data::new(inode, image))
    }

    /// The applied state of whoever answers at a peer URL, as heard from a master.
    pub(super) fn members_at(&self, from: &MasterName, url: &str) -> Option<Image> {
        let other = self.machines.values().find(|machine| machine.peer_url() == url)?;
        let (_, data) = other.live()?;
        self.hear(self.seen(from), other).then(|| data.image.clone())
    }

    /// `systemctl stop`; says how long it took.
    pub(super) fn stop(&mut self, name: &MasterName, cleanly: bool) {
        self.tick();
        let machine = self.machine(name);
        machine.unit.restart_at = None;
        machine.end(cleanly);
        self.tick();
    }

    /// Power goes: nothing is flushed, files stay.
    pub(super) fn power_off(&mut self, name: &MasterName) {
        self.tick();
        let machine = self.machine(name);
        machine.end(false);
        machine.powered = false;
        machine.unit.patient = false;
        machine.unit.restart_at = None;
        self.tick();
    }

    /// Power comes back: systemd knows nothing of what was, and starts what is enabled.
    pub(super) fn power_on(&mut self, name: &MasterName) {
        self.tick();
        let machine = self.machine(name);
        if machine.powered {
            return;
        }
        machine.powered = true;
        machine.unit.failed = false;
        machine.unit.result = "success";
        machine.unit.ended = false;
        machine.unit.condition_met = false;
        machine.reload();
        let enabled = machine.unit.enabled;
        self.boot_docker(name);
        if enabled {
            self.start(name, By::Boot);
        }
        self.tick();
    }
}
