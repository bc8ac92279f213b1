//! The proof that quorum is lost, begun while dark masters are still being tried: on the model.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use requorum::model::{ClusterId, Command, MasterName, MemberId, Output};
use requorum::observe::proof::{Attempt, BESIDE, Limits, Next, Outcome, Sample};
use requorum::observe::{Observation, Read, Status, Unclear};
use requorum::plan::Goal;
use requorum::run::look::Looking;
use requorum::run::ports::{Console, Later, OneByOne, Pipes, Questions, Remote, RemoteError};
use requorum::run::prove::{self, Proving};
use requorum::run::still_tried::StillTried;
use requorum::sim::{Event, Flags, Site};
use tokio::time::Instant;

/// How long the site's etcd needs before its silence proves anything: two election timeouts and a second.
const WINDOW: Duration = Duration::from_secs(11);

fn ports(site: &Site) -> (Arc<dyn Remote>, Arc<dyn Console>) {
    (Arc::new(site.clone()), Arc::new(site.clone()))
}

async fn without(zones: &[usize], lost: &str) -> Site {
    let site = Site::new(zones);
    site.wait(Duration::from_secs(15)).await;
    site.happens(&Event::Off(lost.into()));
    site.wait(Duration::from_secs(30)).await;
    site
}

async fn look(site: &Site) -> (Observation, Option<Proving>) {
    let (remote, console) = ports(site);
    let looked = prove::look(Looking::begin(&site.cluster(), &remote), &site.cluster(), None, &remote, &console).await;
    (looked.seen, looked.proving)
}

async fn prove(site: &Site, seen: &mut Observation, begun: Option<Proving>) -> Option<Duration> {
    let (remote, console) = ports(site);
    prove::prove(&site.cluster(), seen, begun, None, &remote, &console).await
}

#[tokio::test(start_paused = true)]
async fn dark_masters_cost_the_proof_no_time() {
    let site = without(&[2, 1], "zone1").await;
    let begun = Instant::now();
    let (mut seen, proving) = look(&site).await;
    let looked = begun.elapsed();
    assert!(looked > Duration::from_secs(4), "the dark ones were tried for {looked:?}");
    let took = prove(&site, &mut seen, proving).await.unwrap();
    assert!(
        matches!(seen.proof, Some(Outcome::Lost { leaderless_for, .. }) if leaderless_for > WINDOW),
        "{:?}",
        seen.proof
    );
    assert!(took > WINDOW, "{took:?}");
    let whole = begun.elapsed();
    assert!(whole < BESIDE + took + Duration::from_millis(100), "{whole:?} in all, {took:?} for the proof");
}

#[tokio::test(start_paused = true)]
async fn who_answers_late_is_watched_as_long_as_all_others() {
    let site = without(&[3, 2], "zone1").await;
    let (remote, console) = ports(&site);
    let (mut seen, _) = look(&site).await;
    // The second survivor had not answered yet when the proof was begun.
    let mut early = seen.clone();
    early.masters.remove(&MasterName::new("m5").unwrap());
    let of_one = Proving::begin(&site.cluster(), &early, None, &remote, &console).unwrap();
    site.wait(Duration::from_secs(8)).await;
    let begun = Instant::now();
    let took = prove(&site, &mut seen, Some(of_one)).await.unwrap();
    assert!(matches!(seen.proof, Some(Outcome::Lost { .. })), "{:?}", seen.proof);
    assert!(begun.elapsed() > WINDOW && took <= begun.elapsed(), "{took:?} of {:?}", begun.elapsed());
    // The same with both counts from its beginning.
    let of_both = Proving::begin(&site.cluster(), &seen, None, &remote, &console).unwrap();
    site.wait(Duration::from_secs(8)).await;
    let begun = Instant::now();
    let took = prove(&site, &mut seen, Some(of_both)).await.unwrap();
    // Reading the logs afterwards is no part of the proof.
    let waited = begun.elapsed().saturating_sub(Duration::from_millis(50));
    assert!(took > WINDOW && waited + Duration::from_secs(8) <= took, "{waited:?} of {took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_serves_is_not_watched() {
    let site = Site::new(&[2, 1]);
    site.wait(Duration::from_secs(15)).await;
    let (mut seen, proving) = look(&site).await;
    assert!(proving.is_none(), "all had answered before it was worth it");
    let (remote, console) = ports(&site);
    assert!(Proving::begin(&site.cluster(), &seen, None, &remote, &console).is_none());
    assert_eq!(prove(&site, &mut seen, proving).await, None);
    // One master is dark, the others serve.
    site.happens(&Event::Off("m1".into()));
    site.wait(Duration::from_secs(30)).await;
    let (mut seen, proving) = look(&site).await;
    assert_eq!(prove(&site, &mut seen, proving).await, None);
    assert_eq!(seen.proof, None);
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_is_over_for_long_is_made_anew() {
    let site = without(&[2, 1], "zone1").await;
    let (remote, console) = ports(&site);
    let (mut seen, _) = look(&site).await;
    let old = Proving::begin(&site.cluster(), &seen, None, &remote, &console).unwrap();
    // A person took a minute to type a passphrase for another host, and the look waited.
    site.wait(Duration::from_secs(60)).await;
    let begun = Instant::now();
    let took = prove(&site, &mut seen, Some(old)).await.unwrap();
    assert!(matches!(seen.proof, Some(Outcome::Lost { .. })), "{:?}", seen.proof);
    assert!(begun.elapsed() > WINDOW && took <= begun.elapsed(), "{took:?} of {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_followed_a_leader_among_the_survivors_names_it_for_long() {
    let site = Site::new(&[3, 2]);
    site.wait(Duration::from_secs(15)).await;
    // The survivors' logs are the longest, so that one of them leads.
    for behind in ["m2", "m3"] {
        site.happens(&Event::Lag(behind.into()));
    }
    assert!(site.write("m1", "a-key"));
    site.happens(&Event::Off("m1".into()));
    site.wait(Duration::from_secs(20)).await;
    assert_eq!(site.writable().len(), 1);
    site.happens(&Event::Off("zone1".into()));
    let begun = Instant::now();
    let (mut seen, proving) = look(&site).await;
    let took = prove(&site, &mut seen, proving).await.unwrap();
    assert!(matches!(seen.proof, Some(Outcome::Lost { .. })), "{:?}", seen.proof);
    // Two election timeouts until it steps down, two more until the other campaigns, then the window.
    assert!(begun.elapsed() > Duration::from_secs(20) + WINDOW, "{took:?} of {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn masters_whose_etcd_ended_do_not_slow_the_samples() {
    let site = Site::new(&[3, 2]);
    site.wait(Duration::from_secs(15)).await;
    for ended in ["m1", "m2", "m3"] {
        site.happens(&Event::Kill(ended.into()));
    }
    site.wait(Duration::from_secs(30)).await;
    let (mut seen, proving) = look(&site).await;
    let took = prove(&site, &mut seen, proving).await.unwrap();
    assert!(matches!(seen.proof, Some(Outcome::Lost { asked: true, .. })), "{:?}", seen.proof);
    // The window, half a second for a sample at its end, and the last read's time-out.
    assert!(took < WINDOW + Duration::from_millis(3500), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn where_every_etcd_that_answers_has_ended_nobody_was_asked() {
    let site = without(&[2, 1], "zone1").await;
    site.happens(&Event::Kill("m3".into()));
    site.wait(Duration::from_secs(30)).await;
    let (mut seen, proving) = look(&site).await;
    prove(&site, &mut seen, proving).await.unwrap();
    let outcome = seen.proof.unwrap();
    assert!(matches!(outcome, Outcome::Lost { asked: false, .. }), "{outcome:?}");
    assert!(outcome.words().contains("etcd was seen down for"), "{}", outcome.words());
    assert!(!outcome.words().contains("proved"), "{}", outcome.words());
}

#[test]
fn a_learner_beside_masters_whose_etcd_has_ended_is_nobody_to_ask() {
    let read = Some(Read::Failed("a learner".into()));
    let ended =
        Sample { status: Err(Unclear::text("status", "ended")), not_ready: true, ended: true, read: read.clone() };
    let learner = Status {
        cluster: ClusterId(1),
        member: MemberId(4),
        revision: 9,
        term: 2,
        applied: 7,
        index: 7,
        leader: Some(MemberId(1)),
        learner: true,
        version: "3.5.16".into(),
        db_bytes: 1,
        errors: vec![],
    };
    let learner = Sample { status: Ok(learner), not_ready: false, ended: false, read };
    let samples =
        [("m3", ended), ("m4", learner)].map(|(name, sample)| (MasterName::new(name).unwrap(), sample)).into();
    let mut attempt = Attempt::new(Limits::from_election_timeout(Duration::from_secs(5)));
    assert!(matches!(attempt.take(Duration::ZERO, &samples), Next::Again(_)));
    let over = attempt.take(Duration::from_secs(12), &samples);
    assert!(matches!(over, Next::Over(Outcome::Lost { asked: false, .. })), "{over:?}");
}

/// What a stale leader still writes to its log while quorum is being proved lost is in the plan: looking again finds the same.
#[tokio::test(start_paused = true)]
async fn the_log_is_read_when_it_stands_still() {
    let site = Site::new(&[2, 1]);
    site.wait(Duration::from_secs(15)).await;
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(15)).await;
    // By now the look has ended and its reading of the log too.
    site.at(true, "endpoint status", Some("m3"), 25, Event::Proposes("m3".into()));
    let flags = Flags { attested: vec!["zone1".into()], timed_proof: true, ..Flags::default() };
    let end = site.initiate_dr(&flags).await;
    assert_eq!(end.code, Some(0), "{}", end.text);
    assert_eq!(site.broken(), Vec::<String>::new());
}

/// A log that cannot be read once, in the middle of a record say, is read again: otherwise the look under the lock would find
/// another plan.
#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_once_is_read_again() {
    let site = Site::new(&[2, 1]);
    site.wait(Duration::from_secs(15)).await;
    site.happens(&Event::Deaf("m3".into()));
    assert!(site.write("m1", "last"));
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(15)).await;
    // Read by the look, after the proof, and under the lock.
    site.at(true, "log", Some("m3"), 2, Event::Odd("m3".into(), "fails=log".into()));
    site.at(false, "log", Some("m3"), 2, Event::Odd("m3".into(), "nothing".into()));
    let flags = Flags { attested: vec!["zone1".into()], ..Flags::default() };
    let end = site.initiate_dr(&flags).await;
    assert_eq!(end.code, Some(0), "{}", end.text);
    assert!(site.keys("m3").contains("last"));
}

/// The site behind a network on which one master takes its connections late.
struct Late {
    site: Site,
    host: &'static str,
}

impl Remote for Late {
    fn run<'a>(
        &'a self,
        host: &'a MasterName,
        command: &'a Command,
        pipes: Pipes,
    ) -> Later<'a, Result<Output, RemoteError>> {
        Box::pin(async move {
            if host.as_str() == self.host {
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            Remote::run(&self.site, host, command, pipes).await
        })
    }

    fn questions<'a>(&'a self, host: &'a MasterName) -> Box<dyn Questions + 'a> {
        OneByOne::new(self, host)
    }
}

/// What became of the masters of zone 1, which are attested to be off, while they were still being tried.
async fn tried(site: &Site, host: &'static str) -> StillTried {
    let remote: Arc<dyn Remote> = Arc::new(Late { site: site.clone(), host });
    let ((_, console), cluster) = (ports(site), site.cluster());
    let attested = BTreeMap::from([("zone1".to_owned(), "T-1".to_owned())]);
    let looking = Looking::begin(&cluster, &remote);
    prove::look(looking, &cluster, Some(&attested), &remote, &console).await.tried.unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_answers_late_ends_the_run_before_the_stop() {
    let site = without(&[2, 1], "zone1").await;
    let flags = Flags { attested: vec!["zone1".into()], ..Flags::default() };
    let plan = site.plan(Goal::InitiateDr, &flags).await.unwrap();
    assert_eq!(tried(&site, "m1").await.who_answers().await.unwrap(), BTreeSet::new());
    // It boots, and no survivor hears it.
    site.happens(&Event::Split("zone1".into()));
    site.happens(&Event::On("m1".into()));
    let begun = Instant::now();
    let tried = tried(&site, "m1").await;
    assert!(begun.elapsed() < Duration::from_millis(3_500), "it was waited for: {:?}", begun.elapsed());
    let m1 = MasterName::new("m1").unwrap();
    assert_eq!(tried.clone().who_answers().await.unwrap(), [m1].into());
    let end = site.run_while_tried(&plan, Some(tried)).await;
    assert!(end.text.contains("m1 answered over SSH and was attested to be off"), "{}", end.text);
    assert!(end.text.contains("etcd was not changed"), "{}", end.text);
    assert!(site.runs("m3"), "{}", site.picture());
}

/// A leader that has lost its followers writes to its log what clients send, for as long as it does not notice: neither the
/// proof nor the look under the lock is led astray by that.
#[tokio::test(start_paused = true)]
async fn a_stale_leader_that_goes_on_writing_does_not_keep_quorum_from_being_counted() {
    for skip in 0..4 {
        let site = Site::new(&[2, 1]);
        site.wait(Duration::from_secs(15)).await;
        site.happens(&Event::Off("zone1".into()));
        site.at(true, "heard", Some("m3"), skip, Event::Proposes("m3".into()));
        let flags = Flags { attested: vec!["zone1".into()], ..Flags::default() };
        let end = site.initiate_dr(&flags).await;
        assert_eq!(end.code, Some(0), "{skip}: {}", end.text);
        assert!(end.text.contains("proof that quorum is lost: 1."), "{}", end.text);
        assert_eq!(site.broken(), Vec::<String>::new());
    }
}
