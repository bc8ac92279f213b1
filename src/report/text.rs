//! A run as a person reads it in a terminal. Knows nothing about the terminal itself.

use std::fmt::Write;

use super::history::{Drill, Report, ReportedStage, Step};
use super::status::finding_lines;
use super::{explain, indented, millis};
use crate::observe::Finding;

/// The whole report.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    head(report, &mut out);
    if let Some(drill) = &report.drill {
        section(&mut out, "Measured", &measured(drill));
    }
    section(&mut out, "Result", &report.result);
    section(&mut out, "Plan", &report.plan);
    out.push_str("\nSteps\n");
    for stage in &report.stages {
        stage_lines(stage, report, &mut out);
    }
    let before = explained(&report.findings_before);
    section(&mut out, "Found before", if before.is_empty() { "nothing wrong" } else { &before });
    section(&mut out, "Found after", &after(report));
    for file in &report.file_diffs {
        let written = if file.written { "" } else { " (not written)" };
        section(&mut out, &format!("{} on {}{written}", file.path, file.host), &file.diff);
    }
    section(&mut out, "Evidence", &evidence(report));
    section(&mut out, "Deviations", &listed(report.deviations.iter().map(String::as_str)));
    section(&mut out, "As foreseen", &listed(report.normal_events.iter().map(String::as_str)));
    section(&mut out, "Open", &listed(report.open_actions.iter().map(|open| open.text.as_str())));
    super::harmless(&out)
}

fn section(out: &mut String, title: &str, body: &str) {
    let _ = write!(out, "\n{title}\n{}", indented(body, "  "));
}

fn listed<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<&str> = lines.collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}

fn head(report: &Report, out: &mut String) {
    let environment = super::environment(report.environment);
    let _ = writeln!(out, "{} {} · cluster {} ({environment})", report.verb, report.run, report.cluster);
    let _ = writeln!(out, "{}", report.summary);
    let exit = report.exit.map_or_else(|| "no exit code".to_owned(), |exit| format!("exit {exit}"));
    let _ = writeln!(out, "{} ({exit})", report.outcome);
    let _ = writeln!(
        out,
        "began {:.0}, took {}; by {} on {}",
        report.began,
        millis(report.took_ms),
        report.person,
        report.host
    );
    let _ = writeln!(out, "requorum {}, plan {}", report.tool, report.digest);
    if let Some(proof) = report.proof_ms {
        let _ = writeln!(out, "proof that quorum is lost: {} ({})", millis(proof), report.proof_when());
    }
    if report.quorum.lost_before || report.drill.is_some() {
        let _ = writeln!(out, "quorum: {}", report.quorum_words());
    }
    if let Some(no_return) = &report.no_return {
        let at = no_return.at_ms.map_or_else(|| "not reached".to_owned(), |at| format!("at {}", millis(at)));
        let _ = writeln!(out, "point of no return: step {}, {at}", report.number_of(no_return.step));
    }
    if let Some(drill) = &report.drill {
        let (zone, outage, limit) = (&drill.zone, &drill.outage, drill.max_outage_s);
        let proof = if drill.timed_proof { "; proof: timed" } else { "" };
        let _ = writeln!(out, "zone to take down: {zone}, by `{outage}`, for at most {limit} s{proof}");
    }
}

fn measured(drill: &Drill) -> String {
    drill.measures.as_ref().map_or_else(|| "nothing".to_owned(), super::drill::numbers)
}

fn stage_lines(stage: &ReportedStage, report: &Report, out: &mut String) {
    let took = stage.took_ms.map_or_else(|| "-".to_owned(), millis);
    let began = stage.began_ms.map_or_else(|| "-".to_owned(), |at| format!("+{}", millis(at)));
    let said = if report.drill.is_some() { stage.why.as_deref().map(|why| format!(": {why}")) } else { None };
    let _ = writeln!(out, "  {:>2}. {} · {began}, {took}{}", stage.number, stage.name, said.unwrap_or_default());
    let own: Vec<&Step> = report.steps.iter().filter(|step| step.stage == stage.number).collect();
    for one in &own {
        // Where a master has several steps in a stage, which of them it is.
        let several = own.iter().filter(|other| other.host == one.host).count() > 1;
        step(one, several, out);
    }
}

fn step(step: &Step, titled: bool, out: &mut String) {
    let said = if step.said.is_empty() { String::new() } else { format!(": {}", step.said.replace('\n', " ")) };
    let title = if titled { format!("{}: ", step.title) } else { String::new() };
    let _ = writeln!(out, "      {} {} {title}{}{said}", step.state.sign(), step.host, step.state.words());
    for ran in &step.commands {
        let times = if ran.times > 1 { format!(" ×{}", ran.times) } else { String::new() };
        let exit = ran.exit.map_or_else(|| "no exit".to_owned(), |exit| format!("exit {exit}"));
        let _ = writeln!(out, "          $ {}   {exit}, {}{times}", ran.command, millis(ran.took_ms));
    }
}

/// The findings, and where they are explained.
fn explained(findings: &[Finding]) -> String {
    finding_lines(findings) + &explain::line(findings.iter().map(|finding| finding.code.name()))
}

fn after(report: &Report) -> String {
    if let Some(found) = &report.findings_after {
        return explained(found);
    }
    let mut out = String::from("not recorded: run `requorum status`\n");
    if !report.proved.is_empty() {
        out.push_str("The run's own last checks:\n");
    }
    for proved in &report.proved {
        let holds = if proved.holds { "holds" } else { "DOES NOT HOLD" };
        let number = report.number_of(proved.step);
        let _ = writeln!(out, "step {number} on {}: {}: {holds} ({})", proved.host, proved.what, proved.said);
    }
    out
}

fn evidence(report: &Report) -> String {
    let mut out = String::new();
    for evidence in &report.evidence {
        let bytes = evidence.bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
        let _ = writeln!(out, "{} {}{bytes}\n  {}", evidence.sha256, evidence.what, evidence.place);
    }
    out
}
