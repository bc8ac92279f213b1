//! Stop: end etcd on a master, gracefully for a limited time, then by force; Restart=always must not start it again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Output, UnitName};

use super::{Act, Effect, Facts, Judgement, Kind, Undo};

/// Stops a unit. A client with an open watch makes a graceful stop take 15 s (etcd waits its request time-out for the
/// streams to end), which buys nothing once the snapshot is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    pub unit: UnitName,
    /// How long it may take to end by itself.
    pub grace: Duration,
    /// Whether an end by force is acceptable. Not where the database is copied afterwards: only a clean end
    /// flushes it.
    pub by_force: bool,
}

/// How long a killed process may take to be gone.
const KILL_LIMIT_S: u64 = 10;

const SCRIPT: Script =
    Script { name: "stop", text: concat!(include_str!("scripts/prelude/look.sh"), include_str!("scripts/stop.sh")) };

impl Kind for Stop {
    fn title(&self) -> String {
        format!("stop {}", self.unit)
    }

    fn acts(&self) -> Vec<Act> {
        let limit = self.grace + Duration::from_secs(KILL_LIMIT_S + 5);
        let command = Command::script(SCRIPT)
            .arg(self.unit.as_str())
            .arg(format!("{:.1}", self.grace.as_secs_f64()))
            .arg(if self.by_force { "yes" } else { "no" })
            .arg(KILL_LIMIT_S.to_string())
            .deadline(limit);
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::StopsEtcd { by_force: self.by_force }]
    }

    fn undo(&self) -> Undo {
        Undo::ByHand(format!("systemctl start --no-block {}", self.unit))
    }
}
