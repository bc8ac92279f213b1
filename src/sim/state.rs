//! Everything of the model at one moment, and how passing time changes it: who hears whom, who leads, who is ready.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Cluster, ClusterId, MasterName, MemberId, ZoneName, quorum};

use super::data::{Data, Image};
use super::machine::Machine;
use super::rules::Watch;

/// A learner has the leader's snapshot this long after its start.
const SYNC: Duration = Duration::from_millis(200);
/// A member publishes itself this long after it knows a leader.
const PUBLISH: Duration = Duration::from_millis(400);
/// `HealthInterval`: for so long every voter must have been connected before another member may be added.
pub(super) const HEALTH: Duration = Duration::from_secs(5);

/// The bastion's disk and whether requorum is alive.
#[derive(Debug, Clone, Default)]
pub(super) struct BastionState {
    /// Appends to any journal so far.
    pub(super) appends: usize,
    /// From this append on the disk is full.
    pub(super) full_at: Option<usize>,
    /// After this append requorum is killed.
    pub(super) killed_after: Option<usize>,
    pub(super) dead: bool,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) told: Vec<crate::run::ports::Event>,
    /// Results and the words beside them.
    pub(super) said: String,
    pub(super) runs: u32,
    /// The runs that may not take a quorum: all but those that fence on purpose.
    pub(super) keeps_quorum: BTreeSet<String>,
    /// What the last good look found.
    pub(super) look: Option<crate::observe::known_before::LastLook>,
    /// Whether the bastion's clock is a year behind.
    pub(super) behind: bool,
    /// The names of its runs, by their number.
    pub(super) names: BTreeMap<u32, String>,
}

/// What happens by itself when a command comes.
pub(super) type Happening = Box<dyn FnOnce(&mut State) + Send>;

/// When a happening is due.
pub(super) struct Due {
    pub(super) host: Option<MasterName>,
    pub(super) command: String,
    pub(super) before: bool,
    /// How many such commands pass first.
    pub(super) skip: usize,
    pub(super) happening: Happening,
}

/// How a connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before the command ran.
    NotDone,
    /// After it ran to its end.
    Done,
    /// In its middle, where it has one: what it had moved stays moved.
    Midway,
}

/// The model.
pub(super) struct State {
    /// When the story began.
    pub(super) since: Instant,
    pub(super) cluster: Cluster,
    pub(super) machines: BTreeMap<MasterName, Machine>,
    /// Zones that no other zone hears.
    pub(super) isolated: BTreeSet<ZoneName>,
    /// Zones that the bastion does not reach.
    pub(super) hidden: BTreeSet<ZoneName>,
    /// Who leads a cluster.
    pub(super) leaders: BTreeMap<ClusterId, MemberId>,
    /// Since when a cluster has a majority and no leader.
    pub(super) electing: BTreeMap<ClusterId, Instant>,
    pub(super) dues: Vec<Due>,
    /// Commands that change something, in order: where, and which.
    pub(super) acts: Vec<(MasterName, String)>,
    /// Cuts the connection at this act, counted from 1.
    pub(super) cut: Option<(usize, Cut)>,
    pub(super) bastion: BastionState,
    /// Whether the lost zone's nodes are cordoned: the model knows no others.
    pub(super) cordoned: bool,
    /// Whether the API servers refuse to change nodes.
    pub(super) keeps_nodes: bool,
    pub(super) watch: Watch,
    pub(super) next: u64,
    /// When heartbeats were counted last.
    pub(super) counted: Instant,
    /// When time last took effect, unless something was changed since.
    pub(super) ticked: Option<Instant>,
}

impl State {
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn machine(&mut self, name: &MasterName) -> &mut Machine {
        self.ticked = None;
        match self.machines.get_mut(name) {
            Some(machine) => machine,
            None => panic!("no machine {name}"),
        }
    }

    pub(super) fn seen(&self, name: &MasterName) -> &Machine {
        match self.machines.get(name) {
            Some(machine) => machine,
            None => panic!("no machine {name}"),
        }
    }

    /// Whether two machines hear each other.
    pub(super) fn hear(&self, a: &Machine, b: &Machine) -> bool {
        let closed = |machine: &Machine| machine.closed_until.is_some() || self.isolated.contains(&machine.zone);
        let apart = a.zone != b.zone && (closed(a) || closed(b));
        a.powered && b.powered && !apart
    }

    /// The members of one cluster that run and hear each other, in groups.
    fn groups(&self) -> Vec<(ClusterId, Vec<MasterName>)> {
        let mut groups: Vec<(ClusterId, Vec<MasterName>)> = Vec::new();
        for machine in self.machines.values() {
            let Some(id) = machine.cluster() else { continue };
            let own = groups.iter_mut().find(|(cluster, names)| {
                *cluster == id && names.first().is_some_and(|name| self.hear(machine, &self.machines[name]))
            });
            match own {
                Some((_, names)) => names.push(machine.name.clone()),
                None => groups.push((id, vec![machine.name.clone()])),
            }
        }
        groups
    }

    /// The freshest state in a group.
    pub(super) fn newest(&self, names: &[MasterName]) -> Option<&Image> {
        let images = names.iter().filter_map(|name| self.machines[name].data()).map(Data::logged);
        images.max_by_key(|image| (image.term, image.applied))
    }

    /// The group that a master is in, where it has a leader.
    pub(super) fn led_group(&self, name: &MasterName) -> Option<Vec<MasterName>> {
        let (cluster, names) = self.groups().into_iter().find(|(_, names)| names.contains(name))?;
        let leader = self.leaders.get(&cluster)?;
        let has_leader =
            names.iter().any(|name| self.machines[name].data().is_some_and(|data| data.image.member == *leader));
        has_leader.then_some(names)
    }

    /// Lets time take effect.
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        if self.ticked == Some(now) {
            return;
        }
        self.time_out_starts(now);
        self.open_what_is_due(now);
        let groups = self.groups();
        let mut standing = BTreeSet::new();
        for (cluster, names) in &groups {
            if self.has_majority(names) {
                standing.insert(*cluster);
                self.lead(*cluster, names, now);
            } else {
                let members: Vec<MemberId> = names.iter().filter_map(|name| self.member_of(name)).collect();
                if self.leaders.get(cluster).is_some_and(|leader| members.contains(leader)) {
                    self.leaders.remove(cluster);
                }
                names.iter().for_each(|name| self.without_leader(name, names, now));
            }
        }
        self.electing.retain(|cluster, _| standing.contains(cluster));
        self.leaders.retain(|cluster, _| standing.contains(cluster));
        self.count_heartbeats(now);
        self.ticked = Some(now);
    }

    /// A leader is heard by everyone in its group: a byte a millisecond.
    fn count_heartbeats(&mut self, now: Instant) {
        let passed = u64::try_from(now.saturating_duration_since(self.counted).as_millis()).unwrap_or_default();
        self.counted = now;
        for (cluster, names) in self.groups() {
            let Some(leader) = self.leaders.get(&cluster).copied() else { continue };
            if !names.iter().any(|name| self.member_of(name) == Some(leader)) {
                continue;
            }
            for name in &names {
                if self.member_of(name) != Some(leader)
                    && let Some(process) = self.machines.get_mut(name).and_then(|machine| machine.process.as_mut())
                {
                    *process.heard.entry(leader).or_default() += passed;
                }
            }
        }
    }

    fn member_of(&self, name: &MasterName) -> Option<MemberId> {
        self.machines[name].data().map(|data| data.image.member)
    }

    fn has_majority(&self, names: &[MasterName]) -> bool {
        let Some(newest) = self.newest(names) else { return false };
        let voters = newest.voters();
        let present = names.iter().filter_map(|name| self.member_of(name)).filter(|id| voters.contains(id)).count();
        quorum::is_quorum(present, voters.len())
    }

    fn lead(&mut self, cluster: ClusterId, names: &[MasterName], now: Instant) {
        let Some(mut newest) = self.newest(names).cloned() else { return };
        let leader = self.leaders.get(&cluster).copied();
        let present = |id: MemberId| names.iter().any(|name| self.member_of(name) == Some(id));
        let leader = match leader.filter(|id| present(*id)) {
            Some(leader) => leader,
            None => {
                self.leaders.remove(&cluster);
                let since = *self.electing.entry(cluster).or_insert(now);
                let election = names.iter().map(|name| self.machines[name].election()).max().unwrap_or_default();
                if now < since + election * 3 / 2 {
                    names.iter().for_each(|name| self.without_leader(name, names, now));
                    return;
                }
                let leader = self.elect(cluster, names, &newest);
                newest.term += 1;
                newest.applied += 1;
                leader
            }
        };
        let mut newest = Some(newest);
        for name in names {
            let known = newest.take().or_else(|| self.newest(names).cloned());
            let Some(known) = known else { return };
            // What is published changes what the others must catch up with.
            newest = (!self.follow(name, leader, &known, now)).then_some(known);
        }
    }

    /// The voter with the longest log leads, in a new term.
    fn elect(&mut self, cluster: ClusterId, names: &[MasterName], newest: &Image) -> MemberId {
        let voters = newest.voters();
        let log =
            |name: &MasterName| self.machines[name].data().map(|data| (data.logged().term, data.logged().applied));
        let candidates = names.iter().filter(|name| self.member_of(name).is_some_and(|id| voters.contains(&id)));
        let best = candidates.max_by_key(|name| (log(name), std::cmp::Reverse((*name).clone()))).cloned();
        let leader = best.and_then(|name| self.member_of(&name)).unwrap_or(newest.member);
        for name in names {
            if let Some(data) = self.machine(name).data_mut() {
                data.touch();
                if let Some(ahead) = data.ahead.take() {
                    data.image = ahead;
                }
                data.image.term += 1;
                // A new leader commits an empty entry.
                data.image.applied += 1;
            }
        }
        self.electing.remove(&cluster);
        self.leaders.insert(cluster, leader);
        leader
    }

    /// A leader steps down two election timeouts after the loss, and whoever hears it campaigns two later; a learner
    /// never does.
    fn without_leader(&mut self, name: &MasterName, heard: &[MasterName], now: Instant) {
        let led_by = self.machines[name].process.as_ref().and_then(|process| process.leader);
        let hears_it = heard.iter().any(|other| other != name && led_by.is_some() && self.member_of(other) == led_by);
        let votes = self.machines[name].data().is_some_and(|data| data.image.voters().contains(&data.image.member));
        let machine = self.machine(name);
        let stale = machine.election() * if hears_it { 4 } else { 2 };
        let Some(process) = &mut machine.process else { return };
        match (process.leader, process.leader_lost) {
            (Some(_), None) => process.leader_lost = Some(now),
            (Some(_), Some(lost)) if votes && now >= lost + stale => process.leader = None,
            _ => {}
        }
    }

    /// A member that hears the leader: it catches up, and publishes itself once. Says whether it did just now.
    fn follow(&mut self, name: &MasterName, leader: MemberId, newest: &Image, now: Instant) -> bool {
        let machine = self.machine(name);
        let (election, lags, sync) = (machine.election(), machine.lags, machine.sync.unwrap_or(SYNC));
        let client_url = machine.client_url();
        let Some((process, data)) =
            machine.process.as_mut().zip(machine.dirs.get_mut(super::machine::DATA_DIR).and_then(Option::as_mut))
        else {
            return false;
        };
        process.leader = Some(leader);
        process.leader_lost = None;
        if !newest.members.contains_key(&data.image.member) {
            // Removed for good: etcd ends itself.
            machine.end(false);
            return false;
        }
        if lags || (process.joiner && now < process.started + sync) {
            return false;
        }
        process.in_sync = true;
        if (data.image.term, data.image.applied) != (newest.term, newest.applied) && !machine.deaf {
            data.ahead = None;
            data.image.catch_up(newest);
        }
        let ready_at = *process.ready_at.get_or_insert_with(|| {
            let lost_publish = Duration::from_secs(5) + election * 2;
            if process.joiner { process.started + lost_publish } else { now.max(process.started) + PUBLISH }
        });
        if process.ready || now < ready_at {
            return false;
        }
        process.ready = true;
        let (own_name, member) = (process.name.clone(), data.image.member);
        self.change(name, |image| {
            if let Some(entry) = image.members.get_mut(&member) {
                entry.name = own_name;
                entry.client_url = client_url;
            }
        });
        true
    }

    /// Commits an entry: everyone in the group that is in sync applies it.
    pub(super) fn change(&mut self, through: &MasterName, entry: impl FnOnce(&mut Image)) {
        let Some(names) = self.led_group(through) else { return };
        let Some(mut newest) = self.newest(&names).cloned() else { return };
        newest.applied += 1;
        entry(&mut newest);
        for name in &names {
            let machine = self.machine(name);
            let synced = !machine.lags && machine.process.as_ref().is_some_and(|process| process.in_sync);
            let deaf = machine.deaf;
            if let (true, Some(data)) = (synced, machine.data_mut()) {
                if deaf {
                    data.ahead = Some(Image { member: data.image.member, ..newest.clone() });
                } else {
                    data.follow(&newest);
                }
            }
        }
    }
}
