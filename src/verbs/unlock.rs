//! `unlock`: releases the lock that a stopped run left, on every master that answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::model::command::harmless;
use crate::model::{MasterName, RunId, json};
use crate::report::names;
use crate::run::exit::{self, Kind};
use crate::run::lock::NotReleased;
use crate::run::unlock::{Unlocking, unlock as let_go};

use super::forms::Form;
use super::{Failure, InputPaths, Site, inputs};

/// `requorum unlock RUN`.
pub async fn unlock(inputs: &InputPaths, site: &Site, run: &str, output: Form) -> Result<u8, Failure> {
    let cluster = inputs::cluster(inputs, site)?;
    let run = RunId::new(run).map_err(|error| Failure::usage(error.to_string()))?;
    let lives = site.bastion.lives(&run);
    if lives == Some(true) {
        return Err(still_lives(&run, "on this host", &BTreeSet::new()));
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
    let (released, kept) = match unlocking {
        Unlocking::Released { released, kept } => (released, kept),
        Unlocking::Lives { host, released } => {
            return Err(still_lives(&run, &format!("and renews its lock on {host}"), &released));
        }
    };
    for (host, why) in &kept {
        site.console.say(&format!("{host}: not unlocked: {why}"));
    }
    let none = kept.len() == hosts.len();
    match output {
        Form::Json => site.console.print(&json::text(&value(&run, &released, &kept))),
        Form::Text if none => site.console.say("no master was unlocked"),
        Form::Text => site.console.print(&told(&run, &released, kept.iter().map(|(host, _)| host).collect())),
    }
    Ok(if none { exit::FAILED } else { exit::DONE })
}

/// For machines. Versioned; fields are only added.
fn value(run: &RunId, released: &BTreeSet<MasterName>, kept: &[(MasterName, NotReleased)]) -> Value {
    let kept: BTreeMap<&MasterName, String> =
        kept.iter().map(|(host, why)| (host, harmless(&why.to_string()))).collect();
    json!({ "version": 1, "run": run, "unlocked": released, "not_unlocked": kept })
}

/// What came of it where at least one master answered.
fn told(run: &RunId, released: &BTreeSet<MasterName>, kept: BTreeSet<&MasterName>) -> String {
    let not = if kept.is_empty() { String::new() } else { format!("; not unlocked: {} (see above)", names(&kept)) };
    if released.is_empty() {
        return format!("nothing to unlock: run {run} holds no master that answered{not}\n");
    }
    format!("unlocked: {}{not}\n", names(released))
}

fn still_lives(run: &RunId, place: &str, released: &BTreeSet<MasterName>) -> Failure {
    let what = format!("run {run} is still running {place}; unlocking it would let two runs act at once");
    let failure = Failure::new(Kind::StillRuns, what)
        .hint("wait for it to end, or interrupt it where it runs (Ctrl-C ends it after its present step)");
    if released.is_empty() {
        return failure;
    }
    let names = names(released);
    failure.note(format!("  unlocked before that was seen: {names}; the run stops at its next command there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_unlocked_is_told_from_a_run_that_held_nobody() {
        let run = RunId::new("20261123-134443-449f").unwrap();
        let [m1, m3] = ["m1", "m3"].map(|name| MasterName::new(name).unwrap());
        let some = BTreeSet::from([m3]);
        assert_eq!(told(&run, &some, BTreeSet::new()), "unlocked: m3\n");
        assert_eq!(told(&run, &some, BTreeSet::from([&m1])), "unlocked: m3; not unlocked: m1 (see above)\n");
        let none = told(&run, &BTreeSet::new(), BTreeSet::new());
        assert_eq!(none, format!("nothing to unlock: run {run} holds no master that answered\n"));
        let why = NotReleased::Other("run 1".to_owned());
        let value = value(&run, &some, &[(m1, why.clone())]);
        let told = json!({ "version": 1, "run": run, "unlocked": ["m3"], "not_unlocked": { "m1": why.to_string() } });
        assert_eq!(value, told);
    }
}
