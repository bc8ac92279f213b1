//! `unlock`: releases the lock that a stopped run left, on every master that answers.

use crate::model::RunId;
use crate::run::exit::{self, Kind};
use crate::run::unlock::{Unlocking, unlock as let_go};

use super::{Failure, InputPaths, Site, inputs};

/// `requorum unlock RUN`.
pub async fn unlock(inputs: &InputPaths, site: &Site, run: &str) -> Result<u8, Failure> {
    let cluster = inputs::cluster(inputs, site)?;
    let run = RunId::new(run).map_err(|error| Failure::usage(error.to_string()))?;
    let lives = site.bastion.lives(&run);
    if lives == Some(true) {
        return Err(still_lives(&run, "on this host"));
    }
    let remote = site.bastion.remote(&cluster);
    let hosts = cluster.masters().map(|master| master.name.clone()).collect();
    site.acting.begin();
    let mut interrupted = site.interrupted.clone();
    let unlocking = tokio::select! {
        unlocking = let_go(&remote, &site.console, &hosts, &run, lives == Some(false)) => unlocking,
        _ = interrupted.wait_for(|yes| *yes) => {
            return Err(Failure::interrupted("masters that were not yet unlocked stay locked"));
        }
    };
    let kept = match unlocking {
        Unlocking::Released(kept) => kept,
        Unlocking::Lives(host) => return Err(still_lives(&run, &format!("and renews its lock on {host}"))),
    };
    for (host, why) in &kept {
        site.console.say(&format!("{host}: not unlocked: {why}"));
    }
    if kept.len() == hosts.len() {
        site.console.say("no master was unlocked");
        return Ok(exit::FAILED);
    }
    site.console.print(&format!("run {run} holds no lock on any master that answers\n"));
    Ok(exit::DONE)
}

fn still_lives(run: &RunId, place: &str) -> Failure {
    let what = format!("run {run} is still running {place}; unlocking it would let two runs act at once");
    Failure::new(Kind::StillRuns, what)
        .hint("wait for it to end, or interrupt it where it runs (Ctrl-C ends it after its present step)")
}
