//! A run or a drill in two or three sentences for somebody who was not there and does not know etcd: what happened, how
//! long it took, what was lost, and whether what had been asked was reached. Knows nothing about output formats.

use crate::model::measures::{Measures, Objective};
use crate::observe::{Code, Finding};
use crate::playbook::Phase;
use crate::report::{environment, millis, names};
use crate::run::exit;

use super::{Drill, Report};

/// The sentences.
#[must_use]
pub(super) fn of(report: &Report) -> String {
    let when = report.began.strftime("%Y-%m-%d at %H:%M UTC");
    let cluster = format!("cluster {} ({})", report.cluster, environment(report.environment));
    match &report.drill {
        Some(drill) => format!("Drill on {cluster}, {when}: {}", of_drill(report, drill)),
        None => format!("{cluster}, {when}: {}", of_run(report)).replacen('c', "C", 1),
    }
}

fn of_drill(report: &Report, drill: &Drill) -> String {
    let how = match drill.outage.as_str() {
        "isolate" => "cut off from the other zones",
        "command" => "switched off",
        _ => "stopped",
    };
    let lost = format!("{} was {how} on purpose", drill.zone);
    // Whether it came to an outage stands among the phases; nothing is said here that is not known.
    if report.quorum.lost_ms.is_none() && report.exit.is_some_and(|code| code != exit::DONE) {
        let (code, zone) = (report.exit.unwrap_or_default(), &drill.zone);
        let began = drill.phases.iter().any(|phase| phase.name == Phase::Outage.name());
        let when = if began {
            format!("while {zone} was being {how}; whether that cost the quorum is not known")
        } else {
            format!("before {zone} had cost the quorum")
        };
        let measured = if began && drill.measures.is_some() { "" } else { " Nothing was measured." };
        return format!("it ended (exit {code}) {when}.{measured}");
    }
    let Some(measures) = &drill.measures else {
        return match report.exit {
            None => "it has not ended, or was killed. Nothing was measured.".to_owned(),
            Some(code) => format!("{lost}, and the drill was given up (exit {code}). Nothing was measured."),
        };
    };
    let end = match report.exit {
        Some(exit::DONE | exit::UNVERIFIED) => String::new(),
        Some(code) => format!(" The drill was given up (exit {code})."),
        None => " The drill has not ended, or was killed.".to_owned(),
    };
    let writes = match measures.without_writes {
        Some(gap) => {
            let took = millis(crate::model::measures::millis(gap.length()));
            format!("clients elsewhere could not write for {took}")
        }
        None => "how long clients elsewhere could not write was not measured".to_owned(),
    };
    let whole = match measures.full_redundancy_ms {
        Some(took) => format!("after {} every master had its vote again", millis(took)),
        None => "that every master had its vote again was not seen".to_owned(),
    };
    format!("{lost}; {writes}, and {whole}. {} {}{end}", loss(measures), objectives(&measures.objectives))
}

/// What was lost, on both sides: what nobody looked for is not called kept.
fn loss(measures: &Measures) -> String {
    let writes = |count: u64| if count == 1 { "1 write".to_owned() } else { format!("{count} writes") };
    let kept = match &measures.survivor.lost {
        Some(lost) if lost.writes > 0 => {
            format!(" On the surviving side {} that had been acknowledged are gone.", writes(lost.writes))
        }
        Some(_) => String::new(),
        None => " The surviving side's writes were not compared with the data.".to_owned(),
    };
    let zone = &measures.zone;
    let lost = match &measures.lost_zone.lost {
        Some(lost) if lost.writes == 0 => format!("No write that had been acknowledged in {zone} was lost."),
        Some(lost) => format!(
            "{} that had been acknowledged in {zone} were lost, those of {:.2} s.",
            writes(lost.writes),
            lost.time.as_secs_f64()
        ),
        None => format!("What was lost of {zone}'s writes was not measured."),
    };
    lost + &kept
}

fn objectives(asked: &[Objective]) -> String {
    let missed = names(asked.iter().filter(|objective| !objective.is_met()).map(|objective| &objective.name));
    match (asked.len(), missed.as_str()) {
        (0, _) => "No objective was set.".to_owned(),
        (1, "none") => "The objective that was set was met.".to_owned(),
        (_, "none") => "Every objective that was set was met.".to_owned(),
        (_, missed) => format!("Missed of the objectives: {missed}."),
    }
}

/// A run does not know when clients began to fail, and is held against no objective.
fn of_run(report: &Report) -> String {
    let took = millis(report.took_ms);
    let zones = names(&report.failed_zones);
    let Some(code) = report.exit else {
        return format!("{} has not ended, or was killed. What it did stands below.", report.verb);
    };
    if code != exit::DONE && code != exit::UNVERIFIED {
        let changed = match code {
            exit::UNKNOWN => "what state it left is not known: `requorum status` tells",
            exit::STOPPED => "it stopped midway",
            _ => "it ended early",
        };
        return format!(
            "{} did not succeed (exit {code}) after {took}: {changed}. Old data is still there.",
            report.verb
        );
    }
    let doubt = if code == exit::DONE { "" } else { " What it had done could not be verified afterwards." };
    let done = match (report.verb.as_str(), report.quorum.regained_ms) {
        ("initiate-dr", Some(after)) => format!(
            "{zones} was lost, and the quorum with it. The other masters were made a cluster of their own, which took \
             its first write {} after the run had begun; how long writes had failed before is not known to it. What \
             {zones} may hold that the new cluster lacks is told when it is back.",
            millis(after)
        ),
        ("initiate-dr", None) if !report.quorum.lost_before => {
            format!("no new cluster was made, since one served. What was left to do beside it was done in {took}.")
        }
        ("initiate-dr", None) => {
            format!("a cluster without {zones} was made in {took}; its first write is not recorded.")
        }
        ("recover", _) => format!(
            "masters that had been lost were taken back in {took}.{}",
            if beyond(&report.findings_before) {
                " Some hold writes of the old cluster that this one lacks; they are kept with the old data."
            } else {
                ""
            }
        ),
        ("fence", _) => format!("etcd of {zones} was stopped and kept from starting, in {took}."),
        ("unfence", _) => format!("etcd of {zones} may start again. It took {took}."),
        ("undo", _) => {
            format!("a recovery that had not taken a write was taken back in {took}; the old data is in place.")
        }
        (verb, _) => format!("{verb} was done in {took}."),
    };
    format!("{done} A run is measured against no objective; a drill is.{doubt}")
}

fn beyond(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.code == Code::BeyondTheFork)
}
