//! Write-ahead logs that lie elsewhere than in the data directory: whose log each directory holds. The log's entries are the
//! data's own; here is only whether etcd would find them.

use crate::config::Form;
use crate::model::MasterName;

use super::Site;
use super::data::Data;
use super::etcdctl::Reply;
use super::machine::{DATA_DIR, Machine};
use super::state::State;

/// The file system of every such log.
const FILE_SYSTEM: &str = "/wal";
/// The directory of every such log.
pub(super) const WAL_DIR: &str = "/wal/etcd";

/// How a log comes to lie there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnWal {
    /// `wal-dir` names the directory.
    Set,
    /// `member/wal` is a link to it.
    Linked,
}

impl Site {
    /// The same site with every master's write-ahead log on a file system of its own.
    #[must_use]
    pub fn with_wals(self, how: OwnWal) -> Self {
        self.with(|state| state.machines.values_mut().for_each(|machine| machine.move_log(how)));
        self
    }
}

impl State {
    /// etcd makes its data, and its log where its settings say.
    pub(super) fn make_data(&mut self, name: &MasterName, data: Data) {
        if let Some(what) = self.seen(name).wrong_log() {
            self.watch.say(format!("{name} starts etcd {what}"));
        }
        let machine = self.machine(name);
        if let Some(dir) = machine.wal_dir() {
            machine.logs.insert(dir, Some(data.inode));
        }
        machine.dirs.insert(DATA_DIR.to_owned(), Some(data));
    }
}

impl Machine {
    /// Somebody has moved it, with etcd stopped for a moment.
    pub(super) fn move_log(&mut self, how: OwnWal) {
        let Some(data) = self.data_mut() else { return };
        data.link = (how == OwnWal::Linked).then(|| WAL_DIR.to_owned());
        let inode = data.inode;
        self.logs.insert(WAL_DIR.to_owned(), Some(inode));
        if how == OwnWal::Set {
            self.set("ETCD_WAL_DIR", WAL_DIR);
        }
        let given = self.given();
        self.process.iter_mut().for_each(|process| process.given.clone_from(&given));
    }

    /// Where etcd's settings put its log.
    pub(super) fn wal_dir(&self) -> Option<String> {
        Some(self.setting_written("ETCD_WAL_DIR")).filter(|dir| !dir.is_empty())
    }

    /// What would be wrong with a start on what lies there now.
    pub(super) fn wrong_log(&self) -> Option<&'static str> {
        let at = |dir: &str| self.logs.get(dir).copied().flatten();
        let (data, set) = (self.data(), self.wal_dir());
        match (data, data.and_then(|data| data.link.as_deref()).or(set.as_deref())) {
            (_, None) => None,
            (Some(data), Some(dir)) => (at(dir) != Some(data.inode)).then_some("on data with another log"),
            (None, Some(dir)) => at(dir).is_some().then_some("without data on an old log"),
        }
    }

    /// The data whose log lies in a directory, given as etcd is given it or as `member/wal`.
    pub(super) fn data_of_log(&self, dir: &str) -> Option<&Data> {
        let own = |data: &&Data| data.link.as_deref().is_none_or(|link| self.logs.get(link) == Some(&Some(data.inode)));
        if let Some(data_dir) = dir.strip_suffix("/member/wal") {
            return self.dirs.get(data_dir).and_then(Option::as_ref).filter(own);
        }
        let inode = self.logs.get(dir).copied().flatten()?;
        self.dirs.values().flatten().find(|data| data.inode == inode)
    }

    pub(super) fn wal_place(&self, data_dir: &str, set: &str) -> Reply {
        let linked = set.is_empty();
        let link = self.data().and_then(|data| data.link.clone());
        let path = if linked { link } else { Some(set.to_owned()) };
        let Some(path) = path else {
            return Reply::failed(1, format!("{data_dir}/member/wal is a symbolic link, and nothing is there"));
        };
        let mut said = format!("path={path}\ndata={DATA_DIR}\nfree_bytes={}\n", self.free_bytes);
        said += if linked { "linked=yes\n" } else { "" };
        said += if path == FILE_SYSTEM { "mount_point=yes\n" } else { "" };
        said += if self.logs.contains_key(&path) { "exists=yes\n" } else { "" };
        for line in self.odd.iter().filter_map(|line| line.strip_prefix("wal:")) {
            said += &format!("{line}\n");
        }
        Reply::said(said)
    }
}

impl Machine {
    /// What etcd is given when it is started now: the settings that are compared, as lines of the question's answer.
    pub(super) fn given(&self) -> String {
        if self.form == Form::ConfigFile {
            return format!("flag=config-file={}\n", self.settings_path());
        }
        let how = if self.form == Form::EnvFile { "variable" } else { "flag" };
        let keys = [
            "NAME",
            "DATA_DIR",
            "WAL_DIR",
            "LISTEN_PEER_URLS",
            "INITIAL_ADVERTISE_PEER_URLS",
            "LISTEN_CLIENT_URLS",
            "ADVERTISE_CLIENT_URLS",
        ];
        let line = |key: &str| {
            let value = self.setting_at_start(&format!("ETCD_{key}"));
            let flag = key.to_ascii_lowercase().replace('_', "-");
            (!value.is_empty()).then(|| format!("{how}={flag}={value}\n"))
        };
        keys.into_iter().filter_map(line).collect()
    }

    /// What runs, and what it has open.
    pub(super) fn process_lines(&self) -> Reply {
        let Some((process, data)) = self.live() else { return Reply::said("pid=0\n") };
        let link = data
            .link
            .clone()
            .or_else(|| self.logs.iter().find(|(_, whose)| **whose == Some(data.inode)).map(|(dir, _)| dir.clone()));
        let wal = link.unwrap_or_else(|| format!("{DATA_DIR}/member/wal"));
        Reply::said(format!(
            "pid={}\nprogram=/usr/local/bin/etcd\ndata={DATA_DIR}\n{}open_db={DATA_DIR}/member/snap/db\nopen_wal={wal}\n",
            process.pid, process.given
        ))
    }
}
