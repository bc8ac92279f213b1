//! What a command may do to a master is named; whatever else a step does is denied, whatever its kind is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/operator.rs"]
#[allow(dead_code, reason = "each test file uses what it needs of it")]
mod operator;
#[path = "support/plans.rs"]
mod plans;

use std::collections::BTreeSet;
use std::time::Duration;

use plans::{initiate_dr, recover, rules};
use requorum::model::MasterName;
use requorum::plan::{Goal, Plan};
use requorum::sim::Site;
use requorum::step::Step;

/// The plan with this step on that master at its end.
fn with_step(plan: &Plan, host: &str, step: &Step) -> Plan {
    let mut with = plan.clone();
    let last = with.stages.len() - 1;
    let mut planned = with.stages[last].steps[0].clone();
    (planned.host, planned.step) = (MasterName::new(host).unwrap(), step.clone());
    with.stages[last].steps.push(planned);
    with
}

/// Each step of `others` on that master, as `rule` denies it or lets it pass.
fn held_against(plan: &Plan, host: &str, others: &Plan, rule: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let own = |step: &Step| step.does(|effect| !effect.only_checks());
    let steps = others.steps().map(|planned| &planned.step).filter(|step| own(step));
    let (denied, passed): (Vec<&Step>, Vec<&Step>) =
        steps.partition(|step| rules(&with_step(plan, host, step)).contains(rule));
    let kinds = |steps: Vec<&Step>| steps.iter().map(|step| word(step)).collect();
    (kinds(denied), kinds(passed))
}

fn word(step: &Step) -> String {
    serde_json::to_value(step).unwrap().as_object().unwrap().keys().next().unwrap().clone()
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_named_for_a_master_is_denied() {
    let (_, initiate) = initiate_dr(&[3, 2]).await;
    let (_, recover) = recover(&[2, 1]).await;
    let (denied, passed) = held_against(&recover, "m3", &initiate, "serving-left-alone");
    assert_eq!(passed, words(&["record", "write"]), "to a master that serves");
    assert!(denied.len() > 7, "{denied:?}");
    let (denied, passed) = held_against(&recover, "m1", &initiate, "not-of-this-command");
    assert!(passed.is_superset(&words(&["stop", "fence", "retire", "write"])), "{passed:?}");
    assert!(denied.is_superset(&words(&["snapshot", "restore", "start"])), "to a joiner: {denied:?}");
    let (denied, passed) = held_against(&initiate, "m5", &recover, "not-of-this-command");
    assert!(passed.is_superset(&words(&["stop", "fence", "retire", "write"])), "{passed:?}");
    assert!(denied.is_superset(&words(&["join", "promote", "start"])), "to a survivor: {denied:?}");
    for plan in [&initiate, &recover] {
        let zone = if plan.goal == Goal::InitiateDr { "m1" } else { "m9" };
        let (_, passed) = held_against(plan, zone, &recover, "left-alone");
        assert!(passed.iter().all(|word| word == "fence"), "to one that takes no part: {passed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_does_more_is_denied() {
    let site = Site::new(&[2, 1]);
    site.wait(Duration::from_secs(15)).await;
    let (_, recover) = recover(&[2, 1]).await;
    for goal in [Goal::Fence, Goal::Unfence, Goal::Undo] {
        let mut plan = recover.clone();
        plan.goal = goal;
        plan.survivors.clear();
        for planned in recover.steps() {
            let only = Plan { stages: vec![], ..plan.clone() };
            let mut one = plan.stages[0].clone();
            one.steps = vec![planned.clone()];
            let with = Plan { stages: vec![one], ..only };
            let may = match goal {
                Goal::Fence => ["stop", "fence"].contains(&word(&planned.step).as_str()),
                Goal::Unfence => false,
                _ => word(&planned.step) == "fence",
            };
            let denied = !rules(&with).is_empty();
            assert!(may || denied, "{goal:?}: {}", word(&planned.step));
        }
    }
}
