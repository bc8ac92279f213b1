//! A run or drill as JUnit XML, for tools that collect test results: a step is a test case. Touches no disk.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::history::{Drill, Report, State, Step};

/// A test case.
struct Case {
    name: String,
    class: String,
    took_ms: Option<u64>,
    state: State,
    said: String,
}

/// The run or drill as one test suite.
#[must_use]
pub fn xml(report: &Report) -> String {
    let steps = report.steps.iter().map(of_step);
    let cases = report.drill.iter().flat_map(of_drill).chain(steps);
    let mut suite = TestSuite::new(format!("requorum {} {}", report.verb, report.cluster));
    suite.set_time(Duration::from_millis(report.took_ms));
    suite.extra.insert("hostname".into(), report.host.as_str().into());
    suite.extra.insert("timestamp".into(), format!("{:.0}", report.began).into());
    let exit = report.exit.map_or_else(|| "none".to_owned(), |exit| exit.to_string());
    for (key, value) in [
        ("run", &report.run),
        ("digest", &report.digest),
        ("person", &report.person),
        ("outcome", &report.outcome),
        ("exit", &exit),
    ] {
        suite.add_property((key, value.as_str()));
    }
    suite.add_test_cases(cases.map(test_case));
    text("requorum", Some(report.took_ms), [suite])
}

/// The suites as a file. Writing into memory does not fail.
pub(super) fn text(name: &str, took_ms: Option<u64>, suites: impl IntoIterator<Item = TestSuite>) -> String {
    let mut all = quick_junit::Report::new(name);
    all.time = took_ms.map(Duration::from_millis);
    all.add_test_suites(suites);
    all.to_string().unwrap_or_default()
}

fn of_step(step: &Step) -> Case {
    Case {
        name: format!("{} {}", step.stage, step.title),
        class: step.host.clone(),
        took_ms: step.took_ms,
        state: step.state,
        said: step.said.clone(),
    }
}

/// The phases, and what was asked of the drill.
fn of_drill(drill: &Drill) -> Vec<Case> {
    let phases = drill.phases.iter().map(|phase| Case {
        name: phase.name.clone(),
        class: "drill phase".to_owned(),
        took_ms: phase.took_ms,
        state: phase.state,
        said: phase.note.clone(),
    });
    let objectives = drill.measures.iter().flat_map(|measures| &measures.objectives).map(|objective| {
        let (_, said) = super::drill::objective(objective);
        let state = if objective.is_met() { State::Done } else { State::Failed };
        let class = "drill objective".to_owned();
        Case { name: objective.name.clone(), class, took_ms: objective.measured_ms, state, said }
    });
    phases.chain(objectives).collect()
}

fn test_case(case: Case) -> TestCase {
    let ends = |kind, message: String| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(message);
        status
    };
    let said = &case.said;
    let status = match case.state {
        State::Done | State::FoundDone => TestCaseStatus::success(),
        State::Failed => ends(NonSuccessKind::Failure, said.clone()),
        State::Unknown => ends(NonSuccessKind::Error, format!("the outcome is unknown: {said}")),
        State::CutOff => ends(NonSuccessKind::Error, "started, and the journal ends there".to_owned()),
        State::NotBegun => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("not begun");
            status
        }
    };
    let mut one = TestCase::new(case.name, status);
    one.set_classname(case.class);
    one.set_time(Duration::from_millis(case.took_ms.unwrap_or(0)));
    match case.state {
        State::Done => one.set_system_out(case.said),
        State::FoundDone => one.set_system_out(format!("found done: {said}")),
        State::Failed | State::Unknown | State::CutOff | State::NotBegun => &mut one,
    };
    one
}
