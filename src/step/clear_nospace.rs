//! Clear NOSPACE: make space and clear that alarm, which survives a restore and refuses every write.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Output};
use crate::observe::settings::Access;
use crate::observe::status::etcdctl;

use super::{Act, Effect, Facts, Judgement, Kind, Undo};

/// Compacts, defragments and disarms, in etcd's order (its maintenance guide, "Space quota").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearNospace {
    /// Where etcdctl lies.
    pub etcdctl: String,
    /// The member's client port.
    pub access: Access,
    /// How long the wait for the member and the work may take; grows with the database.
    pub limit: Duration,
}

const SCRIPT: Script = Script { name: "relieve", text: include_str!("scripts/clear-nospace.sh") };

impl Kind for ClearNospace {
    fn title(&self) -> String {
        "make space: compact, defragment, disarm NOSPACE".to_owned()
    }

    fn acts(&self) -> Vec<Act> {
        let command = Command::script(SCRIPT)
            .then(etcdctl(&self.etcdctl, &self.access, self.limit.min(Duration::from_secs(120))))
            .deadline(self.limit + Duration::from_secs(10));
        vec![Act::once(command).for_up_to(self.limit)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::CompactsHistory]
    }

    fn undo(&self) -> Undo {
        Undo::PointOfNoReturn("compacted history cannot be restored; no current value is lost".into())
    }
}
