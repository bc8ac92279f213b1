//! Return data: a master's own data directory takes its place again, and what a run put there is moved aside; nothing
//! is deleted. Starts nothing.

use serde::{Deserialize, Serialize};

use crate::model::{AbsPath, Output, RunId, Supervisor};
use crate::observe::supervised::{Supervised, supervised};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, retire, run_dir, undo};

/// Takes a [`retire::Retire`] back. The script refuses where etcd runs or is not fenced, and where the data from before
/// the run is in neither place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnData {
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
    /// The data directory.
    pub data_dir: AbsPath,
    /// Whether it is a mount point: then only `member` is moved.
    pub mount_point: bool,
    /// The directory of the write-ahead log, where that was moved on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_dir: Option<AbsPath>,
    /// The run that moved the data aside.
    pub run: RunId,
}

const SCRIPT: Supervised = supervised!("return data", "scripts/return-data.sh");

impl ReturnData {
    fn aside(&self) -> String {
        retire::aside(&self.data_dir, self.mount_point, &self.run)
    }
}

impl Kind for ReturnData {
    fn title(&self) -> String {
        format!("return {} to {}", self.aside(), self.data_dir)
    }

    fn acts(&self) -> Vec<Act> {
        let unused = match self.mount_point {
            true => self.data_dir.unused_within(&self.run),
            false => self.data_dir.unused(&self.run),
        };
        let wal = self.wal_dir.as_ref();
        let command = SCRIPT
            .act(&self.supervisor)
            .arg(self.data_dir.as_str())
            .args([self.aside(), unused])
            .arg(if self.mount_point { "yes" } else { "no" })
            .args([self.supervisor.fence_marker(), run_dir(&self.run)])
            .arg(wal.map_or("", AbsPath::as_str))
            .arg(wal.map(|path| path.retired(&self.run)).unwrap_or_default())
            .arg(wal.map(|path| path.unused(&self.run)).unwrap_or_default());
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ReturnsData(&self.run)]
    }

    fn undo(&self) -> Undo {
        Undo::PointOfNoReturn(undo::GIVEN_UP.to_owned())
    }
}
