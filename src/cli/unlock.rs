//! `unlock`: lets go of the lock that a stopped run left, on every master that answers.

use crate::model::RunId;
use crate::run::lock;

use super::args::Common;
use super::{Bastion, Failure, exit, input, observe};
use crate::world::terminal;

/// `requorum unlock RUN`.
pub(super) async fn unlock(common: &Common, bastion: &Bastion, run: &str) -> Result<u8, Failure> {
    let cluster = input::cluster(common, bastion)?;
    let run = RunId::new(run).map_err(|error| Failure::usage(format!("error: {error}")))?;
    let remote = observe::remote(&cluster, common, bastion);
    let hosts = cluster.masters().map(|master| master.name.clone()).collect();
    let failed = lock::release(&remote, &hosts, &run).await;
    for (host, why) in &failed {
        terminal::say(&format!("{host}: not unlocked: {why}"));
    }
    if failed.len() == hosts.len() {
        return Err(Failure::new(exit::FAILED, "no master was unlocked"));
    }
    terminal::print(&format!("run {run} holds no master that answers\n"));
    Ok(exit::DONE)
}
