//! A diagnosis as a person reads it, as JSON and as it is kept. Touches neither disk nor clock.

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::ZoneName;
use crate::observe::Severity;
use crate::plan::doctor::{Diagnosis, Expected, Outlook, Remark};

use super::{explain, harmless, indented, names};

pub mod bastion;
mod junit;
mod last;
#[cfg(test)]
mod tests;

pub use junit::junit;
pub use last::{last, last_json};

/// The JSON's version.
const FORMAT: u32 = 1;

/// A diagnosis with its time, as it is kept and shown to machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The format's version, 1.
    pub version: u32,
    /// When it was made.
    pub at: Timestamp,
    pub errors: usize,
    pub warnings: usize,
    /// What was found.
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
}

impl Report {
    /// A diagnosis made at that time.
    #[must_use]
    pub fn new(diagnosis: Diagnosis, at: Timestamp) -> Self {
        let (errors, warnings) = (diagnosis.count(Severity::Error), diagnosis.count(Severity::Warning));
        Self { version: FORMAT, at, errors, warnings, diagnosis }
    }

    /// For machines.
    #[must_use]
    pub fn json(&self) -> Value {
        json!(self)
    }
}

/// For a person: a line a zone with what speaks against it, the rest, and the verdict.
#[must_use]
pub fn text(diagnosis: &Diagnosis) -> String {
    let note = |remark: &&Remark| remark.severity == Severity::Note;
    let mut out = String::new();
    for (zone, outlook) in &diagnosis.zones {
        let _ = writeln!(out, "{zone} lost: {}", outlook_words(outlook, diagnosis, zone));
        let about: Vec<&Remark> = diagnosis.about(zone).filter(|remark| !note(remark)).collect();
        out.push_str(&indented(&remarks_text(&about), "  "));
    }
    let elsewhere = diagnosis.elsewhere().filter(|remark| !note(remark));
    let rest: Vec<&Remark> = elsewhere.chain(diagnosis.remarks.iter().filter(note)).collect();
    if !rest.is_empty() {
        let _ = write!(out, "other findings:\n{}", indented(&remarks_text(&rest), "  "));
    }
    for (master, speed) in &diagnosis.speeds {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people")]
        let rate = speed.bytes_a_second() as u64;
        let copied =
            speed.copy.map(|copy| format!(", copied as a run copies one so large in {}", super::seconds(copy)));
        let copied = copied.unwrap_or_default();
        let _ = writeln!(
            out,
            "measured on {master}: a snapshot of {} saved in {} ({}/s), verified in {}{copied}, removed again",
            size(speed.bytes),
            super::seconds(speed.save),
            size(rate),
            super::seconds(speed.verify)
        );
    }
    out.push_str(&explain::line(diagnosis.remarks.iter().map(|remark| remark.code.name())));
    let _ = writeln!(out, "verdict: {}", verdict(diagnosis));
    harmless(&out)
}

fn verdict(diagnosis: &Diagnosis) -> String {
    let count = |severity: Severity, word: &str| match diagnosis.count(severity) {
        0 => String::new(),
        1 => format!(", 1 {word}"),
        many => format!(", {many} {word}s"),
    };
    let found = count(Severity::Error, "error") + &count(Severity::Warning, "warning");
    let ill: Vec<&ZoneName> =
        diagnosis.zones.iter().filter(|(_, outlook)| !outlook.ready).map(|(zone, _)| zone).collect();
    match (diagnosis.good, &ill[..]) {
        (true, _) if diagnosis.zones.values().all(|outlook| outlook.quorum_kept) => {
            format!("good: no single zone's loss costs the quorum{found}")
        }
        // An error on a master that no loss makes a survivor is no less wrong.
        (true, _) if diagnosis.count(Severity::Error) > 0 => format!("good for initiate-dr{found}"),
        (true, _) => format!("good{found}"),
        (false, []) => format!("NOT READY{found}"),
        (false, _) => format!("NOT READY for the loss of {}{found}", names(ill)),
    }
}

fn outlook_words(outlook: &Outlook, diagnosis: &Diagnosis, zone: &ZoneName) -> String {
    if outlook.quorum_kept {
        return format!("the quorum stays with {}; initiate-dr is not needed", names(&outlook.survivors));
    }
    let Some(seed) = &outlook.seed else {
        let errors = diagnosis.about(zone).filter(|remark| remark.severity == Severity::Error);
        let mut codes: Vec<&str> = errors.map(|remark| remark.code.name()).collect();
        codes.dedup();
        return format!("initiate-dr would be REFUSED: {}", names(codes));
    };
    let time = outlook.expected.as_ref().map(expected_words).unwrap_or_default();
    let how = if outlook.ready { "would work" } else { "would run, but NOT AS INTENDED," };
    format!("initiate-dr {how} from {seed} in {} steps, {time}", outlook.steps)
}

/// The sum and its parts.
fn expected_words(expected: &Expected) -> String {
    let s = |time: Duration| format!("{:.1}", time.as_secs_f64());
    let mut parts = vec![format!("look at most {}", s(expected.look)), format!("proof {}", s(expected.proof))];
    match (expected.snapshot, expected.restore) {
        (Some(snapshot), Some(restore)) => {
            parts.push(format!("snapshot {}", s(snapshot)));
            parts.push(format!("restore {} estimated", s(restore)));
        }
        _ => parts.push("snapshot and restore were not measured".to_owned()),
    }
    if let Some(share) = expected.share.filter(|share| !share.is_zero()) {
        parts.push(format!("share {} estimated", s(share)));
    }
    parts.push(format!("election {}, at most {}", s(expected.election), s(expected.election_at_most)));
    parts.push(format!("rest {}", s(expected.rest)));
    let about = if expected.whole() { "about" } else { "at least" };
    let api = expected.api.map(|_| format!("; until a write through the API {about} {} s", s(expected.through_api())));
    format!("{about} {} s ({}){}", s(expected.total()), parts.join(", "), api.unwrap_or_default())
}

/// What several masters share stands once, with all their names.
fn remarks_text(remarks: &[&Remark]) -> String {
    let same = |a: &Remark, b: &Remark| a.code == b.code && a.text == b.text && a.diff == b.diff;
    let mut out = String::new();
    for (place, remark) in remarks.iter().enumerate() {
        if remarks[..place].iter().any(|before| same(before, remark)) {
            continue;
        }
        let masters: Vec<_> =
            remarks.iter().filter(|other| same(remark, other)).filter_map(|one| one.master.as_ref()).collect();
        let who = if masters.is_empty() { String::new() } else { format!("{}: ", names(masters)) };
        let _ = writeln!(out, "{} [{}] {who}{}", severity(remark.severity), remark.code, remark.text);
        if remark.severity != Severity::Note && !remark.next.is_empty() {
            let _ = writeln!(out, "    next: {}", remark.next);
        }
        out.push_str(&indented(remark.diff.as_deref().unwrap_or_default(), "    "));
    }
    out
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        small if small < 1 << 10 => format!("{small} B"),
        middle if middle < 1 << 20 => format!("{} kB", middle >> 10),
        large => format!("{} MB", large >> 20),
    }
}
