//! Cuts off a zone by its own masters: nftables closes their etcd ports towards the other zones, and a timer there
//! opens them again if the bastion vanishes. Also starts its etcd and its API server afterwards. Knows neither the reason nor any
//! cluster's state.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::model::command::{Script, clean};
use crate::model::{Command, Component, Master, MasterName, Output, Supervisor};
use crate::observe::supervised::{Supervised, supervised};
use crate::step::serve_api;

use super::joined;
use super::ports::{Pipes, Remote, RemoteError};

/// The table's name, and what the timer is called.
const NAME: &str = "requorum_drill";

const CLOSE: Script = Script { name: "close-ports", text: include_str!("scripts/close-ports.sh") };

const OPEN: Script = Script { name: "open-ports", text: include_str!("scripts/open-ports.sh") };

const START: Supervised = supervised!("start-again", "scripts/start-again.sh");

/// What is closed on one master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The master.
    pub host: MasterName,
    /// What starts its etcd, whose fence keeps the timer from opening.
    pub supervisor: Supervisor,
    /// etcd's ports.
    pub ports: Vec<u16>,
    /// The masters of the other zones, by name or address.
    pub towards: Vec<String>,
}

/// Closes the ports; after `limit` each master opens them by itself.
///
/// # Errors
/// Which masters failed, and why. Those that did not are closed.
pub async fn close(
    remote: &Arc<dyn Remote>,
    closings: &[Closing],
    limit: Duration,
) -> Result<(), Vec<(MasterName, String)>> {
    let command = |closing: &Closing| {
        let ports: Vec<String> = closing.ports.iter().map(u16::to_string).collect();
        let command = Command::script(CLOSE).args([NAME.to_owned(), format!("{}s", limit.as_secs())]);
        command.arg(closing.supervisor.fence_marker()).arg(ports.join(", ")).args(closing.towards.iter().cloned())
    };
    on_all(remote, closings.iter().map(|closing| (closing.host.clone(), command(closing)))).await
}

/// Opens them again, wherever they are closed.
///
/// # Errors
/// Which masters failed, and why.
pub async fn open(remote: &Arc<dyn Remote>, hosts: &[MasterName]) -> Result<(), Vec<(MasterName, String)>> {
    on_all(remote, hosts.iter().map(|host| (host.clone(), Command::script(OPEN).arg(NAME)))).await
}

/// Starts an etcd that is not fenced, without waiting for it.
///
/// # Errors
/// Why not, in words.
pub async fn start(remote: &Arc<dyn Remote>, master: &Master) -> Result<(), String> {
    let supervisor = master.etcd.supervisor();
    one(remote, &master.name, &START.command(&supervisor).arg(supervisor.fence_marker())).await
}

/// Puts back what was parked on a master, without waiting for it.
///
/// # Errors
/// Why not, in words.
pub async fn put_back(remote: &Arc<dyn Remote>, host: &MasterName, components: &[Component]) -> Result<(), String> {
    one(remote, host, &serve_api::put_back(components)).await
}

async fn one(remote: &Arc<dyn Remote>, host: &MasterName, command: &Command) -> Result<(), String> {
    said(remote.run(host, command, Pipes::default()).await)
}

/// After which time ports open that were closed by a drill with this limit: longer than the drill's own limit, since the
/// timer is for a bastion that is gone.
#[must_use]
pub const fn by_itself(limit: Duration) -> Duration {
    limit.saturating_add(Duration::from_secs(30))
}

/// How an operator opens them.
#[must_use]
pub fn by_hand() -> String {
    format!("nft delete table inet {NAME}; systemctl stop {NAME}.timer")
}

async fn on_all(
    remote: &Arc<dyn Remote>,
    commands: impl Iterator<Item = (MasterName, Command)>,
) -> Result<(), Vec<(MasterName, String)>> {
    let mut tasks = JoinSet::new();
    for (host, command) in commands {
        let remote = Arc::clone(remote);
        tasks.spawn(async move { (said(remote.run(&host, &command, Pipes::default()).await), host) });
    }
    let mut failed = Vec::new();
    while let Some((end, host)) = tasks.join_next().await.and_then(joined) {
        if let Err(why) = end {
            failed.push((host, why));
        }
    }
    failed.sort();
    if failed.is_empty() { Ok(()) } else { Err(failed) }
}

fn said(answer: Result<Output, RemoteError>) -> Result<(), String> {
    match answer {
        Ok(output) if output.ok() => Ok(()),
        Ok(output) if output.status == 75 => Err(clean(output.stdout.trim())),
        Ok(output) => Err(output.complaint()),
        Err(error) => Err(clean(&error.to_string())),
    }
}
