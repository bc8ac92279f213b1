//! Stop: end etcd on a master, gracefully for as long as that is worth, then by force; Restart=always must not revive it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Output, UnitName};

use super::{Act, Facts, Judgement, Kind, Undo};

/// Stops a unit. A client with an open watch makes a graceful stop take 15 s (etcd waits its request time-out for the
/// streams to end), which buys nothing once the snapshot is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The unit.
    pub unit: UnitName,
    /// How long it may take to end by itself.
    pub grace: Duration,
    /// Whether an end by force is acceptable. Not where the database is copied afterwards: only a clean end
    /// flushes it.
    pub by_force: bool,
}

/// How long a killed process may take to be gone.
const KILL_LIMIT_S: u64 = 10;

// `timeout` ends systemctl, not the job: the stop stays queued, so that the killed service is not restarted.
const SCRIPT: Script = Script {
    name: "stop",
    text: concat!(
        look!(),
        r#"set -u
unit=$1.service grace=$2 force=$3 limit=$4
ask() { look "$unit" MainPID ActiveState || exit 1; }
ask
if [ "$MainPID" = 0 ]; then case $ActiveState in inactive|failed) echo "found: it was not running"; exit 0;; esac; fi
how=gracefully
if ! timeout "$grace" systemctl stop "$unit"; then
  if [ "$force" = no ]; then echo "it did not end within $grace s and must end cleanly here" >&2; exit 1; fi
  how="by force after $grace s"
  systemctl kill -s KILL "$unit"
  timeout "$limit" systemctl stop "$unit"
fi
ask
case $ActiveState in inactive|failed) [ "$MainPID" = 0 ] && { echo "done: ended $how"; exit 0; };; esac
echo "it is $ActiveState with process $MainPID after the stop" >&2
exit 1
"#
    ),
};

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

    fn undo(&self) -> Undo {
        Undo::ByHand(format!("systemctl start --no-block {}", self.unit))
    }
}
