//! When samples prove that quorum is lost.

use super::*;
use crate::model::ClusterId;
use crate::observe::Unclear;

fn status(leader: Option<u64>, applied: u64) -> Answer<Status> {
    Ok(Status {
        cluster: ClusterId(1),
        member: MemberId(3),
        revision: 9,
        term: 2,
        applied,
        index: applied,
        leader: leader.map(MemberId),
        learner: false,
        version: "3.5.16".into(),
        db_bytes: 1,
        errors: vec![],
    })
}

/// Plays samples half a second apart; `at` gives the status at each time, reads are answered as told.
fn play(at: impl Fn(Duration) -> Answer<Status>, read: Read) -> (Outcome, Duration) {
    play_with(at, read, false)
}

fn play_with(at: impl Fn(Duration) -> Answer<Status>, read: Read, not_ready: bool) -> (Outcome, Duration) {
    let limits = Limits::from_election_timeout(Duration::from_secs(5));
    let mut attempt = Attempt::new(limits);
    let mut now = Duration::ZERO;
    let mut reading = false;
    loop {
        let sample = Sample { status: at(now), not_ready, ended: false, read: reading.then(|| read.clone()) };
        let samples = BTreeMap::from([(MasterName::new("m3").unwrap(), sample)]);
        match attempt.take(now, &samples) {
            Next::Over(outcome) => return (outcome, now),
            Next::Read => reading = true,
            Next::Again(_) => reading = false,
        }
        now += Duration::from_millis(500);
        assert!(now < Duration::from_secs(60), "no end");
    }
}

fn failed() -> Read {
    Read::Failed("no leader".into())
}

#[test]
fn quorum_lost_long_ago_is_proved_in_eleven_seconds() {
    let (outcome, took) = play(|_| status(None, 7), failed());
    assert!(matches!(outcome, Outcome::Lost { .. }), "{outcome:?}");
    assert!(took > Duration::from_secs(10) && took < Duration::from_secs(13), "{took:?}");
}

#[test]
fn a_stale_leader_starts_the_window_only_when_it_is_gone() {
    // The longest: four election timeouts after the loss, with samples that are a little late.
    for stale in [9, 22].map(Duration::from_secs) {
        let (outcome, took) = play(|now| status((now < stale).then_some(1), 7), failed());
        assert!(matches!(outcome, Outcome::Lost { .. }), "{outcome:?}");
        assert!(took > stale + Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn who_named_a_leader_once_and_is_silent_since_shows_no_quorum() {
    let silent = || Err(Unclear::text("status", "deadline"));
    let at = |now| if now < Duration::from_secs(5) { status(Some(1), 7) } else { silent() };
    let (outcome, _) = play(at, failed());
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
}

#[test]
fn a_window_that_ends_too_late_says_how_much_is_missing() {
    let (outcome, _) = play(|now| status((now < Duration::from_secs(30)).then_some(1), 7), failed());
    let Outcome::Unknown { last_seen } = outcome else { panic!("{outcome:?}") };
    assert!(
        last_seen.starts_with("there was no leader for only 6.0 s; 11.0 s are needed; before, m3 names"),
        "{last_seen}"
    );
}

#[test]
fn a_leader_that_stays_is_a_living_quorum_also_where_reads_fail() {
    let (outcome, _) = play(|_| status(Some(1), 7), failed());
    assert!(matches!(outcome, Outcome::Alive { .. }), "{outcome:?}");
}

fn learner(leader: Option<u64>) -> Answer<Status> {
    status(leader, 7).map(|status| Status { learner: true, ..status })
}

#[test]
fn a_learner_names_a_dead_leader_for_ever_and_tells_nothing() {
    let (outcome, _) = play(|_| learner(Some(1)), failed());
    assert!(matches!(&outcome, Outcome::Unknown { last_seen } if last_seen.contains("only learners")), "{outcome:?}");
    let (outcome, _) = play(|_| learner(None), failed());
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    // Beside a voter it does not count.
    let sample = |status| Sample { status, not_ready: false, ended: false, read: Some(failed()) };
    let named = |name| MasterName::new(name).unwrap();
    let both = BTreeMap::from([(named("m1"), sample(learner(Some(1)))), (named("m4"), sample(status(None, 7)))]);
    let mut attempt = Attempt::new(Limits::from_election_timeout(Duration::from_secs(5)));
    assert!(matches!(attempt.take(Duration::ZERO, &both), Next::Again(_)));
    let over = attempt.take(Duration::from_secs(12), &both);
    assert!(matches!(over, Next::Over(Outcome::Lost { .. })), "{over:?}");
}

#[test]
fn a_read_that_is_never_answered_nor_refused_has_an_end() {
    let sample = Sample { status: status(None, 7), not_ready: false, ended: false, read: None };
    let samples = BTreeMap::from([(MasterName::new("m3").unwrap(), sample)]);
    let mut attempt = Attempt::new(Limits::from_election_timeout(Duration::from_secs(5)));
    assert!(matches!(attempt.take(Duration::ZERO, &samples), Next::Again(_)));
    for second in [12, 22, 32, 42] {
        match attempt.take(Duration::from_secs(second), &samples) {
            Next::Read => assert!(second < 36, "{second}"),
            Next::Over(Outcome::Unknown { last_seen }) => {
                assert!(second > 36 && last_seen.contains("through m3"), "{second}: {last_seen}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_answered_read_ends_it_at_once() {
    let (outcome, _) = play(|_| status(None, 7), Read::Answered);
    assert!(matches!(outcome, Outcome::Alive { .. }), "{outcome:?}");
}

#[test]
fn entries_that_go_on_being_applied_are_no_lost_quorum() {
    let (outcome, _) = play(|now| status(None, now.as_secs()), failed());
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
}

#[test]
fn a_restarted_survivor_that_never_became_ready_has_no_quorum() {
    let (outcome, _) = play_with(|_| Err(Unclear::text("status", "deadline")), failed(), true);
    assert!(matches!(outcome, Outcome::Lost { .. }), "{outcome:?}");
}

#[test]
fn a_survivor_that_cannot_be_asked_proves_nothing() {
    let (outcome, _) = play(|_| Err(Unclear::text("status", "bad certificate")), failed());
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
}

#[test]
fn nobody_to_ask_proves_nothing() {
    let mut attempt = Attempt::new(Limits::from_election_timeout(Duration::from_secs(1)));
    let none = BTreeMap::new();
    assert!(matches!(attempt.take(Duration::ZERO, &none), Next::Again(_)));
    assert!(matches!(attempt.take(Duration::from_secs(60), &none), Next::Over(Outcome::Unknown { .. })));
}

#[test]
fn a_leader_that_is_new_is_not_called_stale() {
    let named = |leader: u64| {
        let sample = Sample { status: status(Some(leader), 7), not_ready: false, ended: false, read: None };
        BTreeMap::from([(MasterName::new("m3").unwrap(), sample)])
    };
    let mut attempt = Attempt::new(Limits::from_election_timeout(Duration::from_secs(5)));
    let said = |next: Next| match next {
        Next::Again(what) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(said(attempt.take(Duration::ZERO, &named(1))), "m3 names 1 as leader, which may be stale");
    assert_eq!(
        said(attempt.take(Duration::from_secs(1), &named(2))),
        "m3 names 2 as leader, elected while this was asked"
    );
    assert_eq!(
        said(attempt.take(Duration::from_secs(2), &named(2))),
        "m3 names 2 as leader, elected while this was asked"
    );
}
