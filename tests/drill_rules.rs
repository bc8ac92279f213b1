//! Who may be drilled, and that a drill's lock keeps others out and lets its own runs in: on the model.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use requorum::model::{Environment, MasterName, Output, RunId, ZoneName};
use requorum::observe::environment;
use requorum::observe::traces::Holder;
use requorum::plan::drill::{Words, refusals};
use requorum::run::lock::{self, Taken};
use requorum::run::look;
use requorum::run::ports::{Event as Told, Remote};
use requorum::sim::{Event, Site};
use requorum::verbs::drill::DrillRequest;
use requorum::verbs::forms::{OutageKind, ReportForm};
use requorum::verbs::runs;

const ZONE: &str = "zone1";

async fn healthy() -> Site {
    let site = Site::new(&[2, 1]);
    site.wait(Duration::from_secs(15)).await;
    site
}

fn run(number: u32) -> RunId {
    RunId::new(format!("20260101-000000-{number:04}")).unwrap()
}

fn hosts(site: &Site) -> BTreeSet<MasterName> {
    site.cluster().masters().map(|master| master.name.clone()).collect()
}

fn words(site: &Site, word: &str) -> Words {
    hosts(site).into_iter().map(|name| (name, Ok(Some(word.to_owned())))).collect()
}

/// The rules that forbid a drill of the site as it is now.
async fn forbidden(site: &Site, words: &Words, holder: Option<&RunId>) -> Vec<String> {
    let remote: Arc<dyn Remote> = Arc::new(site.clone());
    let seen = look::look(&site.cluster(), &remote).await;
    let refusals = refusals(&site.cluster(), &ZoneName::new(ZONE).unwrap(), &seen, words, holder);
    refusals.into_iter().map(|refusal| format!("{}: {}", refusal.rule, refusal.why)).collect()
}

async fn take(site: &Site, run: &RunId) -> Taken {
    let remote: Arc<dyn Remote> = Arc::new(site.clone());
    let text = |text: &str| text.to_owned();
    let (person, host, since) = (text("keeper"), text("bastion"), text("2026-01-01T00:00:00Z"));
    let holder = Holder { run: run.to_string(), person, host, since, plan: text(""), token: text("") };
    lock::take(&remote, &hosts(site), &holder, run).await
}

#[tokio::test(start_paused = true)]
async fn a_healthy_lab_that_says_so_itself_may_be_drilled() {
    let site = healthy().await;
    assert_eq!(forbidden(&site, &words(&site, "lab"), None).await, [""; 0]);
}

/// However the zone is lost, its etcd is known to be down when quorum is to be proved lost: stopped and fenced, or switched off
/// and attested. So a drill counts, unless it is asked to wait.
#[tokio::test(start_paused = true)]
async fn a_drill_counts_unless_it_is_asked_to_wait() {
    for outage in [OutageKind::Stop, OutageKind::Isolate, OutageKind::Command] {
        for (timed_proof, words) in [(false, "counting who may vote"), (true, "proving that quorum is lost takes")] {
            let site = healthy().await;
            assert!(site.write("m1", "before"));
            let (zone, max_outage) = (ZONE.to_owned(), Duration::from_secs(300));
            let request = DrillRequest { zone, outage, timed_proof, max_outage, textfile: None };
            let end = site.drill_as(&request).await;
            assert_eq!(end.code, Some(0), "{outage:?}: {}", end.text);
            let said = |event: &Told| matches!(event, Told::Said { text } if text.contains("no member serves"));
            let told: Vec<String> =
                site.told().iter().filter(|event| said(event)).map(|it| format!("{it:?}")).collect();
            assert!(told.len() == 1 && told[0].contains(words), "{outage:?}, {timed_proof}: {told:?}");
            let journal = site.kept(&format!("{}/journal.jsonl", site.first_run())).unwrap();
            let journal = String::from_utf8(journal).unwrap();
            assert_eq!(journal.contains("\"timed_proof\":true"), timed_proof, "{journal}");
        }
    }
}

/// The outage is measured through the API server too, and a drill that gives up leaves none parked.
#[tokio::test(start_paused = true)]
async fn a_drill_of_masters_with_api_servers_measures_through_one_and_puts_them_back() {
    for (max_outage, code) in [(300, 0), (1, 4)] {
        let site = healthy().await.with_api_servers();
        site.wait(Duration::from_secs(5)).await;
        assert!(site.write("m1", "before"));
        let (zone, max_outage) = (ZONE.to_owned(), Duration::from_secs(max_outage));
        let request = DrillRequest { zone, outage: OutageKind::Stop, timed_proof: false, max_outage, textfile: None };
        let end = site.drill_as(&request).await;
        assert_eq!(end.code, Some(code), "{}", end.text);
        let measured = end.text.lines().find(|line| line.starts_with("time without writes through the API"));
        let measured = measured.unwrap_or_else(|| panic!("{}", end.text)).ends_with(" s");
        assert_eq!(measured, code == 0, "{}", end.text);
        site.wait(Duration::from_secs(15)).await;
        for master in ["m1", "m2", "m3"] {
            assert!(site.api_server_serves(master), "{master} after a drill that ended with {code}:\n{}", end.text);
        }
    }
}

/// What writes through an API server may not be able to remove what it wrote: a drill that was killed says so.
#[tokio::test(start_paused = true)]
async fn a_killed_drill_names_what_its_canaries_may_have_left() {
    for api_servers in [true, false] {
        let site = if api_servers { healthy().await.with_api_servers() } else { healthy().await };
        site.wait(Duration::from_secs(5)).await;
        // After the canaries, before their end.
        site.kill_after_record(24);
        assert_eq!(site.drill(ZONE, OutageKind::Stop).await.code, None);
        site.mend_bastion();
        let from = site.said();
        runs::report(&site.given_to_verbs(), "last-drill", ReportForm::Text, None).unwrap();
        let said = site.said_since(from);
        assert!(said.contains("one canary writes through") && said.contains("cut off"), "{said}");
        assert_eq!(said.contains("delete configmap requorum-drill"), api_servers, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copied_inventory_drills_nobody() {
    let site = healthy().await;
    for (word, says) in [("production", r#"it is "production"; the inventory says lab"#), ("staging", "staging")] {
        let said = forbidden(&site, &words(&site, word), None).await;
        assert!(said.len() == 3 && said.iter().all(|said| said.contains(says)), "{said:?}");
    }
    let mut one_is_mute = words(&site, "lab");
    one_is_mute.insert(MasterName::new("m2").unwrap(), Ok(None));
    let said = forbidden(&site, &one_is_mute, None).await;
    assert!(said.len() == 1 && said[0].contains("m2 does not say what it is"), "{said:?}");
    let why = Output { status: 1, stderr: "Permission denied".into(), ..Output::default() };
    one_is_mute.insert(MasterName::new("m2").unwrap(), environment::parse(&why));
    let said = forbidden(&site, &one_is_mute, None).await;
    let file = said[0].matches(environment::FILE).count();
    assert!(said.len() == 1 && said[0].contains("Permission denied") && file == 1, "{said:?}");
    one_is_mute.remove(&MasterName::new("m2").unwrap());
    assert_eq!(forbidden(&site, &one_is_mute, None).await.len(), 1);

    let mut production = site.cluster();
    production.environment = Environment::Production;
    let remote: Arc<dyn Remote> = Arc::new(site.clone());
    let seen = look::look(&production, &remote).await;
    let words = words(&site, "production");
    let said = refusals(&production, &ZoneName::new(ZONE).unwrap(), &seen, &words, None);
    assert_eq!(said.iter().map(|refusal| refusal.rule.name()).collect::<Vec<_>>(), ["production"]);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_ill_is_not_drilled() {
    let site = healthy().await;
    site.happens(&Event::Off("m2".into()));
    site.wait(Duration::from_secs(15)).await;
    let said = forbidden(&site, &words(&site, "lab"), None).await;
    assert!(said.iter().any(|said| said.starts_with("not-healthy: ")), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn one_drill_at_a_time() {
    let site = healthy().await;
    let remote: Arc<dyn Remote> = Arc::new(site.clone());
    let (ours, other) = (run(1), run(2));
    assert_eq!(take(&site, &ours).await, Taken::All);
    // A second drill is refused when it looks, and again when it reaches for the lock.
    let said = forbidden(&site, &words(&site, "lab"), None).await;
    assert!(
        said.len() == 1 && said[0].starts_with("locked: ") && said[0].contains("by run 20260101-000000-0001"),
        "{said:?}"
    );
    assert!(matches!(take(&site, &other).await, Taken::Held { run, .. } if run == ours.as_str()));
    // The first one goes on under its own lock, and its runs do.
    assert_eq!(forbidden(&site, &words(&site, "lab"), Some(&ours)).await, [""; 0]);
    assert_eq!(lock::held_by(&remote, &hosts(&site), &ours).await, Taken::All);
    assert!(matches!(lock::held_by(&remote, &hosts(&site), &other).await, Taken::Held { .. }));

    // Somebody lets go of one master: nothing goes on.
    let m3 = BTreeSet::from([MasterName::new("m3").unwrap()]);
    assert_eq!(lock::release(&remote, &m3, &ours).await, []);
    let said = forbidden(&site, &words(&site, "lab"), Some(&ours)).await;
    assert!(said.len() == 1 && said[0].contains("m3 is no longer locked for this drill"), "{said:?}");
    let gone = lock::held_by(&remote, &hosts(&site), &ours).await;
    let said = |host: &MasterName, why: &str| host.as_str() == "m3" && why.contains("no longer holds it");
    assert!(matches!(&gone, Taken::Failed { host, why } if said(host, why)), "{gone:?}");
}
