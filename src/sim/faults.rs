//! What can go wrong on a site: power, network, tools, disks, lost connections, a killed bastion; and when it does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::data::Data;
use super::machine::{BIN, DATA_DIR, Door, HOLDER};
use super::state::{BastionState, Cut, Due, State};
use super::systemd::By;
use super::wals::OwnWal;
use super::{Site, name, zone};

/// Where a person has put an env file that is gone.
const ENV_AWAY: &str = "/root/etcd.env";

/// Something that happens to a site, as a story says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A master or a zone loses its power.
    Off(String),
    /// A master or a zone has power again and starts what is enabled.
    On(String),
    /// A zone hears no other zone and is not heard by the bastion.
    Cut(String),
    /// A zone hears no other zone; the bastion still reaches it.
    Split(String),
    /// A zone is cut off from the bastion only.
    Hide(String),
    /// A zone is heard again by everyone.
    Heal(String),
    /// A master's etcd is restarted.
    Restart(String),
    /// A person starts a master's etcd because requorum printed the command: it is held to what it starts itself.
    Told(String),
    /// A master's etcd is killed and stays down.
    Kill(String),
    /// A master's etcd is killed, and systemd starts it again.
    Crash(String),
    /// A master no longer hears what its leader says, so that it falls behind.
    Lag(String),
    /// The next writes reach a master's log, and it never hears that they are committed.
    Deaf(String),
    /// A master's write-ahead log cannot be read to its end.
    TornLog(String),
    /// A leader that has not noticed its loss writes what a client sends to its own log.
    Proposes(String),
    /// A master is elected, and its followers die before they have its first entry: it names itself until it notices.
    Elected(String),
    /// A master does not start etcd at boot.
    Disable(String),
    /// A client holds a watch open: a graceful end of a master's etcd takes 15 s.
    Watch(String),
    /// A file comes from a master at a snail's pace: twenty minutes for each.
    Slow(String),
    /// A file does not come from a master at all: the stream stands still.
    Stalls(String),
    /// systemd lets a start of a master's etcd take so long.
    StartLimit(String, Duration),
    /// What lets a start on a master take longer is gone: somebody has cleaned /run up.
    Impatient(String),
    /// A master shows another host key.
    OtherKey(String),
    /// A master lacks a tool: `etcdutl`, `etcdctl`, or one of the small ones.
    Lacks(String, String),
    /// Another version of etcd, or of the tool to restore with, is installed.
    Version(String, String, String),
    /// A master's clock is so many milliseconds ahead.
    Clock(String, i64),
    /// A master's disk is full.
    Full(String),
    /// A master's env file is gone, put aside.
    NoEnv(String),
    /// It is back.
    EnvBack(String),
    /// A file on a master is gone.
    Gone(String, String),
    /// A master's write-ahead log lies elsewhere.
    Wal(String, OwnWal),
    /// A setting in a master's env file is another.
    Setting(String, String, String),
    /// A master's layout or unit is odd: a line of the answer that tells it, `disk:` before one about the data directory,
    /// or `fails=SCRIPT` for a question that cannot be answered there.
    Odd(String, String),
    /// A master's certificates have ended: nobody can ask its etcd.
    Ended(String),
    /// The leader's snapshot comes to a master slowly: it takes so long.
    Trickles(String, Duration),
    /// etcd has raised a CORRUPT alarm for a master's member.
    Corrupt(String),
    /// A master's etcd is killed and its data directory is gone: a machine that was rebuilt, say.
    Emptied(String),
    /// A flag in a master's unit file.
    Flag(String, String),
    /// A word of `Environment=` in a master's unit file.
    Variable(String, String),
    /// A master's etcd ran out of space: it takes no write.
    NoSpace(String),
    /// A master's data is silently another than its peers'.
    Rot(String),
    /// Another run holds a master, as after an `unlock`.
    Seize(String),
    /// requorum is killed.
    Death,
    /// A learner is given its vote, by another's hand or late by an earlier run's.
    Promote(String),
    /// A master's database is at this revision, its members' are not.
    Revision(String, u64),
    /// A master's peer port does not tell its members (a proxy in root's environment, say).
    NoList(String),
    /// Its metrics cannot be read.
    NoMetrics(String),
    /// A voter is added through a master, at this peer URL, and never started.
    Voter(String, String),
    /// A master has the record of a run that made another cluster from the one it serves.
    Fork(String),
    /// The inventory has host names for a zone's masters, which only the bastion resolves.
    Named(String),
    /// The operator goes on from a bastion that has seen nothing yet, with its clock a year behind or not.
    Bastion {
        /// Whether it is behind.
        behind: bool,
    },
}

impl Site {
    /// Something happens now.
    pub fn happens(&self, event: &Event) {
        self.with(|state| state.suffer(event));
    }

    /// Something happens right before or after a command on a master, after `skip` such commands.
    pub fn at(&self, before: bool, command: &str, master: Option<&str>, skip: usize, event: Event) {
        self.with(|state| {
            state.dues.push(Due {
                host: master.map(name),
                command: command.to_owned(),
                before,
                skip,
                happening: Box::new(move |state| state.suffer(&event)),
            });
        });
    }

    /// A site that goes its own way from here; what was due to happen on this one is not due there.
    #[must_use]
    pub fn fork(&self) -> Self {
        let state = self.lock();
        let state = State {
            since: state.since,
            cluster: state.cluster.clone(),
            machines: state.machines.clone(),
            isolated: state.isolated.clone(),
            hidden: state.hidden.clone(),
            leaders: state.leaders.clone(),
            electing: state.electing.clone(),
            dues: Vec::new(),
            acts: Vec::new(),
            cut: None,
            bastion: BastionState { appends: 0, ..state.bastion.clone() },
            cordoned: state.cordoned,
            keeps_nodes: state.keeps_nodes,
            watch: state.watch.clone(),
            next: state.next,
            counted: state.counted,
            ticked: None,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            killed: Arc::default(),
            interrupted: Arc::new(watch::Sender::new(false)),
            since: self.since,
        }
    }

    /// How many commands that change something have come so far.
    #[must_use]
    pub fn acts(&self) -> usize {
        self.lock().acts.len()
    }

    /// What the act of this number was, counted from 1.
    #[must_use]
    pub fn act_name(&self, number: usize) -> String {
        let state = self.lock();
        state.acts.get(number.wrapping_sub(1)).map_or_else(String::new, |(host, what)| format!("{what} on {host}"))
    }

    /// The connection is lost at the act of this number, counted from 1.
    pub fn cut_at(&self, act: usize, how: Cut) {
        self.lock().cut = Some((act, how));
    }

    /// How many records were put on the bastion's disk so far; records written together count once.
    #[must_use]
    pub fn records(&self) -> usize {
        self.lock().bastion.appends
    }

    /// requorum is killed once this record is on disk.
    pub fn kill_after_record(&self, record: usize) {
        self.lock().bastion.killed_after = Some(record);
    }

    /// The bastion's disk is full before this record.
    pub fn fill_disk_before_record(&self, record: usize) {
        self.lock().bastion.full_at = Some(record);
    }

    /// The bastion is itself again: disk free, nobody killed.
    pub fn mend_bastion(&self) {
        let mut state = self.lock();
        state.bastion.killed_after = None;
        state.bastion.full_at = None;
        state.bastion.dead = false;
        state.cut = None;
    }

    /// Waits for ever once requorum is dead: nothing reaches a master any more.
    pub(super) async fn alive(&self) {
        if self.lock().bastion.dead {
            std::future::pending::<()>().await;
        }
    }

    /// Ends whatever requorum does, where something that happened has killed it.
    pub(super) fn tell_of_death(&self) {
        if self.lock().bastion.dead {
            self.killed.notify_waiters();
        }
    }

    /// Comes back when requorum is killed.
    pub(super) async fn death(&self) {
        loop {
            let notified = self.killed.notified();
            if self.lock().bastion.dead {
                return;
            }
            notified.await;
        }
    }
}

impl State {
    /// The masters that a word means: one, or a zone's.
    fn meant(&self, word: &str) -> Vec<crate::model::MasterName> {
        let names: Vec<_> = self
            .machines
            .values()
            .filter(|machine| machine.name.as_str() == word || machine.zone.as_str() == word)
            .map(|machine| machine.name.clone())
            .collect();
        assert!(!names.is_empty(), "no master and no zone {word}");
        names
    }

    fn suffer(&mut self, event: &Event) {
        self.tick();
        self.ticked = None;
        match event {
            Event::Off(who) => self.meant(who).iter().for_each(|name| self.power_off(name)),
            Event::On(who) => self.meant(who).iter().for_each(|name| self.power_on(name)),
            Event::Cut(which) => {
                self.isolated.insert(zone(which));
                self.hidden.insert(zone(which));
            }
            Event::Split(which) => {
                self.isolated.insert(zone(which));
            }
            Event::Hide(which) => {
                self.hidden.insert(zone(which));
            }
            Event::Heal(which) => {
                self.isolated.remove(&zone(which));
                self.hidden.remove(&zone(which));
            }
            Event::Restart(master) | Event::Crash(master) => {
                self.stop(&name(master), matches!(event, Event::Restart(_)));
                self.start(&name(master), By::Boot);
            }
            Event::Version(master, tool, version) => self.machine(&name(master)).install(tool, version),
            Event::Stalls(master) => self.machine(&name(master)).stalls = true,
            Event::StartLimit(master, limit) => self.machine(&name(master)).unit.start_limit = *limit,
            Event::Wal(master, how) => self.machine(&name(master)).move_log(*how),
            Event::Impatient(master) => self.machine(&name(master)).unit.patient = false,
            Event::Told(master) => self.start(&name(master), By::Requorum),
            Event::Death => self.bastion.dead = true,
            Event::Proposes(master) => self.machine(&name(master)).data_mut().into_iter().for_each(Data::propose),
            Event::Elected(master) => self.elected(master),
            Event::Kill(master) => self.stop(&name(master), false),
            Event::Emptied(master) => self.empty(master),
            Event::Promote(master) => self.promoted(master),
            Event::Voter(..)
            | Event::Fork(_)
            | Event::Named(_)
            | Event::Bastion { .. }
            | Event::Revision(..)
            | Event::NoList(_)
            | Event::NoMetrics(_) => self.strange(event),
            Event::Odd(master, line) => self.machine(&name(master)).answer_oddly(line),
            Event::Ended(master) => self.machine(&name(master)).ended = true,
            Event::Trickles(master, takes) => self.machine(&name(master)).sync = Some(*takes),
            Event::Corrupt(master) => {
                let corrupt = self.image(&name(master)).member;
                self.change(&name(master), |image| image.corrupt = Some(corrupt));
            }
            other => self.spoil(other),
        }
        self.tick();
    }

    fn promoted(&mut self, master: &str) {
        let url = self.seen(&name(master)).peer_url();
        self.change(&name(master), |image| {
            let own = image.members.values_mut().filter(|entry| entry.peer_url == url);
            own.for_each(|entry| entry.learner = false);
        });
    }

    fn elected(&mut self, master: &str) {
        let machine = self.machine(&name(master));
        machine.data_mut().into_iter().for_each(Data::begin_term);
        let own = machine.data().map(|data| data.image.member);
        if let Some(process) = &mut machine.process {
            (process.leader, process.leader_lost) = (own, Some(Instant::now()));
        }
    }

    fn empty(&mut self, master: &str) {
        self.stop(&name(master), false);
        self.machine(&name(master)).dirs.remove(DATA_DIR);
        self.machine(&name(master)).logs.clear();
        // It was not our act: what lay there is not missed.
        self.watch.ever.retain(|(host, _), _| host.as_str() != master);
        self.watch.logs.retain(|(host, _)| host.as_str() != master);
    }

    /// What concerns one machine's own state.
    fn spoil(&mut self, event: &Event) {
        let (Event::Lag(master)
        | Event::Deaf(master)
        | Event::TornLog(master)
        | Event::Disable(master)
        | Event::Watch(master)
        | Event::OtherKey(master)
        | Event::Slow(master)
        | Event::Lacks(master, _)
        | Event::Clock(master, _)
        | Event::Full(master)
        | Event::NoEnv(master)
        | Event::EnvBack(master)
        | Event::Gone(master, _)
        | Event::Setting(master, ..)
        | Event::Flag(master, _)
        | Event::Variable(master, _)
        | Event::NoSpace(master)
        | Event::Rot(master)
        | Event::Seize(master)) = event
        else {
            return;
        };
        if matches!(event, Event::NoSpace(_)) {
            return self.change(&name(master), |image| image.no_space = true);
        }
        let machine = self.machine(&name(master));
        match event {
            Event::Lag(_) => machine.lags = true,
            Event::Deaf(_) => machine.deaf = true,
            Event::TornLog(_) => machine.data_mut().into_iter().for_each(|data| data.damaged = true),
            Event::Disable(_) => machine.unit.enabled = false,
            Event::Watch(_) => machine.unit.stop_takes = Duration::from_secs(15),
            Event::Slow(_) => machine.slow = true,
            Event::OtherKey(_) => machine.door = Door::OtherKey,
            Event::Lacks(_, tool) => machine.lose(tool),
            Event::Clock(_, ms) => machine.clock_ms = *ms,
            Event::Full(_) => machine.free_bytes = 1 << 20,
            Event::NoEnv(_) => machine.rename(machine.settings_path(), ENV_AWAY),
            Event::EnvBack(_) => machine.rename(ENV_AWAY, machine.settings_path()),
            Event::Gone(_, path) => drop(machine.files.remove(path)),
            Event::Setting(_, key, value) => machine.set(key, value),
            Event::Seize(_) => {
                let holder = r#"{"run":"20260101-120000-aaaa","person":"another","host":"bastion2","since":"noon"}"#;
                machine.put(HOLDER, holder);
            }
            Event::Flag(_, flag) => machine.unit.argv = vec![format!("{BIN}/etcd"), flag.clone()],
            Event::Variable(_, word) => machine.unit.environment.push(word.clone()),
            Event::Rot(_) => {
                let data = machine.dirs.get_mut(DATA_DIR).and_then(Option::as_mut);
                let value = data.and_then(|data| data.image.keys.values_mut().next());
                if let Some(value) = value {
                    value.text.push_str(", rotten");
                }
            }
            _ => {}
        }
    }
}
