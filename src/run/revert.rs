//! The way back of a survivor from an `initiate_dr` that began and started nothing: its own data and env file take
//! their places again, and its own etcd starts. Knows no cluster.

use std::sync::Arc;

use crate::model::command::{Script, clean};
use crate::model::{Command, Master, RunId};
use crate::observe::marks::fence_marker;
use crate::step::put_back::PutBack;

use super::ports::{Pipes, Remote};

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
    let command = PutBack::of(master, run).command();
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
