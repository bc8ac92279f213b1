//! The way back of a survivor from an `initiate_dr` that began and started nothing: its own data and env file take
//! their places again, and its own etcd starts. Knows no cluster.

use std::sync::Arc;

use crate::model::command::{Script, clean};
use crate::model::{Command, Master, RunId};
use crate::observe::marks::{RECORD, fence_marker};

use super::ports::{Pipes, Remote};

// Nothing is deleted: what the run made is moved aside, once more under its name. The fence goes last.
const SCRIPT: Script = Script {
    name: "revert",
    text: r#"set -eu
unit=$1.service data=$2 env=$(readlink -f "$3") aside=$3.retired-$4 run=$4 marker=$5 record=$6
pid=$(systemctl show -p MainPID --value "$unit")
swap() { # swap OLD NOW: what lies aside comes back, once
  [ -e "$1" ] || return 0
  [ "$pid" = 0 ] || { echo "etcd runs: its data is not moved" >&2; exit 1; }
  [ ! -e "$2.unused-$run" ] || { echo "$2.unused-$run is there already" >&2; exit 1; }
  if [ -e "$2" ]; then mv -T "$2" "$2.unused-$run"; fi
  mv -T "$1" "$2"
}
swap "$data.retired-$run" "$data"
swap "$data/retired-$run/member" "$data/member"
if [ -e "$aside" ]; then
  [ ! -e "$env.unused-$run" ] || { echo "$env.unused-$run is there already" >&2; exit 1; }
  cp -p "$env" "$env.unused-$run"; mv -f "$aside" "$env"
fi
if [ -f "$record" ] && grep -q "\"run\":\"$run\"" "$record"; then mv -T "$record" "$record.unused-$run"; fi
sync "${data%/*}/" "${env%/*}/"
if [ -e "$marker" ]; then rm -f "$marker"; sync "${marker%/*}"; fi
# Also where it runs: a stop that is still queued gives way to the start.
systemctl reset-failed "$unit" 2>/dev/null || true
systemctl start --no-block "$unit"
"#,
};

const START: Script = Script {
    name: "start-again",
    text: r#"set -eu
[ ! -e "$2" ] || { echo "it is fenced" >&2; exit 1; }
systemctl reset-failed "$1.service" 2>/dev/null || true
systemctl start --no-block "$1.service"
"#,
};

/// Puts one survivor back as it was before that run.
///
/// # Errors
/// Why not, in words.
pub async fn revert(remote: &Arc<dyn Remote>, master: &Master, run: &RunId) -> Result<(), String> {
    let etcd = &master.etcd;
    let command = Command::script(SCRIPT)
        .args([etcd.unit.as_str(), etcd.data_dir.as_str(), etcd.env_file.as_str(), run.as_str()])
        .args([fence_marker(&etcd.unit), RECORD.to_owned()]);
    ask(remote, master, &command).await
}

/// Starts an etcd that is not fenced, without waiting for it.
///
/// # Errors
/// Why not, in words.
pub async fn start(remote: &Arc<dyn Remote>, master: &Master) -> Result<(), String> {
    let unit = &master.etcd.unit;
    ask(remote, master, &Command::script(START).arg(unit.as_str()).arg(fence_marker(unit))).await
}

async fn ask(remote: &Arc<dyn Remote>, master: &Master, command: &Command) -> Result<(), String> {
    match remote.run(&master.name, command, Pipes::default()).await {
        Ok(output) if output.ok() => Ok(()),
        Ok(output) => Err(output.complaint()),
        Err(error) => Err(clean(&error.to_string())),
    }
}
