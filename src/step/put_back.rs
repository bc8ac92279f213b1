//! Put back: a survivor's own data, env file and record take their places again, and its own etcd starts. The way back from
//! an `initiate_dr` that replaced them and started nothing.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{AbsPath, Command, Master, Output, RunId, UnitName};
use crate::observe::marks::{RECORD, fence_marker};

use super::{Act, Facts, Judgement, Kind, Undo, run_dir};

/// Puts one survivor back as it was before that run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    /// The unit.
    pub unit: UnitName,
    /// The data directory.
    pub data_dir: AbsPath,
    /// The env file.
    pub env_file: AbsPath,
    /// The run that is taken back.
    pub undoes: RunId,
}

// Nothing is deleted: what the run made is moved aside, once more under its name. The fence goes last.
const SCRIPT: Script = Script {
    name: "put back",
    text: r#"set -eu
unit=$1.service data=$2 env=$(readlink -f "$3") aside=$3.retired-$4 run=$4 marker=$5 record=$6 kept=$7
pid=$(systemctl show -p MainPID --value "$unit")
did=
swap() { # swap OLD NOW: what lies aside comes back, once
  [ -e "$1" ] || return 0
  [ "$pid" = 0 ] || { echo "etcd runs: its data is not moved" >&2; exit 1; }
  [ ! -e "$2.unused-$run" ] || { echo "$2.unused-$run is there already" >&2; exit 1; }
  if [ -e "$2" ]; then mv -T "$2" "$2.unused-$run"; fi
  mv -T "$1" "$2"; did="$did its own data,"
}
swap "$data.retired-$run" "$data"
swap "$data/retired-$run/member" "$data/member"
if [ -e "$aside" ]; then
  [ ! -e "$env.unused-$run" ] || { echo "$env.unused-$run is there already" >&2; exit 1; }
  cp -p "$env" "$env.unused-$run"; mv -f "$aside" "$env"; did="$did its env file,"
fi
if [ -f "$record" ] && grep -q "\"run\":\"$run\"" "$record"; then
  mv -T "$record" "$record.unused-$run"
  # What an earlier run had recorded counts again.
  if [ -f "$kept/cluster.json" ]; then cp -p "$kept/cluster.json" "$record"; fi
fi
sync "${data%/*}/" "${env%/*}/" "${record%/*}"
if [ -e "$marker" ]; then rm -f "$marker"; sync "${marker%/*}"; did="$did no fence,"; fi
# Also where it runs: a stop that is still queued gives way to the start.
systemctl reset-failed "$unit" 2>/dev/null || true
systemctl start --no-block "$unit"
echo "done:${did:- nothing had been replaced,} etcd started"
"#,
};

impl PutBack {
    /// For this master.
    #[must_use]
    pub fn of(master: &Master, undoes: &RunId) -> Self {
        let etcd = &master.etcd;
        Self {
            unit: etcd.unit.clone(),
            data_dir: etcd.data_dir.clone(),
            env_file: etcd.env_file.clone(),
            undoes: undoes.clone(),
        }
    }

    /// The command that does it.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::script(SCRIPT)
            .args([self.unit.as_str(), self.data_dir.as_str(), self.env_file.as_str(), self.undoes.as_str()])
            .args([fence_marker(&self.unit), RECORD.to_owned(), run_dir(&self.undoes)])
    }
}

impl Kind for PutBack {
    fn title(&self) -> String {
        format!("put back what run {} replaced, and start {}", self.undoes, self.unit)
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::once(self.command())]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn undo(&self) -> Undo {
        Undo::PointOfNoReturn("its own etcd takes part in its own cluster again".to_owned())
    }
}
