//! `unlock`: lets go of the lock that a stopped run left, on every master that answers.

use crate::model::RunId;
use crate::run::unlock::{Unlocking, unlock as let_go};
use crate::world::{store, terminal};

use super::args::Common;
use super::{Bastion, Failure, exit, input, observe};

/// `requorum unlock RUN`.
pub(super) async fn unlock(common: &Common, bastion: &Bastion, run: &str) -> Result<u8, Failure> {
    let cluster = input::cluster(common, bastion)?;
    let run = RunId::new(run).map_err(|error| Failure::usage(format!("error: {error}")))?;
    let lives = store::lives(&observe::state_dir(common, bastion), &run);
    if lives == Some(true) {
        return Err(still_lives(&run, "on this host"));
    }
    let remote = observe::remote(&cluster, common, bastion);
    let hosts = cluster.masters().map(|master| master.name.clone()).collect();
    bastion.acting.begin();
    let mut interrupted = bastion.interrupted.clone();
    let unlocking = tokio::select! {
        unlocking = let_go(&remote, &bastion.console, &hosts, &run, lives == Some(false)) => unlocking,
        _ = interrupted.wait_for(|yes| *yes) => {
            return Err(Failure::new(exit::INTERRUPTED, "interrupted; what was not unlocked stays locked"));
        }
    };
    let kept = match unlocking {
        Unlocking::Released(kept) => kept,
        Unlocking::Lives(host) => return Err(still_lives(&run, &format!("and renews its lock on {host}"))),
    };
    for (host, why) in &kept {
        terminal::say(&format!("{host}: not unlocked: {why}"));
    }
    if kept.len() == hosts.len() {
        return Err(Failure::new(exit::FAILED, "no master was unlocked"));
    }
    terminal::print(&format!("run {run} holds no master that answers\n"));
    Ok(exit::DONE)
}

fn still_lives(run: &RunId, place: &str) -> Failure {
    let text = format!(
        "refused: run {run} lives {place}; unlocking it would let two runs act at once\n  next: wait for its end, or interrupt \
         it where it runs (Ctrl-C ends it after its present step)"
    );
    Failure::new(exit::LOCKED, text)
}
