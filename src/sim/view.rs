//! What a story may ask about a site: who takes writes, which keys are where, which rules were broken. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::model::{ClusterId, MasterName};

use super::machine::DATA_DIR;
use super::state::State;
use super::{Site, members_text, name};

impl Site {
    /// The clusters that take writes now, and through which masters.
    #[must_use]
    pub fn writable(&self) -> BTreeMap<ClusterId, Vec<MasterName>> {
        self.with(|state| {
            state.tick();
            state.writable()
        })
    }

    /// Whether a master has power.
    #[must_use]
    pub fn powered(&self, master: &str) -> bool {
        self.lock().seen(&name(master)).powered
    }

    /// Every rule that was broken so far.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        self.with(|state| {
            state.check("everything");
            state.watch.broken.clone()
        })
    }

    /// The keys in a master's data directory.
    #[must_use]
    pub fn keys(&self, master: &str) -> BTreeSet<String> {
        let state = self.lock();
        state.seen(&name(master)).data().map(|data| data.image.keys.keys().cloned().collect()).unwrap_or_default()
    }

    /// The keys in a master's data directory and in its write-ahead log, whether or not they are applied.
    #[must_use]
    pub fn logged_keys(&self, master: &str) -> BTreeSet<String> {
        let state = self.lock();
        let ahead = state.seen(&name(master)).data().and_then(|data| data.ahead.as_ref());
        let ahead = ahead.into_iter().flat_map(|image| image.keys.keys().cloned()).collect::<Vec<_>>();
        drop(state);
        self.keys(master).into_iter().chain(ahead).collect()
    }

    /// The keys in a master's retired data directories.
    #[must_use]
    pub fn retired_keys(&self, master: &str) -> BTreeSet<String> {
        let state = self.lock();
        let dirs = state.seen(&name(master)).dirs.iter();
        let retired = dirs.filter(|(path, _)| path.contains(".retired-")).filter_map(|(_, held)| held.as_ref());
        retired.flat_map(|data| data.image.keys.keys().cloned()).collect()
    }

    /// The keys that were acknowledged and must be there.
    #[must_use]
    pub fn acknowledged(&self) -> BTreeSet<String> {
        self.lock().watch.acknowledged.clone()
    }

    /// The members that a master's env file lists.
    #[must_use]
    pub fn listed(&self, master: &str) -> BTreeSet<String> {
        let state = self.lock();
        members_text(&state.seen(&name(master)).setting("ETCD_INITIAL_CLUSTER")).into_keys().collect()
    }

    /// The members that vote, as a master's data has them.
    #[must_use]
    pub fn voters(&self, master: &str) -> BTreeSet<String> {
        let state = self.lock();
        let members = state.seen(&name(master)).data().into_iter().flat_map(|data| data.image.members.values());
        members.filter(|member| !member.learner).map(|member| member.name.clone()).collect()
    }

    /// What `snapshot save` would give at a master now.
    #[must_use]
    pub fn snapshot(&self, master: &str) -> Vec<u8> {
        self.lock().image(&name(master)).to_snapshot()
    }

    /// A master's bare database file.
    #[must_use]
    pub fn database(&self, master: &str) -> Vec<u8> {
        let state = self.lock();
        state.seen(&name(master)).data().map(|data| data.database().to_bytes()).unwrap_or_default()
    }

    /// A master's file.
    #[must_use]
    pub fn file(&self, master: &str, path: &str) -> Option<String> {
        self.lock().seen(&name(master)).file(path)
    }

    /// A file of the bastion.
    #[must_use]
    pub fn kept(&self, path: &str) -> Option<Vec<u8>> {
        self.lock().bastion.files.get(path).cloned()
    }

    /// Everything that the console was told.
    #[must_use]
    pub fn told(&self) -> Vec<crate::run::ports::Event> {
        self.lock().bastion.told.clone()
    }

    /// Puts a file on the bastion, as an operator with `scp` would.
    pub fn bring(&self, path: &str, bytes: Vec<u8>) {
        self.lock().bastion.files.insert(path.to_owned(), bytes);
    }

    /// Whether etcd runs on a master.
    #[must_use]
    pub fn runs(&self, master: &str) -> bool {
        self.lock().seen(&name(master)).process.is_some()
    }

    /// Whether a master is fenced.
    #[must_use]
    pub fn fenced(&self, master: &str) -> bool {
        self.lock().seen(&name(master)).fenced()
    }

    /// The runs that hold a master's lock.
    #[must_use]
    pub fn locked_by(&self) -> BTreeSet<String> {
        let state = self.lock();
        let holders = state.machines.values().filter_map(|machine| machine.file("/var/lib/requorum/lock/holder.json"));
        let run = |holder: String| {
            let holder: Result<crate::observe::traces::Holder, _> = serde_json::from_str(&holder);
            holder.map(|holder| holder.run).ok()
        };
        holders.filter_map(run).collect()
    }

    /// Where the first run keeps its files on the bastion: of a drill that is the drill itself.
    #[must_use]
    pub fn first_run(&self) -> String {
        super::bastion::place(1, &self.lock().bastion)
    }

    /// Where the latest run keeps its files on the bastion.
    #[must_use]
    pub fn last_run(&self) -> String {
        let state = self.lock();
        super::bastion::place(state.bastion.runs, &state.bastion)
    }

    /// Everything on the masters that outlives a moment, to be compared with later.
    #[must_use]
    pub fn picture(&self) -> String {
        self.with(|state| {
            state.tick();
            state.picture()
        })
    }
}

impl State {
    fn picture(&self) -> String {
        let mut text = String::new();
        for machine in self.machines.values() {
            let _ = writeln!(text, "{} pid {} failed {}", machine.name, machine.pid(), machine.unit.failed);
            // A lock that was given back is kept under its run's name.
            let kept_lock = |path: &str| path.contains("/runs/") && path.ends_with("/lock/holder.json");
            for (path, bytes) in machine.files.iter().filter(|(path, _)| !kept_lock(path)) {
                let _ = writeln!(text, "  {path}: {}", String::from_utf8_lossy(bytes));
            }
            for (path, whose) in &machine.logs {
                let _ = writeln!(text, "  {path}: log of {whose:?}");
            }
            for (path, held) in &machine.dirs {
                let _ = match held {
                    Some(data) => writeln!(
                        text,
                        "  {path}{}: {} of {} in {:?}: {:?}",
                        if path == DATA_DIR { "" } else { " aside" },
                        data.inode,
                        data.image.member,
                        data.image.cluster,
                        data.image.keys
                    ),
                    None => writeln!(text, "  {path}: empty"),
                };
            }
        }
        text
    }
}
