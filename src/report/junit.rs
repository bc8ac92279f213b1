//! A run or drill as JUnit XML, for machines that collect test results: a step is a test case. Knows no disk.

use std::fmt::Write;

use super::history::{Drill, Report, State, Step};
use super::markup::xml_text;

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
    let cases: Vec<Case> = report.drill.iter().flat_map(of_drill).chain(steps).collect();
    let count = |wanted: fn(State) -> bool| cases.iter().filter(|case| wanted(case.state)).count();
    let failures = count(|state| state == State::Failed);
    let errors = count(|state| matches!(state, State::Unknown | State::CutOff));
    let skipped = count(|state| state == State::NotBegun);
    let name = format!("requorum {} {}", report.verb, report.cluster);
    let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"", cases.len());
    let time = seconds(Some(report.took_ms));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"requorum\" {counts} time=\"{time}\">");
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" id=\"0\" hostname=\"{}\" timestamp=\"{:.0}\" {counts} skipped=\"{skipped}\" time=\"{time}\">",
        xml_text(&name),
        xml_text(&report.host),
        report.began
    );
    out.push_str("    <properties>\n");
    let exit = report.exit.map_or_else(|| "none".to_owned(), |exit| exit.to_string());
    for (key, value) in [
        ("run", &report.run),
        ("digest", &report.digest),
        ("person", &report.person),
        ("outcome", &report.outcome),
        ("exit", &exit),
    ] {
        let _ = writeln!(out, "      <property name=\"{key}\" value=\"{}\"/>", xml_text(value));
    }
    out.push_str("    </properties>\n");
    cases.iter().for_each(|case| write_case(case, &mut out));
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn of_step(step: &Step) -> Case {
    Case {
        name: format!("{} {}", step.phase, step.title),
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

fn write_case(case: &Case, out: &mut String) {
    let said = xml_text(&case.said);
    let (name, class, time) = (xml_text(&case.name), xml_text(&case.class), seconds(case.took_ms));
    let _ = write!(out, "    <testcase name=\"{name}\" classname=\"{class}\" time=\"{time}\">");
    let _ = match case.state {
        State::Done => write!(out, "<system-out>{said}</system-out>"),
        State::FoundDone => write!(out, "<system-out>found done: {said}</system-out>"),
        State::Failed => write!(out, "<failure message=\"{said}\"/>"),
        State::Unknown => write!(out, "<error message=\"the outcome is unknown: {said}\"/>"),
        State::CutOff => write!(out, "<error message=\"begun, and the journal ends\"/>"),
        State::NotBegun => write!(out, "<skipped message=\"not begun\"/>"),
    };
    out.push_str("</testcase>\n");
}

fn seconds(ms: Option<u64>) -> String {
    format!("{:.3}", ms.unwrap_or(0) as f64 / 1000.0)
}
