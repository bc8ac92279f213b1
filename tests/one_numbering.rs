//! A step has one number wherever a person reads of it: its line in the plan's list. And what a run that changed nothing left
//! lying is named.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/kept_runs.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod kept_runs;

use std::time::Duration;

use kept_runs::{drill_journals, drill_report, lost, report, text as journal_of};
use requorum::plan::Plan;
use requorum::report::history::Step;
use requorum::report::{junit, page, plan as plan_text, text};
use requorum::run::exit;
use requorum::run::journal::{self, RunEvent};
use requorum::sim::{Cut, End, Event, Flags, Site};
use requorum::step::Undo;

/// The plan of a site's last run.
fn plan(site: &Site) -> Plan {
    let records = journal::readable(&journal_of(site)).0.of_run();
    match records.into_iter().next().unwrap().what {
        RunEvent::Run { plan, .. } => *plan,
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
        assert_eq!(step.stage, plan.number_of(step.id));
        let rows = [
            format!("<td class=\"number\" data-of=\"step\">{}</td><td>{}</td>", step.stage, step.host),
            format!("| {} | {} | ", step.stage, step.host),
            format!("<testcase name=\"{} ", step.stage),
        ];
        rows.iter().zip(&forms).for_each(|(row, form)| assert!(form.contains(row), "{row} is not in {form}"));
    }
    let summary = plan_text::summary(&plan);
    let twice = |host: &&requorum::model::MasterName| summary.contains(&format!("{host}, {host}"));
    assert_eq!(plan.survivors.iter().find(twice), None, "a line names one master twice: {summary}");
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
    site.at(false, "restore", Some("m4"), 0, Event::Heal("zone1".into()));
    let end = site.initiate_dr(&Flags { attested: vec!["zone1".into()], ..Flags::default() }).await;
    assert!(end.code == Some(exit::REFUSED) || end.code == Some(exit::FAILED), "{:?}: {}", end.code, end.text);
    let run = site.last_run();
    let run = run.rsplit('/').next().unwrap();
    assert!(end.text.contains("etcd was not changed"), "{}", end.text);
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

#[tokio::test(start_paused = true)]
async fn every_number_of_a_recovery_is_a_line_of_its_plan() {
    let (base, ask) = lost().await;
    base.initiate_dr(&ask).await;
    base.happens(&Event::On("zone1".into()));
    base.wait(Duration::from_secs(15)).await;
    let whole = base.fork();
    let end = whole.recover(&Flags::default()).await;
    assert_eq!(end.code, Some(exit::DONE), "{}", end.text);
    one_numbering(&whole, &end);
    let (mut read, mut stopped) = (0, 0);
    for act in (base.acts() + 1..=whole.acts()).step_by(5) {
        let site = base.fork();
        site.cut_at(act, Cut::NotDone);
        let end = site.recover(&Flags::default()).await;
        // What is only asked may be asked again.
        if end.code != Some(exit::DONE) {
            stopped += 1;
            read += one_numbering(&site, &end);
        }
    }
    assert!(stopped > 5, "only {stopped} runs were stopped");
    assert!(read > 30, "only {read} numbers were read");
}

/// A run's plan, from its journal.
fn planned(journal: &str) -> Plan {
    match journal::readable(journal).0.of_run().into_iter().next().unwrap().what {
        RunEvent::Run { plan, .. } => *plan,
        other => panic!("no run: {other:?}"),
    }
}

/// The lines `  N. HOSTS: TITLE` of the plans in a report.
fn planned_lines(text: &str) -> Vec<(usize, String)> {
    let one = |line: &str| {
        let (number, rest) = line.strip_prefix("  ")?.trim_start().split_once(". ")?;
        let (_, title) = rest.split_once(": ")?;
        Some((number.parse().ok()?, title.trim_end_matches(" (in parallel with the next steps)").to_owned()))
    };
    text.lines().filter_map(one).collect()
}

/// A drill's report lists the steps of several runs under numbers of its own, and whatever it quotes of a run has these
/// numbers too: in one report a number is one step.
#[test]
fn every_number_of_a_drill_is_a_line_of_its_own_list() {
    let (mut read, mut lines, mut quoted) = (0, 0, 0);
    for name in ["isolate", "stop", "given-up"] {
        let journals = drill_journals(name);
        let whole = drill_report(&journals[0].1, &journals[1..]);
        let plans: Vec<(String, Plan)> = journals[1..].iter().map(|(run, text)| (run.clone(), planned(text))).collect();
        for (place, stage) in whole.stages.iter().enumerate() {
            assert_eq!(stage.number, place + 1, "{name}: the list's numbers have no gap");
        }
        let forms = [page::html(&whole).unwrap(), page::markdown(&whole).unwrap(), junit::xml(&whole)];
        for step in &whole.steps {
            let Some(run) = &step.run else { continue };
            let (_, plan) = plans.iter().find(|(known, _)| known == run).unwrap();
            let verb = plan.goal.command();
            let title = step.title.strip_prefix(&format!("{verb}: ")).unwrap();
            let first = whole.steps.iter().find(|other| other.run == step.run).unwrap().stage;
            is_a_line(plan, &(step.stage - first + 1, step.host.clone(), title.to_owned()));
            assert!(whole.stages[step.stage - 1].name.starts_with(&format!("{verb}: ")), "{step:?}");
            let rows = [
                format!("<td class=\"number\" data-of=\"step\">{}</td><td>{}</td>", step.stage, step.host),
                format!("| {} | {} | ", step.stage, step.host),
            ];
            rows.iter().zip(&forms).for_each(|(row, form)| assert!(form.contains(row), "{row} is not in {form}"));
            read += 1;
        }
        for (number, title) in planned_lines(&whole.plan) {
            assert!(whole.stages[number - 1].name.ends_with(&format!(": {title}")), "{number}. {title}");
            lines += 1;
        }
        if let Some(no_return) = &whole.no_return {
            let number = whole.steps.iter().find(|step| step.id == no_return.step).unwrap().stage;
            assert!(text::text(&whole).contains(&format!("point of no return: step {number}, ")));
            assert!(whole.plan.contains(&format!("No way back from step {number} on")), "{}", whole.plan);
        }
        let open = whole.open_actions.iter().map(|open| open.text.as_str());
        let words = [whole.result.as_str()].into_iter().chain(open);
        let words = words.chain(whole.deviations.iter().chain(&whole.normal_events).map(String::as_str));
        for (number, host, title) in words.flat_map(named) {
            let is = |step: &&Step| step.stage == number && step.host == host && step.title.ends_with(&title);
            assert!(whole.steps.iter().any(|step| is(&step)), "step {number} on {host} ({title})");
            quoted += 1;
        }
    }
    assert!(read > 40 && lines > 30 && quoted > 0, "only {read} rows, {lines} lines, {quoted} quoted were read");
}
