//! What must never happen, checked after every command on a master. Sees the model's state, not how it came about.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ClusterId, MasterName};

use super::machine::Machine;
use super::state::State;
use super::systemd::By;

/// What is remembered to be compared with, and every rule that was broken.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    pub(super) broken: Vec<String>,
    /// The cluster whose acknowledged writes count: the first one, then each that a restore made and requorum started.
    pub(super) timeline: Option<ClusterId>,
    /// Keys acknowledged on the timeline.
    pub(super) acknowledged: BTreeSet<String>,
    /// Every data directory that ever was: where, and what it held.
    pub(super) ever: BTreeMap<(MasterName, u64), Held>,
    /// Every log that ever lay elsewhere than in its data directory: where, and whose.
    pub(super) logs: BTreeSet<(MasterName, u64)>,
    /// Clusters that a restore made, in order.
    pub(super) restored: Vec<ClusterId>,
    /// Masters whose env file requorum wrote.
    pub(super) written: BTreeSet<MasterName>,
    /// Masters whose API server's list somebody has written anew since.
    pub(super) listed_anew: BTreeSet<MasterName>,
}

/// A directory as it was last looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    /// Term, applied index and number of keys: while they stay, so does the rest.
    mark: (u64, u64, usize),
    keys: BTreeSet<String>,
}

impl Watch {
    /// A cluster that requorum started takes writes: it carries the timeline on where a later restore made it.
    pub(super) fn serves(&mut self, cluster: ClusterId) {
        let place = |id: ClusterId| self.restored.iter().position(|known| *known == id);
        let later = self.timeline.is_none_or(|timeline| place(cluster) > place(timeline));
        if later {
            self.timeline = Some(cluster);
        }
    }

    pub(super) fn say(&mut self, what: String) {
        if !self.broken.contains(&what) {
            self.broken.push(what);
        }
    }
}

impl State {
    /// Looks at everything; `after` says what was just done.
    pub(super) fn check(&mut self, after: &str) {
        self.tick();
        let mut said = Vec::new();
        self.two_clusters_of_ours(&mut said);
        self.acknowledged_keys_serve(&mut said);
        self.nothing_is_deleted(&mut said);
        for name in &self.watch.written {
            let machine = &self.machines[name];
            if machine.setting_written("ETCD_INITIAL_CLUSTER_STATE") != "existing" {
                let path = machine.settings_path();
                said.push(format!("{path} on {name}, written by requorum, does not say state=existing"));
            }
        }
        for machine in self.machines.values() {
            if machine.fenced() && machine.process.as_ref().is_some_and(|process| process.by_us) {
                said.push(format!("etcd runs on {} under its fence, started by requorum", machine.name));
            }
        }
        self.api_servers_read_one_cluster(&mut said);
        for what in said {
            self.watch.say(format!("after {after}: {what}"));
        }
    }

    /// The clusters that would take a write now, and through whom.
    pub(super) fn writable(&self) -> BTreeMap<ClusterId, Vec<MasterName>> {
        let mut writable = BTreeMap::new();
        for machine in self.machines.values() {
            let Some((process, data)) = machine.live() else { continue };
            let votes = data.image.voters().contains(&data.image.member);
            if process.ready && votes && self.led_group(&machine.name).is_some() {
                writable.entry(data.image.cluster).or_insert_with(Vec::new).push(machine.name.clone());
            }
        }
        writable
    }

    /// Whether requorum started the etcd that runs there.
    pub(super) fn by_us(&self, name: &MasterName) -> bool {
        self.machines[name].process.as_ref().is_some_and(|process| process.by_us)
    }

    fn two_clusters_of_ours(&self, said: &mut Vec<String>) {
        let ours: Vec<String> = self
            .writable()
            .into_iter()
            .filter(|(_, names)| names.iter().any(|name| self.by_us(name)))
            .map(|(cluster, names)| format!("{cluster} on {names:?}"))
            .collect();
        if ours.len() > 1 {
            said.push(format!("two clusters that requorum started take writes: {}", ours.join("; ")));
        }
    }

    /// Once a run has narrowed its list, an API server reads from no other cluster than its own.
    fn api_servers_read_one_cluster(&self, said: &mut Vec<String>) {
        let ours = |machine: &&Machine| machine.list_was_rewritten() && !self.watch.listed_anew.contains(&machine.name);
        for machine in self.machines.values().filter(ours) {
            let read = self.clusters_read_by(machine);
            if read.len() > 1 {
                said.push(format!("the API server of {} reads from {read:?}", machine.name));
            }
        }
    }

    /// A restored cluster that requorum started carries the timeline on, with every key of it.
    fn acknowledged_keys_serve(&mut self, said: &mut Vec<String>) {
        for (cluster, names) in self.writable() {
            if names.iter().any(|name| self.by_us(name)) {
                self.watch.serves(cluster);
            }
            if self.watch.timeline != Some(cluster) {
                continue;
            }
            for name in names {
                let machine = &self.machines[&name];
                let Some(data) = machine.data().filter(|data| !machine.lags && data.ahead.is_none()) else { continue };
                let lost: Vec<&String> =
                    self.watch.acknowledged.iter().filter(|key| !data.image.keys.contains_key(*key)).collect();
                if !lost.is_empty() {
                    said.push(format!("{name} serves {cluster} without the acknowledged keys {lost:?}"));
                }
            }
        }
    }

    /// Every data directory is where it was or beside it, with all it held.
    fn nothing_is_deleted(&mut self, said: &mut Vec<String>) {
        let mut here = 0;
        for machine in self.machines.values() {
            for data in machine.dirs.values().flatten() {
                here += 1;
                let image = &data.image;
                let mark = (image.term, image.applied, image.keys.len());
                let known = self.watch.ever.entry((machine.name.clone(), data.inode)).or_default();
                if known.mark == mark {
                    continue;
                }
                if known.keys.iter().any(|key| !image.keys.contains_key(key)) {
                    said.push(format!("data directory {} on {} has lost keys", data.inode, machine.name));
                }
                *known = Held { mark, keys: image.keys.keys().cloned().collect() };
            }
        }
        let logs = |(name, machine): (&MasterName, &Machine)| -> Vec<_> {
            machine.logs.values().flatten().map(|inode| (name.clone(), *inode)).collect()
        };
        let logs: BTreeSet<_> = self.machines.iter().flat_map(logs).collect();
        let gone = self.watch.logs.difference(&logs);
        said.extend(gone.map(|(name, inode)| format!("the log of data directory {inode} on {name} is gone")));
        self.watch.logs.extend(logs);
        if self.watch.ever.len() > here {
            let held = |(name, inode): &&(MasterName, u64)| {
                self.machines[name].dirs.values().flatten().any(|data| data.inode == *inode)
            };
            let gone = self.watch.ever.keys().filter(|place| !held(place));
            said.extend(gone.map(|(name, inode)| format!("data directory {inode} on {name} is gone")));
        }
    }

    /// The clusters whose quorum a run must not take: the one whose writes count, where the run is none that fences on
    /// purpose.
    pub(super) fn kept_by(&mut self, run: &str) -> Vec<ClusterId> {
        if !self.bastion.keeps_quorum.contains(run) {
            return Vec::new();
        }
        self.tick();
        let counts = |cluster: &ClusterId| self.watch.timeline.is_none_or(|timeline| timeline == *cluster);
        self.writable().into_keys().filter(counts).collect()
    }

    /// Quorum is never lost by an act of requorum's own.
    pub(super) fn quorum_is_kept(&mut self, before: &[ClusterId], after: &str) {
        if before.is_empty() {
            return;
        }
        self.tick();
        let now = self.writable();
        for cluster in before.iter().filter(|cluster| !now.contains_key(cluster)) {
            self.watch.say(format!("after {after}: cluster {cluster} has lost its quorum"));
        }
    }

    /// What must be so when etcd starts.
    pub(super) fn watch_start(&mut self, name: &MasterName, by: By, new: bool) {
        if let Some(what) = self.seen(name).wrong_log().filter(|_| !new) {
            self.watch.say(format!("{name} starts etcd {what}"));
        }
        let machine = self.seen(name);
        let Some(data) = machine.data() else { return };
        let mark = data.inode.to_string();
        let marked = machine.files.iter().any(|(path, text)| path.ends_with("/restored") && *text == mark.as_bytes());
        let unfit = data.restored && !(marked && data.whole);
        let old = !data.restored && self.watch.timeline.is_some_and(|timeline| timeline != data.image.cluster);
        if unfit {
            self.watch.say(format!("{name} starts etcd on a restore that has no mark or is not whole"));
        }
        if by == By::Requorum && old {
            self.watch.say(format!("requorum starts etcd on {name} on old data"));
        }
    }

    /// What must be so when requorum restarts etcd.
    pub(super) fn watch_restart(&mut self, name: &MasterName) {
        let votes = self.seen(name).data().is_some_and(|data| data.image.voters().contains(&data.image.member));
        if votes {
            self.watch.say(format!("{name} is restarted although it votes"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::machine::DATA_DIR;
    use super::super::{Event, Site, name};
    use super::*;

    async fn healthy() -> Site {
        let site = Site::new(&[2, 1]);
        site.wait(Duration::from_secs(10)).await;
        assert!(site.write("m1", "key"));
        assert_eq!(site.broken(), Vec::<String>::new());
        site
    }

    fn says(site: &Site, what: &str) {
        let broken = site.broken();
        assert!(broken.iter().any(|said| said.contains(what)), "{what} is not among {broken:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_directory_is_missed() {
        let site = healthy().await;
        site.with(|state| state.machine(&name("m2")).dirs.remove(DATA_DIR));
        says(&site, "is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_key_is_missed() {
        let site = healthy().await;
        site.with(|state| state.machine(&name("m3")).data_mut().map(|data| data.image.keys.clear()));
        says(&site, "has lost keys");
        says(&site, "without the acknowledged keys");
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_on_an_unmarked_restore_is_seen() {
        let site = healthy().await;
        site.happens(&Event::Off("m3".into()));
        site.with(|state| state.machine(&name("m3")).data_mut().map(|data| data.restored = true));
        site.happens(&Event::On("m3".into()));
        says(&site, "has no mark or is not whole");
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_cluster_is_seen() {
        let site = healthy().await;
        site.happens(&Event::Off("m3".into()));
        site.with(|state| state.machine(&name("m3")).dirs.insert(DATA_DIR.into(), None));
        site.happens(&Event::On("m3".into()));
        says(&site, "an empty cluster");
    }

    #[tokio::test(start_paused = true)]
    async fn a_written_file_with_state_new_is_seen() {
        let site = healthy().await;
        site.with(|state| state.watch.written.insert(name("m1")));
        says(&site, "does not say state=existing");
    }

    #[tokio::test(start_paused = true)]
    async fn two_clusters_of_ours_are_seen() {
        let site = healthy().await;
        site.happens(&Event::Off("zone1".into()));
        site.wait(Duration::from_secs(15)).await;
        let ask = super::super::Flags { attested: vec!["zone1".into()], ..Default::default() };
        site.initiate_dr(&ask).await;
        site.happens(&Event::On("zone1".into()));
        site.wait(Duration::from_secs(15)).await;
        // The old side woke up by itself, which is not requorum's doing; had requorum started it, it would be.
        assert_eq!(site.broken(), Vec::<String>::new());
        assert_eq!(site.writable().len(), 2);
        site.with(|state| {
            let process = state.machine(&name("m1")).process.as_mut();
            process.map(|process| process.by_us = true)
        });
        says(&site, "two clusters that requorum started");
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_of_a_voter_and_a_start_on_old_data_are_seen() {
        let site = healthy().await;
        site.with(|state| state.watch_restart(&name("m1")));
        says(&site, "is restarted although it votes");
        site.with(|state| {
            state.watch.timeline = Some(ClusterId(1));
            state.watch_start(&name("m1"), By::Requorum, false);
        });
        says(&site, "on old data");
    }
}
