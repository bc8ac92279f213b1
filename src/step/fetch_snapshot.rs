//! Fetch the snapshot: copy it to the bastion, where it outlives the zone. It holds every Secret, so only its owner can
//! read it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Output, RunId};

use super::{Act, Doing, Effect, Facts, Judgement, Kind, Undo, distribute_snapshot};

/// The file's name in the run's directory on the bastion.
pub const NAME: &str = "snapshot.db";

/// Streams the snapshot to the bastion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchSnapshot {
    pub run: RunId,
    /// How long nothing may come; grows with the database, which is hashed at the end.
    pub limit: Duration,
}

impl Kind for FetchSnapshot {
    fn title(&self) -> String {
        "copy the snapshot to the bastion".to_owned()
    }

    fn acts(&self) -> Vec<Act> {
        let read = distribute_snapshot::send(&self.run, self.limit);
        vec![Act::doing(Doing::Fetch { read, name: NAME.to_owned() })]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        // The runner has compared size and hash with the snapshot's and put the path into the output.
        if output.ok() { Judgement::done(output.stdout.trim()) } else { Judgement::Stop(output.complaint()) }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::FetchesSnapshot]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
