//! A secret that masters hold or say is in nothing that is shown or stored, whatever ends a run and in every form.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/kept_runs.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod kept_runs;

use std::collections::BTreeSet;
use std::time::Duration;

use requorum::model::json;
use requorum::observe::Severity;
use requorum::observe::assess::assess;
use requorum::plan::Goal;
use requorum::playbook::shipped;
use requorum::report::history::Report;
use requorum::report::{self, junit, page, runs, text};
use requorum::run::journal;
use requorum::run::redact::Redactor;
use requorum::sim::{Event, Flags, Site};

/// What masters hold: in settings, a URL, a comment, the unit; short and common words where a name says so.
const HELD: [(&str, &str); 5] = [
    ("X_TOKEN", "true"),
    ("MY_PASSWORD", "2026"),
    ("DB_URL", "https://user:hunter2canary@host"),
    ("#OLD_PASSWORD", "comment-canary-2"),
    ("LONG_SECRET", "a-canary-of-some-length-3"),
];
const UNIT: &str = "UNIT_PASSWORD=unit-canary-4";
/// What must be nowhere.
const CANARIES: [&str; 8] = [
    "X_TOKEN=true",
    "MY_PASSWORD=2026",
    "hunter2canary",
    "comment-canary-2",
    "a-canary-of-some-length-3",
    // Its beginning, where a text was cut.
    "a-canary-of",
    "unit-canary-4",
    // As numbers, where bytes were written down.
    "99,97,110,97,114,121",
];

fn without(sink: &str, shown: &str) {
    let bare: String = shown.split_whitespace().collect();
    for canary in CANARIES {
        let place = shown.find(canary).or_else(|| canary.contains(',').then(|| bare.find(canary)).flatten());
        assert_eq!(place, None, "{canary} in {sink}:\n{shown}");
    }
}

/// Two zones whose masters hold secrets; etcd's log on m3 says one, whole and cut in half.
async fn site() -> Site {
    let site = Site::with_election(&[2, 1], Duration::from_secs(1));
    let long = HELD[4].1;
    for master in ["m1", "m2", "m3"] {
        for (key, value) in HELD {
            site.happens(&Event::Setting(master.into(), key.into(), value.into()));
        }
        site.happens(&Event::Variable(master.into(), UNIT.into()));
        // The cut of what is shown of a line goes through the second.
        let says = format!("says={} {} {long}", "x".repeat(300), HELD[2].1);
        site.happens(&Event::Odd(master.into(), says));
    }
    site.wait(Duration::from_secs(4)).await;
    assert!(site.write("m1", "before"));
    site
}

async fn lost() -> (Site, Flags) {
    let site = site().await;
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(4)).await;
    (site, Flags { attested: vec!["zone1".into()], ..Flags::default() })
}

async fn status(site: &Site) {
    let cluster = site.cluster();
    let (seen, mut assessment) = site.status().await;
    assert_eq!(assess(&cluster, &seen).verdict, assessment.verdict);
    // A finding may hold any words of a master.
    let mut told = assessment.findings.first().cloned().unwrap_or_else(|| requorum::observe::Finding {
        code: requorum::observe::Code::Unclear,
        severity: Severity::Error,
        master: None,
        text: String::new(),
    });
    told.text = HELD.map(|(key, value)| format!("{key}={value}")).join(" ") + " " + UNIT;
    assessment.findings.push(told);
    let redactor = Redactor::of(&seen);
    without("status table", &redactor.clean(&report::table::table(&cluster, &seen, None)));
    let verdict = report::status::verdict(&cluster, &seen, &assessment, "requorum", None);
    assert!(CANARIES[..5].iter().all(|canary| verdict.contains(canary)), "nothing to clean: {verdict}");
    without("status text", &redactor.clean(&verdict));
    let mut value = report::status::json(&cluster, &seen, &assessment);
    redactor.value(&mut value);
    without("status JSON", &json::text(&value));
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let metrics = report::metrics::text(&report::status_metrics::metrics(&cluster, &seen, &assessment, now));
    without("status metrics", &redactor.metrics(&metrics));
}

#[tokio::test(start_paused = true)]
async fn status_shows_no_secret_in_any_form() {
    status(&site().await).await;
    status(&lost().await.0).await;
}

#[tokio::test(start_paused = true)]
async fn the_doctor_shows_no_secret_in_any_form() {
    let site = site().await;
    // The difference that it shows has the file's own lines.
    let shipped = shipped::template("etcd.env.j2").unwrap().text;
    let loses = "{{ line.text if line.key[:4] == 'ETCD' else '' }}";
    let (found, diagnosis) = site.doctor(Some(&shipped.replace("{{ line.text }}", loses))).await;
    let before = json::text(&diagnosis);
    assert!(before.contains("<redacted>"), "nothing to clean: {before}");
    let redactor = Redactor::of(&found.seen);
    let result = report::doctor::Report::new(
        diagnosis.cleaned(|text| redactor.clean(text)),
        "2026-01-01T00:00:00Z".parse().unwrap(),
    );
    without("doctor text", &report::doctor::text(&result.diagnosis));
    without("doctor JSON", &json::text(&result.json()));
    without("doctor JUnit", &report::doctor::junit(&result.diagnosis));
}

#[tokio::test(start_paused = true)]
async fn a_plan_shows_and_stores_no_secret() {
    let (site, ask) = lost().await;
    let plan = site.plan(Goal::InitiateDr, &ask).await.unwrap();
    let (seen, _) = site.status().await;
    assert!(json::text(&plan).contains(HELD[4].1), "nothing to clean");
    let plan = Redactor::of(&seen).plan(&plan);
    without("plan's summary", &report::plan::summary(&plan));
    without("plan's details", &report::plan::details(&plan));
    without("saved plan", &json::text(&plan));
}

fn reports(report: &Report) {
    without("report text", &text::text(report));
    without("report Markdown", &page::markdown(report).unwrap());
    without("report HTML", &page::html(report).unwrap());
    without("report JSON", &json::text(report));
    without("report JUnit", &junit::xml(report));
    without("runs list", &runs::table(&[runs::Run::of("r", Some(report), None)], std::path::Path::new("/state"), None));
}

/// What a run leaves: events, journal, last words, reports.
fn of_run(site: &Site, last_words: &str) {
    without("last words", last_words);
    for event in site.told() {
        without("console", &format!("{event:?}"));
    }
    let text = kept_runs::text(site);
    without("journal", &text);
    let records = journal::read(&text).unwrap();
    assert_eq!(records.len(), text.lines().count(), "the journal is not read back whole");
    reports(&kept_runs::report(&text));
}

#[tokio::test(start_paused = true)]
async fn a_run_shows_and_stores_no_secret_however_it_ends() {
    let (site, ask) = lost().await;
    let end = site.initiate_dr(&ask).await;
    assert_eq!(end.code, Some(0), "{}", end.text);
    of_run(&site, &end.text);
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(4)).await;
    let end = site.recover(&Flags::default()).await;
    assert_eq!(end.code, Some(0), "{}", end.text);
    of_run(&site, &end.text);
}

#[tokio::test(start_paused = true)]
async fn what_etcd_says_when_it_does_not_start_holds_no_secret() {
    let (site, ask) = lost().await;
    site.at(true, "start", Some("m3"), 0, Event::Odd("m3".into(), "start=fails".into()));
    let end = site.initiate_dr(&ask).await;
    assert_ne!(end.code, Some(0));
    assert!(end.text.contains("discovery failed"), "nothing to clean: {}", end.text);
    of_run(&site, &end.text);
    let codes: BTreeSet<_> = site.told().iter().map(std::mem::discriminant).map(|it| format!("{it:?}")).collect();
    assert!(codes.len() > 3, "the console was told too little: {codes:?}");
}
