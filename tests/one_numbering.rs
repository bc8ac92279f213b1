//! A step has one number wherever a person reads of it: its line in the plan's list. And what a run that changed nothing left
//! lying is named.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/kept_runs.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod kept_runs;

use std::time::Duration;

use kept_runs::{lost, report, text as journal_of};
use requorum::plan::Plan;
use requorum::report::{junit, page, plan as plan_text, text};
use requorum::run::exit;
use requorum::run::journal::{self, What};
use requorum::sim::{Ask, End, Event, Site};
use requorum::step::Undo;

/// The plan of a site's last run.
fn plan(site: &Site) -> Plan {
    let records = journal::readable(&journal_of(site)).0;
    match records.into_iter().next().unwrap().what {
        What::Run { plan, .. } => *plan,
        other => panic!("no run: {other:?}"),
    }
}

/// Every `step N on HOST (TITLE)` in a text.
fn named(text: &str) -> Vec<(usize, String, String)> {
    let one = |after: &str| {
        let (number, rest) = after.split_once(" on ")?;
        let (host, rest) = rest.split_once(" (")?;
        let (title, _) = rest.split_once([')', '\n'])?;
        Some((number.parse().ok()?, host.to_owned(), title.to_owned()))
    };
    text.split("step ").skip(1).filter_map(one).collect()
}

/// Every `N. HOST: TITLE` of the list of what was done and what was not.
fn listed(text: &str) -> Vec<(usize, String, String)> {
    let list = text.split("\nDone:\n").nth(1).unwrap_or_default().split("The masters stay locked").next().unwrap();
    let one = |line: &str| {
        let (number, rest) = line.trim().split_once(". ")?;
        let (host, title) = rest.split_once(": ")?;
        Some((number.parse().ok()?, host.to_owned(), title.to_owned()))
    };
    list.lines().filter_map(one).collect()
}

fn is_a_line(plan: &Plan, (number, host, title): &(usize, String, String)) {
    let stage = &plan.stages[number - 1];
    let there = stage.steps.iter().any(|step| step.host.as_str() == host && step.step.kind().title() == *title);
    assert!(there, "step {number} on {host} ({title}) is not in line {number}: {stage:?}");
}

/// Checks whatever is said of a run that stopped, and gives how many numbers were read.
fn one_numbering(site: &Site, end: &End) -> usize {
    let (plan, journal) = (plan(site), journal_of(site));
    let report = report(&journal);
    let (shown, deviations) = (text::text(&report), report.deviations.join("\n"));
    let said = [&end.text, &shown, &report.outcome, &report.result, &deviations].map(|text| named(text));
    let all: Vec<_> = said.into_iter().flatten().chain(listed(&end.text)).collect();
    all.iter().for_each(|said| is_a_line(&plan, said));
    let forms = [page::html(&report).unwrap(), page::markdown(&report).unwrap(), junit::xml(&report)];
    for step in &report.steps {
        assert_eq!(step.phase, plan.number_of(step.id));
        let rows = [
            format!("<td class=\"number\" data-of=\"step\">{}</td><td>{}</td>", step.phase, step.host),
            format!("| {} | {} | ", step.phase, step.host),
            format!("<testcase name=\"{} ", step.phase),
        ];
        rows.iter().zip(&forms).for_each(|(row, form)| assert!(form.contains(row), "{row} is not in {form}"));
    }
    let summary = plan_text::summary(&plan);
    if let Some((_, number)) = summary.split_once("No way back from step ") {
        let number: usize = number.split_once(' ').unwrap().0.parse().unwrap();
        let no_way = |step: &requorum::plan::Planned| matches!(step.step.kind().undo(), Undo::PointOfNoReturn(_));
        assert!(plan.stages[number - 1].steps.iter().any(no_way), "{summary}");
        let before =
            summary.split("point of no return").next().unwrap().lines().filter(|line| line.contains(". ")).count();
        assert!(before >= number - 1, "the mark stands before the line: {summary}");
        let in_report = format!("point of no return: step {number}, ");
        assert!(text::text(&report).contains(&in_report), "{in_report}");
        assert!(forms[..2].iter().all(|form| form.contains(&format!("step {number}, "))));
    }
    all.len()
}

#[tokio::test(start_paused = true)]
async fn every_number_that_is_said_is_a_line_of_the_plan() {
    let (base, ask) = lost().await;
    let whole = base.fork();
    whole.initiate_dr(&ask).await;
    assert!(plan(&whole).steps().count() > plan(&whole).stages.len(), "masters share lines");
    let mut read = 0;
    for command in ["restore", "stop", "retire", "write", "start", "serve"] {
        let site = base.fork();
        site.at(true, command, None, 0, Event::Off("zone2".into()));
        let end = site.initiate_dr(&ask).await;
        read += one_numbering(&site, &end);
    }
    assert!(read > 30, "only {read} numbers were read");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ended_before_its_stop_names_what_it_left() {
    let site = Site::with_election(&[3, 2], Duration::from_secs(1));
    site.wait(Duration::from_secs(4)).await;
    site.happens(&Event::Cut("zone1".into()));
    site.wait(Duration::from_secs(4)).await;
    // The zone was attested off, and is heard again before anything is stopped.
    site.at(false, "snapshot", Some("m4"), 0, Event::Heal("zone1".into()));
    let end = site.initiate_dr(&Ask { attested: vec!["zone1".into()], ..Ask::default() }).await;
    assert!(end.code == Some(exit::REFUSED) || end.code == Some(exit::FAILED), "{:?}: {}", end.code, end.text);
    let run = site.last_run();
    let run = run.rsplit('/').next().unwrap();
    assert!(end.text.contains("Nothing of etcd was changed"), "{}", end.text);
    let there = |path: String| site.file("m4", &path).is_some() || site.file("m5", &path).is_some();
    assert!(there(format!("/var/lib/requorum/runs/{run}/snapshot.db")), "{}", site.picture());
    for path in [
        format!("/var/lib/requorum/runs/{run}/snapshot.db, a copy of the whole database with every Secret"),
        format!("/var/lib/requorum/runs/{run}/lock"),
        "/etc/systemd/system/etcd.service.d/50-requorum-fence.conf".to_owned(),
        format!("this bastion: /bastion/runs/{run}/snapshot.db"),
    ] {
        assert!(end.text.contains(&path), "{path} is not named: {}", end.text);
    }
}
