//! Distribute the snapshot: give another survivor the seed's, through the bastion, checked by size and hash where it
//! arrives.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Command, MasterName, Output, Placeholder, RunId};

use super::{Act, Doing, Effect, Facts, Judgement, Kind, Undo, snapshot, snapshot_path};

/// Streams the snapshot from the seed. Members restored from different files would disagree for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistributeSnapshot {
    /// The seed.
    pub from: MasterName,
    pub run: RunId,
    /// How long nothing may come; grows with the database, which is hashed at the end.
    pub limit: Duration,
}

/// The command that writes a run's snapshot to its standard output.
#[must_use]
pub fn send(run: &RunId, limit: Duration) -> Command {
    Command::new("cat").arg(snapshot_path(run)).bulk().while_it_moves(limit)
}

impl Kind for DistributeSnapshot {
    fn title(&self) -> String {
        format!("receive the snapshot of {}", self.from)
    }

    fn acts(&self) -> Vec<Act> {
        let write = snapshot::receive(&self.run)
            .placeholder(Placeholder::SnapshotSize)
            .placeholder(Placeholder::SnapshotHash)
            .while_it_moves(self.limit);
        let relay = Doing::Relay { from: self.from.clone(), read: send(&self.run, self.limit), write };
        vec![Act::doing(relay).moves(&snapshot::coming(&self.run), None)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::SharesSnapshot]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
