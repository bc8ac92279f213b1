//! Start: begin etcd on a master without waiting on systemd's notification, and only on the data that this run meant.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{AbsPath, Command, Output, RunId, UnitName};

use super::{Act, Facts, Judgement, Kind, Undo, run_dir};

/// What the data directory must be before etcd may start on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Onto {
    /// The directory this run restored, with its done-marker: leftovers of a killed restore look healthy and take no write.
    Restored,
    /// An empty directory that this run retired: old data would ignore every new setting.
    Emptied,
}

/// Starts a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The unit.
    pub unit: UnitName,
    /// The data directory.
    pub data_dir: AbsPath,
    /// The run.
    pub run: RunId,
    /// What the directory must be.
    pub onto: Onto,
}

// A unit whose condition fails "starts" with exit 0 and does nothing, so its state is what counts. One whose start
// failed is started again at once; RestartSec would cost ten seconds.
const SCRIPT: Script = Script {
    name: "start",
    text: r#"set -u
unit=$1.service data=$2 marks=$3 onto=$4
show() { systemctl show -p "$1" --value "$unit"; }
if [ "$(show MainPID)" != 0 ]; then echo "found: it runs"; exit 0; fi
case $onto in
restored)
  [ -s "$marks/restored" ] && [ -d "$data/member" ] &&
    [ "$(cat "$marks/restored" 2>/dev/null)" = "$(stat -c %d:%i "$data/member" 2>/dev/null)" ] || {
    echo "$data is not what this run restored (no matching mark in $marks): not started" >&2; exit 1; } ;;
emptied)
  [ -e "$marks/retired" ] && [ -d "$data" ] && [ ! -e "$data/member" ] || {
    echo "$data is not the empty directory this run left: not started" >&2; exit 1; } ;;
esac
tries=0 before=$(show ConditionTimestampMonotonic)
systemctl start --no-block "$unit" || exit 1
while [ $tries -lt 100 ]; do
  tries=$((tries + 1))
  [ "$(show MainPID)" != 0 ] && { echo "done: started as process $(show MainPID)"; exit 0; }
  case $(show ActiveState) in
  failed) systemctl reset-failed "$unit"; systemctl start --no-block "$unit" ;;
  # The answer of an earlier start, or of none, says nothing about this one.
  inactive) [ "$(show ConditionTimestampMonotonic)" != "$before" ] && [ "$(show ConditionResult)" = no ] && {
    echo "systemd did not start it: a condition is not met (a fence?)" >&2; exit 1; } ;;
  esac
  sleep 0.05
done
echo "it has no process 5 s after its start; it is $(show ActiveState)" >&2
exit 1
"#,
};

impl Kind for Start {
    fn title(&self) -> String {
        format!("start {}", self.unit)
    }

    fn acts(&self) -> Vec<Act> {
        let onto = match self.onto {
            Onto::Restored => "restored",
            Onto::Emptied => "emptied",
        };
        let command = Command::script(SCRIPT)
            .args([self.unit.as_str(), self.data_dir.as_str()])
            .arg(run_dir(&self.run))
            .arg(onto)
            .deadline(Duration::from_secs(20));
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn undo(&self) -> Undo {
        match self.onto {
            Onto::Restored => Undo::PointOfNoReturn(
                "once the new cluster acknowledges a write, going back to the old data would lose it".into(),
            ),
            Onto::Emptied => Undo::ByHand(format!("systemctl stop {}, then `member remove` the learner", self.unit)),
        }
    }
}
