//! What a person gets wrong on the command line is told before any master is asked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use requorum::plan::{Goal, Rule};
use requorum::sim::{Event, Site};
use requorum::verbs::{Failure, UncheckedRequest, recovery};

/// A site that has lost its first zone.
async fn lost() -> Site {
    let site = Site::new(&[2, 1]);
    site.wait(std::time::Duration::from_secs(10)).await;
    site.happens(&Event::Off("zone1".into()));
    site.wait(std::time::Duration::from_secs(15)).await;
    site
}

/// How `initiate-dr` fails, and whether a master was asked.
async fn fails(attested: &str, confirm: Option<&str>) -> (Failure, bool) {
    let site = lost().await;
    let ask = UncheckedRequest { attested: vec![attested.to_owned()], ..UncheckedRequest::default() };
    let went = recovery::go(&site.inputs(), &site.given_to_verbs(), Goal::InitiateDr, &ask, confirm).await;
    (went.unwrap_err(), site.told().iter().any(|event| format!("{event:?}").contains("looking at")))
}

#[tokio::test(start_paused = true)]
async fn another_clusters_name_is_told_with_the_right_one() {
    for confirm in [Some("other"), None] {
        let (failure, asked) = fails("zone1=TICKET-7", confirm).await;
        let [refusal] = failure.refusals() else { panic!("{failure}") };
        assert_eq!(refusal.rule, Rule::NoConsent);
        assert!(refusal.next.contains("--confirm story") && !asked, "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bare_yes_or_no_is_no_attestation() {
    for bare in ["no", "Yes!", "ok"] {
        let (failure, asked) = fails(&format!("zone1={bare}"), Some("story")).await;
        assert!(failure.to_string().contains("does not say how that is known") && !asked, "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_is_taken_and_the_masters_are_asked() {
    let site = lost().await;
    let ask =
        UncheckedRequest { attested: vec!["zone1=no power, says TICKET-7".to_owned()], ..UncheckedRequest::default() };
    let went = recovery::go(&site.inputs(), &site.given_to_verbs(), Goal::InitiateDr, &ask, Some("story")).await;
    assert_eq!(went.unwrap(), 0);
}
