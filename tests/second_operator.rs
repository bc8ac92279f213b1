//! Two operators at once: a lock that is renewed is not let go of, however the second one asks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/operator.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod operator;

use std::collections::BTreeSet;
use std::time::Duration;

use operator::{attest, lost};
use requorum::model::MasterName;
use requorum::plan::Goal;
use requorum::run::exit;
use requorum::run::ports::Event as Told;
use requorum::run::unlock::Unlocking;
use requorum::sim::{Event, Flags, Site};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_living_run_is_not_unlocked_from_another_bastion() {
    let site = lost(&[2, 1]).await;
    // Each file of it takes a minute to reach the bastion, so that the run waits for its copy at the end.
    site.happens(&Event::Slow("m3".into()));
    let ask = attest(&["zone1"]);
    let second = async {
        while site.locked_by().is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let run = site.locked_by().pop_first().expect("it is locked");
        site.unlock_elsewhere(&run).await
    };
    let (first, second) = tokio::join!(site.go(Goal::InitiateDr, &ask), second);
    assert_eq!(second, Unlocking::Lives { host: MasterName::new("m3").unwrap(), released: BTreeSet::new() });
    assert_eq!(first.code, Some(exit::DONE), "{}", first.text);
    assert_eq!(site.broken(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_is_let_go_of_once_its_lock_is_old() {
    let site = lost(&[2, 1]).await;
    site.kill_after_record(8);
    site.initiate_dr(&attest(&["zone1"])).await;
    site.mend_bastion();
    let run = site.locked_by().pop_first().expect("it is locked");
    let begun = Instant::now();
    let released = BTreeSet::from([MasterName::new("m3").unwrap()]);
    assert_eq!(site.unlock_elsewhere(&run).await, Unlocking::Released { released, kept: still_dark() });
    assert!(begun.elapsed() >= Duration::from_secs(40), "watched for {:?} only", begun.elapsed());
    assert!(site.locked_by().is_empty());
}

/// Zone 1 has no power and cannot be asked.
fn still_dark() -> Vec<(MasterName, requorum::run::lock::NotReleased)> {
    let kept = |name: &str| {
        let why = format!("no SSH connection: {name}: timed out after 5 s");
        (MasterName::new(name).unwrap(), requorum::run::lock::NotReleased::Failed(why))
    };
    vec![kept("m1"), kept("m2")]
}

#[tokio::test(start_paused = true)]
async fn of_two_recovers_that_run_at_once_one_is_refused() {
    let site = lost(&[2, 1]).await;
    site.initiate_dr(&attest(&["zone1"])).await;
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(5)).await;
    let Ok(one) = site.ask_for_consent(Goal::Recover, &Flags::default()).await else { panic!("no plan") };
    let Ok(other) = site.ask_for_consent(Goal::Recover, &Flags::default()).await else { panic!("no plan") };
    let (one, other) = tokio::join!(site.consent(one), site.consent(other));
    let mut codes = [one.code, other.code];
    codes.sort_unstable();
    assert_eq!(codes, [Some(exit::DONE), Some(exit::LOCKED)], "{}\n{}", one.text, other.text);
    assert_eq!(site.broken(), Vec::<String>::new());
    assert_eq!(site.writable().into_values().next().expect("one cluster").len(), 3);
}

/// m1 is a learner whose promotion by an earlier run lands between the plan and the stop.
#[tokio::test(start_paused = true)]
async fn a_promotion_that_lands_late_is_seen_before_the_stop() {
    let site = lost(&[2, 1]).await;
    site.initiate_dr(&attest(&["zone1"])).await;
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(5)).await;
    let only_m1 = Flags { only: vec!["m1".into()], ..Flags::default() };
    site.happens(&Event::Off("m2".into()));
    site.at(true, "promote", Some("m3"), 0, Event::Seize("m3".into()));
    assert_eq!(site.recover(&only_m1).await.code, Some(exit::STOPPED));
    for run in site.locked_by() {
        site.unlock(&run).await;
    }
    site.wait(Duration::from_secs(6)).await;
    // The first look and the one under the lock have asked m3 for its members before.
    site.at(true, "peer members", Some("m3"), 2, Event::Promote("m1".into()));
    let end = site.recover(&only_m1).await;
    assert_eq!(end.code, Some(exit::REFUSED), "{}", end.text);
    assert!(end.text.contains("m1 now votes in cluster"), "{}", end.text);
    assert!(site.runs("m1"), "its etcd was stopped");
    assert_eq!(site.broken(), Vec::<String>::new());
}

/// What is locked before there is a plan is given back where no run begins.
#[tokio::test(start_paused = true)]
async fn a_lock_that_came_before_the_plan_is_given_back() {
    let site = lost(&[2, 1]).await;
    let unfit = site.fork();
    unfit.happens(&Event::Full("m3".into()));
    let end = unfit.go_confirmed(Goal::InitiateDr, &attest(&["zone1"])).await;
    assert_eq!(end.code, Some(exit::REFUSED), "{}", end.text);
    assert!(end.text.contains("a note of who held it"), "{}", end.text);
    assert!(unfit.locked_by().is_empty());

    let ask = attest(&["zone1"]);
    let interrupt = async {
        while site.locked_by().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        site.interrupt();
    };
    let (end, ()) = tokio::join!(site.go_confirmed(Goal::InitiateDr, &ask), interrupt);
    assert_eq!(end.code, Some(exit::INTERRUPTED), "{}", end.text);
    assert!(site.locked_by().is_empty() && site.runs("m3"));
}

/// A `recover` that is consented to beforehand locks who came back before it asks what its plan is made from.
#[tokio::test(start_paused = true)]
async fn a_recover_with_consent_asks_once_under_its_lock() {
    let told = |site: &Site, words: &str| {
        let said = |event: &Told| matches!(event, Told::Said { text } if text.contains(words));
        site.told().iter().filter(|event| said(event)).count()
    };
    let (first, again) = ("what the plan is made from is asked now", "checking them once more");
    let site = lost(&[2, 1]).await;
    site.initiate_dr(&attest(&["zone1"])).await;
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(10)).await;
    let before = told(&site, again);

    let unfit = site.fork();
    unfit.happens(&Event::Full("m1".into()));
    let end = unfit.go_confirmed(Goal::Recover, &Flags::default()).await;
    assert_eq!(end.code, Some(exit::REFUSED), "{}", end.text);
    assert!(end.text.contains("a note of who held it"), "{}", end.text);
    assert!(unfit.locked_by().is_empty() && unfit.runs("m1"));

    let held = site.fork();
    held.happens(&Event::Seize("m2".into()));
    let end = held.go_confirmed(Goal::Recover, &Flags::default()).await;
    assert_eq!(end.code, Some(exit::LOCKED), "{}", end.text);
    assert_eq!(told(&held, first), 0);

    let end = site.go_confirmed(Goal::Recover, &Flags::default()).await;
    assert_eq!(end.code, Some(exit::DONE), "{}", end.text);
    assert_eq!((told(&site, first), told(&site, again)), (1, before));
    assert_eq!(site.broken(), Vec::<String>::new());

    // Where all vote nobody is locked for a look.
    let end = site.go_confirmed(Goal::Recover, &Flags::default()).await;
    assert_eq!(end.code, Some(exit::DONE), "{}", end.text);
    assert!(end.text.contains("nothing to do"), "{}", end.text);
    assert_eq!(told(&site, first), 1);
}
