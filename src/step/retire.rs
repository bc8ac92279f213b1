//! Retire: move a data directory aside under the run's name, and put what was restored in its place; nothing is
//! deleted.

use serde::{Deserialize, Serialize};

use crate::model::{AbsPath, MasterName, Output, RunId, Supervisor, WalDir};
use crate::observe::supervised::{Supervised, supervised};

use super::restore::fresh_dir;
use super::start::Onto;
use super::{Act, Effect, Fact, Facts, Judgement, Kind, Undo, return_data, run_dir};

/// Moves the data directory aside by one rename; the restored one takes its place, or an empty one with the same owner,
/// mode and label. A mount point cannot be renamed: there `member` is moved into a directory inside it. A log in a directory
/// of its own is moved after the data, and the new one takes its place before the new data does: wherever that is cut off,
/// data that is in its place has its own log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retire {
    /// Which master.
    pub master: MasterName,
    /// What starts its etcd, which must be down and fenced.
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
    /// The data directory.
    pub data_dir: AbsPath,
    /// Whether it is a mount point.
    pub mount_point: bool,
    /// Where the write-ahead log lies, where that is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_dir: Option<WalDir>,
    /// What takes its place.
    pub onto: Onto,
    pub run: RunId,
}

const SCRIPT: Supervised = supervised!("retire", "scripts/retire.sh");

/// Where a run moves the data in this directory: beside it, or inside it where it is a mount point.
pub(super) fn aside(data_dir: &AbsPath, mount_point: bool, run: &RunId) -> String {
    if mount_point { data_dir.retired_within(run) } else { data_dir.retired(run) }
}

/// Where a run moves the log that has a directory of its own.
fn wal_aside(own: Option<&WalDir>, run: &RunId) -> Option<String> {
    own.and_then(WalDir::moved).map(|path| path.retired(run))
}

impl Retire {
    /// Where the old data goes.
    #[must_use]
    pub fn aside(&self) -> String {
        aside(&self.data_dir, self.mount_point, &self.run)
    }
}

impl Kind for Retire {
    fn title(&self) -> String {
        let then = match self.onto {
            Onto::Restored => "; what was restored takes its place",
            Onto::Emptied => "",
        };
        let log = self.wal_dir.as_ref().and_then(WalDir::moved).zip(wal_aside(self.wal_dir.as_ref(), &self.run));
        let log = log.map(|(path, aside)| format!(", {path} to {aside}")).unwrap_or_default();
        format!("retire {} to {}{log}{then}", self.data_dir, self.aside())
    }

    fn acts(&self) -> Vec<Act> {
        let fresh = fresh_dir(&self.data_dir, self.mount_point, &self.run);
        let restored = self.onto == Onto::Restored;
        let wal = self.wal_dir.as_ref().and_then(|own| Some((own, own.moved()?)));
        let fresh_wal = wal.filter(|_| restored).map(|(own, _)| own.fresh(&self.data_dir, &fresh, &self.run));
        let command = SCRIPT
            .act(&self.supervisor)
            .arg(self.data_dir.as_str())
            .arg(self.aside())
            .arg(if self.mount_point { "yes" } else { "no" })
            .arg(self.supervisor.fence_marker())
            .arg(run_dir(&self.run))
            .arg(if restored { fresh } else { String::new() })
            .arg(wal.map_or("", |(_, path)| path.as_str()))
            .arg(wal_aside(self.wal_dir.as_ref(), &self.run).unwrap_or_default())
            .arg(fresh_wal.unwrap_or_default());
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        let wal = match &self.wal_dir {
            Some(WalDir::Linked { to, .. }) => Some(to.to_string()),
            own => wal_aside(own.as_ref(), &self.run),
        };
        let retired = || {
            let wal = wal.iter().map(|path| Fact::RetiredWal(self.master.clone(), path.clone()));
            [Fact::Retired(self.master.clone(), self.aside())].into_iter().chain(wal).collect()
        };
        match Judgement::spoken(output) {
            Judgement::Done(note, _) if note == self.aside() => Judgement::Done(format!("moved to {note}"), retired()),
            Judgement::FoundDone(note, _) => Judgement::FoundDone(format!("was moved to {note}"), retired()),
            other => other,
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::MovesData(self)]
    }

    fn undo(&self) -> Undo {
        let (supervisor, data_dir, run) = (self.supervisor.clone(), self.data_dir.clone(), self.run.clone());
        let (mount_point, wal_dir) = (self.mount_point, self.wal_dir.as_ref().and_then(WalDir::moved).cloned());
        let back = return_data::ReturnData { supervisor, data_dir, mount_point, wal_dir, run };
        Undo::Steps(vec![back.into()])
    }
}
