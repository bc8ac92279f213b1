//! What `status` shows of the model's sites: the table at every width, what changed since, and the metrics.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use requorum::model::Cluster;
use requorum::observe::assess::{Assessment, assess};
use requorum::observe::{Contact, Observation};
use requorum::report::changes::{View, changes, of_masters};
use requorum::report::table::{of_all as table_of_all, table};
use requorum::report::{metrics, status_metrics};
use requorum::run::look::Looking;
use requorum::run::ports::Remote;
use requorum::sim::{Event, Site};
use requorum::verbs::forms::StatusForm;
use requorum::verbs::status::{StatusRequest, of_all};
use tokio::time::Instant;

fn begin(site: &Site) -> Looking {
    let remote: Arc<dyn Remote> = Arc::new(site.clone());
    Looking::begin(&site.cluster(), &remote)
}

async fn look(site: &Site) -> (Cluster, Observation, Assessment) {
    let (cluster, seen) = (site.cluster(), begin(site).finish().await);
    let assessment = assess(&cluster, &seen);
    (cluster, seen, assessment)
}

async fn healthy() -> Site {
    let site = Site::new(&[2, 1]);
    site.wait(Duration::from_secs(15)).await;
    site
}

/// Gives a look's answers other sizes and ends than the model has.
fn with(seen: &mut Observation, master: &str, change: impl FnOnce(&mut requorum::observe::Seen)) {
    let Some(Contact::Answers(seen)) = seen.masters.iter_mut().find(|(name, _)| name.as_str() == master).map(|it| it.1)
    else {
        panic!("{master} does not answer")
    };
    change(seen);
}

/// A dark master takes its whole connect time-out, of two clusters as of one.
#[tokio::test(start_paused = true)]
async fn several_clusters_are_looked_at_side_by_side() {
    let site = healthy().await;
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(15)).await;
    let request = StatusRequest { quick: false, output: StatusForm::Text, textfile: None };
    let (inputs, given) = (site.inputs(), site.given_to_verbs());
    let mut took = Vec::new();
    for each in [vec![inputs.clone()], vec![inputs.clone(), inputs]] {
        let begun = Instant::now();
        let code = of_all(&each, &given, &request).await.unwrap();
        took.push((code, begun.elapsed()));
    }
    assert!(took[0].1 >= Duration::from_secs(1) && took[0] == took[1], "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn several_clusters_stand_in_one_table() {
    let site = healthy().await;
    let (cluster, seen, _) = look(&site).await;
    let nothing = Observation::default();
    insta::assert_snapshot!(table_of_all(&[(&cluster, &seen), (&cluster, &nothing)], Some(120)), @"
    name   zone   master  etcd     member  cluster   role      revision  term  db            alarms  version  certs  fence
    story  zone1  m1      active   etcd1   4789926e  leader    1         2     20 KiB (0 %)  -       3.6.16   10 y   -
                  m2      active   etcd2   4789926e  follower  1         2     20 KiB (0 %)  -       3.6.16   10 y   -
           zone2  m3      active   etcd3   4789926e  follower  1         2     20 KiB (0 %)  -       3.6.16   10 y   -
    story  zone1  m1      trying…
                  m2      trying…
           zone2  m3      trying…
    ");
}

#[tokio::test(start_paused = true)]
async fn the_table_fits_120_columns_and_narrower_ones() {
    let site = healthy().await;
    let (cluster, mut seen, _) = look(&site).await;
    assert_eq!(table(&cluster, &seen, Some(120)), table(&cluster, &seen, None), "a healthy cluster's is whole");
    with(&mut seen, "m1", |seen| seen.status.as_mut().unwrap().db_bytes = 1_900_000_000);
    with(&mut seen, "m3", |seen| {
        seen.status.as_mut().unwrap().errors.push("memberID:1 alarm:NOSPACE ".into());
        let certificates = seen.certificates.as_mut().unwrap();
        *certificates.ends.values_mut().next().unwrap() = Some("2026-01-10T12:00:00Z".parse().unwrap());
    });
    insta::assert_snapshot!(table(&cluster, &seen, Some(120)), @"
    zone   master  etcd    member  cluster   role      revision  term  db              alarms   version  certs  fence
    zone1  m1      active  etcd1   4789926e  leader    1         2     1.8 GiB (88 %)  -        3.6.16   10 y   -
           m2      active  etcd2   4789926e  follower  1         2     20 KiB (0 %)    -        3.6.16   10 y   -
    zone2  m3      active  etcd3   4789926e  follower  1         2     20 KiB (0 %)    NOSPACE  3.6.16   9 d    -
    ");
    insta::assert_snapshot!(table(&cluster, &seen, Some(80)), @"
    zone   master  etcd    role      revision  db              alarms   certs  fence
    zone1  m1      active  leader    1         1.8 GiB (88 %)  -        10 y   -
           m2      active  follower  1         20 KiB (0 %)    -        10 y   -
    zone2  m3      active  follower  1         20 KiB (0 %)    NOSPACE  9 d    -
    ");
    insta::assert_snapshot!(table(&cluster, &seen, Some(20)), @"
    zone   master  etcd    role      db    alarms   certs  fence
    zone1  m1      active  leader    88 %  -        10 y   -
           m2      active  follower  0 %   -        10 y   -
    zone2  m3      active  follower  0 %   NOSPACE  9 d    -
    ");
    assert!(table(&cluster, &seen, None).contains("1.8 GiB of 2 GiB (88 %)"));
    for width in 68..140 {
        let table = table(&cluster, &seen, Some(width));
        assert!(table.lines().all(|line| line.chars().count() <= width), "{width}:\n{table}");
    }
}

#[tokio::test(start_paused = true)]
async fn dark_masters_are_waited_for_beside_the_table() {
    let site = healthy().await;
    site.happens(&Event::Off("zone1".into()));
    let begun = Instant::now();
    let mut looking = begin(&site);
    assert!(!looking.until(begun + Duration::from_millis(1500)).await);
    assert_eq!(begun.elapsed().as_millis(), 1500);
    let (cluster, early) = (site.cluster(), looking.so_far().clone());
    insta::assert_snapshot!(table(&cluster, &early, None), @"
    zone   master  etcd     member  cluster   role       revision  term  db                     alarms  version  certs  fence
    zone1  m1      trying…
           m2      trying…
    zone2  m3      active   etcd3   4789926e  follower?  1         2     20 KiB of 2 GiB (0 %)  -       3.6.16   10 y   -
    ");
    let late = looking.finish().await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    insta::assert_snapshot!(of_masters(&cluster, &early, &late).join("\n"), @"
    m1: silent: m1: timed out after 5 s
    m2: silent: m2: timed out after 5 s
    m3: role follower? → stale leader?
    ");
}

#[tokio::test(start_paused = true)]
async fn only_what_is_otherwise_is_a_change() {
    let site = healthy().await;
    let (cluster, before, first) = look(&site).await;
    let view = |seen, assessment| View { seen, assessment };
    insta::assert_snapshot!(changes(&cluster, None, view(&before, &first)).join("\n"), @"
    m1: etcd active, role leader, cluster 4789926e
    m2: etcd active, role follower, cluster 4789926e
    m3: etcd active, role follower, cluster 4789926e
    verdict: healthy
    ");
    assert!(site.write("m1", "key"), "revisions move");
    let (_, later, second) = look(&site).await;
    assert_eq!(changes(&cluster, Some(view(&before, &first)), view(&later, &second)), Vec::<String>::new());
    site.happens(&Event::Off("zone1".into()));
    let (_, dark, third) = look(&site).await;
    insta::assert_snapshot!(changes(&cluster, Some(view(&later, &second)), view(&dark, &third)).join("\n"), @"
    m1: answered → silent: m1: timed out after 5 s
    m2: answered → silent: m2: timed out after 5 s
    m3: role follower → stale leader?
    verdict: healthy → unknown
    ");
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(20)).await;
    let (_, back, fourth) = look(&site).await;
    insta::assert_snapshot!(changes(&cluster, Some(view(&dark, &third)), view(&back, &fourth)).join("\n"), @"
    m1: silent → etcd active, role leader, cluster 4789926e
    m2: silent → etcd active, role follower, cluster 4789926e
    m3: role stale leader? → follower
    verdict: unknown → healthy
    ");
}

#[tokio::test(start_paused = true)]
async fn every_metric_is_there_and_what_is_not_known_is_left_out() {
    let site = healthy().await;
    site.happens(&Event::Off("m1".into()));
    site.wait(Duration::from_secs(15)).await;
    let (cluster, seen, assessment) = look(&site).await;
    let now = "2026-01-01T00:00:20Z".parse().unwrap();
    let text = metrics::text(&status_metrics::metrics(&cluster, &seen, &assessment, now));
    let others = |line: &&str| !line.starts_with('#') && !line.contains("master=\"m3\"");
    insta::assert_snapshot!(text.lines().filter(others).collect::<Vec<_>>().join("\n"), @r#"
    requorum_status_verdict{cluster="story",verdict="healthy"} 0
    requorum_status_verdict{cluster="story",verdict="degraded"} 1
    requorum_status_verdict{cluster="story",verdict="quorum-lost"} 0
    requorum_status_verdict{cluster="story",verdict="one-zone"} 0
    requorum_status_verdict{cluster="story",verdict="split-brain"} 0
    requorum_status_verdict{cluster="story",verdict="unknown"} 0
    requorum_status_exit_code{cluster="story"} 10
    requorum_master_answers{cluster="story",zone="zone1",master="m1"} 0
    requorum_master_answers{cluster="story",zone="zone1",master="m2"} 1
    requorum_member_voter{cluster="story",zone="zone1",master="m1"} 1
    requorum_member_voter{cluster="story",zone="zone1",master="m2"} 1
    requorum_master_etcd_active{cluster="story",zone="zone1",master="m2"} 1
    requorum_member_leader{cluster="story",zone="zone1",master="m2"} 1
    requorum_member_revision{cluster="story",zone="zone1",master="m2"} 1
    requorum_member_term{cluster="story",zone="zone1",master="m2"} 3
    requorum_member_db_bytes{cluster="story",zone="zone1",master="m2"} 20480
    requorum_member_quota_bytes{cluster="story",zone="zone1",master="m2"} 2147483648
    requorum_fenced{cluster="story",zone="zone1",master="m2"} 0
    requorum_member_alarm{cluster="story",zone="zone1",master="m2",alarm="NOSPACE"} 0
    requorum_member_alarm{cluster="story",zone="zone1",master="m2",alarm="CORRUPT"} 0
    requorum_certificate_end_timestamp_seconds{cluster="story",zone="zone1",master="m2",certificate="/etc/ssl/etcd/ssl/admin-m2.pem"} 2082758400
    requorum_certificate_end_timestamp_seconds{cluster="story",zone="zone1",master="m2",certificate="/etc/ssl/etcd/ssl/ca.pem"} 2082758400
    requorum_certificate_end_timestamp_seconds{cluster="story",zone="zone1",master="m2",certificate="/etc/ssl/etcd/ssl/member-m2.pem"} 2082758400
    requorum_finding{cluster="story",code="silent",severity="error",master="m1"} 1
    requorum_status_timestamp_seconds{cluster="story"} 1767225620
    "#);
}

#[test]
fn a_watch_shows_text_only() {
    let root = env!("CARGO_MANIFEST_DIR");
    let inventory = format!("{root}/inventory/example.yaml");
    for form in ["json", "prometheus"] {
        let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("requorum"));
        let asked = command.args(["-i", &inventory, "status", "--watch", "-o", form]).assert().code(64);
        assert!(String::from_utf8_lossy(&asked.get_output().stderr).contains("--textfile"));
    }
    let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("requorum"));
    command.args(["-i", &inventory, "status", "--watch", "0"]).assert().code(64);
}

/// Whoever asks for JSON gets one document, also where a verb fails: its answer, or the failure.
/// What names nothing is refused before anybody is asked, and never passes for "nothing to do".
#[test]
fn names_of_nothing_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let inventory = concat!(env!("CARGO_MANIFEST_DIR"), "/inventory/example.yaml");
    for (words, code, says) in [
        (&["undo", "last"][..], 64, "no run"),
        (&["unlock", "nothing"], 64, "no run called"),
        (&["unlock", "last"], 64, "no run"),
        (&["status", "--connect-timeout", "0"], 64, "--connect-timeout"),
        (&["plan", "initiate-dr", "--playbooks", "/nope"], 65, "no directory /nope (--playbooks)"),
        (&["plan", "initiate-dr", "--templates", "/nope"], 65, "no directory /nope (--templates)"),
    ] {
        let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("requorum"));
        command.args(words).env("REQUORUM_STATE", dir.path()).env("REQUORUM_INVENTORY", inventory);
        let said = command.timeout(Duration::from_secs(20)).assert().code(code);
        let said = String::from_utf8_lossy(&said.get_output().stderr).into_owned();
        assert!(said.contains(says), "{words:?}: {said}");
    }
}

#[test]
fn a_failure_is_json_too_unless_the_answer_was() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("wrong.yaml"), "cluster: x\n").unwrap();
    let told = |arguments: &[&str]| {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("requorum"));
        let done = command.args(arguments).current_dir(dir.path()).output().unwrap();
        let out: Option<serde_json::Value> = serde_json::from_slice(&done.stdout).ok();
        (done.status.code().unwrap(), out, String::from_utf8(done.stderr).unwrap())
    };
    let (code, out, err) = told(&["-i", "none.yaml", "status", "-o", "json"]);
    let failure = out.unwrap()["failure"].clone();
    assert_eq!((code, &failure["kind"], &failure["exit"]), (65, &"bad_input".into(), &65.into()));
    assert_eq!(failure["what"], "there is no inventory at none.yaml");
    let next = failure["hints"][0].as_str().unwrap();
    assert_eq!(err, format!("error: there is no inventory at none.yaml\n  next: {next}\n"));
    // It has mistakes, which are the answer of one verb and the failure of another.
    let (code, out, err) = told(&["inventory", "show", "wrong.yaml", "-o", "json"]);
    assert_eq!((code, &out.unwrap()["failure"]["mistakes"][0]["file"]), (65, &"wrong.yaml".into()));
    assert!(err.contains("--> wrong.yaml:1:1"), "{err}");
    let (code, out, _) = told(&["inventory", "check", "wrong.yaml", "-o", "json"]);
    assert_eq!((code, &out.unwrap()[0]["file"]), (65, &"wrong.yaml".into()));
    let (code, out, err) = told(&["-i", "none.yaml", "status"]);
    assert_eq!((code, out, err.starts_with("error: ")), (65, None, true));
}
