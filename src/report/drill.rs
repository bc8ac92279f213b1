//! A drill's result as a person reads it, and as metrics. Knows neither terminal nor disk.

use std::fmt::Write;

use jiff::Timestamp;

use crate::model::ledger::Gap;
use crate::model::measures::{Measures, Objective, Promises, ThroughApi, millis};
use crate::model::{ClusterName, RunId, ZoneName};

use super::metrics::Metric;

/// A drill as it is reported.
#[derive(Debug, Clone, Copy)]
pub struct ReportedDrill<'a> {
    /// The drill.
    pub run: &'a RunId,
    /// Its numbers, possibly incomplete.
    pub measures: Option<&'a Measures>,
    /// Why it gave up, and what was done then.
    pub trouble: Option<(&'a str, &'a [String])>,
    /// What was found left behind at its end.
    pub left: &'a [String],
    /// The command line's beginning, for next commands.
    pub again: &'a str,
    /// Under which keys the canaries wrote.
    pub prefix: &'a str,
}

/// The end in a few lines: how it ended, what was measured, what is left, what comes next.
#[must_use]
pub fn text(drill: &ReportedDrill<'_>) -> String {
    let mut out = String::new();
    match drill.trouble {
        Some((why, done)) => {
            let _ = writeln!(out, "the drill was given up: {why}");
            done.iter().for_each(|line| {
                let _ = writeln!(out, "  {line}");
            });
        }
        None => {
            let good = drill.measures.is_some_and(Measures::is_good) && drill.left.is_empty();
            let _ = writeln!(out, "{}", verdict(good, drill.measures));
        }
    }
    if let Some(measures) = drill.measures {
        out.push('\n');
        out.push_str(&numbers(measures));
    }
    if !drill.left.is_empty() {
        out.push_str("\nleft behind:\n");
        drill.left.iter().for_each(|line| {
            let _ = writeln!(out, "  {line}");
        });
        let _ = writeln!(out, "next: {} status", drill.again);
    }
    let _ = writeln!(out, "\nreport: {} report {} -o html --out drill.html", drill.again, drill.run);
    if drill.measures.is_some() {
        let _ = writeln!(out, "{}", keys_stay(drill.prefix));
    }
    super::harmless(&out)
}

/// Whether a drill that was not given up was good, in words.
#[must_use]
pub fn verdict(good: bool, measures: Option<&Measures>) -> String {
    if !good {
        return "the drill completed, but missed an objective, lost a write of the surviving zone, or left something behind"
            .to_owned();
    }
    let asked = measures.is_some_and(|measures| !measures.objectives.is_empty());
    let objectives = if asked { "every objective was reached" } else { "the inventory sets no objectives" };
    let lost = measures.and_then(|measures| measures.lost_zone.lost.as_ref()).map(|lost| match lost.writes {
        0 => ". No acknowledged write was lost".to_owned(),
        1 => ". 1 acknowledged write of the lost zone was lost".to_owned(),
        writes => format!(". {writes} acknowledged writes of the lost zone were lost"),
    });
    format!("the drill is done; {objectives}{}", lost.unwrap_or_default())
}

/// Under which keys the canaries of a drill write.
#[must_use]
pub fn prefix(run: &RunId) -> String {
    format!("requorum/drill/{run}/")
}

/// The ConfigMap in `kube-system` that the API server's canary writes.
pub const API_OBJECT: &str = "requorum-drill";

/// That there is such a canary, with the master after it.
pub const THROUGH_API: &str = "one through the API server of";

/// How that ConfigMap is removed where its canary could not do it.
#[must_use]
pub fn object_stays() -> String {
    format!(
        "the ConfigMap {API_OBJECT} may be there still; the next drill removes it, or: kubectl -n kube-system delete configmap {API_OBJECT}"
    )
}

/// What a drill leaves in the data.
#[must_use]
pub fn keys_stay(prefix: &str) -> String {
    format!(
        "the canaries' keys stay under {prefix}; to remove them, on a master, with the endpoint and certificates that etcdctl needs there: etcdctl del --prefix {prefix}"
    )
}

/// What is left of the time without writes after detection and decision, so that the three add up to it. `initiate-dr`
/// as a whole ends later: it also checks, records and unlocks.
fn until_written(measures: &Measures) -> Option<u64> {
    let whole = millis(measures.without_writes.map(Gap::length)?);
    whole.checked_sub(measures.detection_ms? + measures.decision_ms?)
}

fn seconds(ms: Option<u64>) -> String {
    ms.map_or_else(|| "not measured".to_owned(), super::millis)
}

/// The table of numbers.
#[must_use]
pub fn numbers(measures: &Measures) -> String {
    rows(measures).iter().map(|(name, value)| format!("{name:<40}{value}\n")).collect()
}

/// Its rows: name and value; what is part of the row above it begins with spaces.
#[must_use]
pub fn rows(measures: &Measures) -> Vec<(String, String)> {
    let rto = seconds(measures.without_writes.map(Gap::length).map(millis));
    let rows = [
        ("time without writes (RTO)", rto),
        ("  detection", seconds(measures.detection_ms)),
        ("  decision (a drill asks nobody)", seconds(measures.decision_ms)),
        ("  from there to the first write", seconds(until_written(measures))),
        (
            "time without writes through the API",
            through_api(measures, |api| seconds(api.without_writes.map(Gap::length).map(millis))),
        ),
        ("initiate-dr as a whole", seconds(measures.initiate_dr_ms)),
        ("  the doctor expected", seconds(measures.expected_ms)),
        ("  of it the proof", seconds(measures.proof_ms)),
        ("time to full redundancy", seconds(measures.full_redundancy_ms)),
        ("  of it recover", seconds(measures.recover_ms)),
        ("survivor's canary", canary(&measures.survivor)),
        (
            "API server's canary",
            through_api(measures, |api| {
                format!("{}: {} of {} writes acknowledged", api.host, api.acknowledged, api.tried)
            }),
        ),
        ("lost zone's canary", canary(&measures.lost_zone)),
        ("lost (RPO)", rpo(measures)),
    ];
    let told = rows.into_iter().filter(|(_, value)| !value.is_empty());
    let mut rows: Vec<_> = told.map(|(name, value)| (name.to_owned(), value)).collect();
    if let Some(answered) = measures.split_read {
        let said = if answered { "could still read" } else { "could not read" };
        rows.push(("while it was cut off".to_owned(), format!("clients in {} {said}", measures.zone)));
    }
    rows.extend(measures.objectives.iter().map(objective));
    rows
}

/// Nothing where no API server was written through.
fn through_api(measures: &Measures, say: impl Fn(&ThroughApi) -> String) -> String {
    measures.api.as_ref().map(say).unwrap_or_default()
}

/// An objective's row.
#[must_use]
pub fn objective(objective: &Objective) -> (String, String) {
    let met = if objective.is_met() { "met" } else { "MISSED" };
    let (measured, allowed) = (seconds(objective.measured_ms), seconds(Some(objective.allowed_ms)));
    (format!("objective {}", objective.name), format!("{met}: {measured} of at most {allowed}"))
}

fn canary(promises: &Promises) -> String {
    let lost = match &promises.lost {
        None => "not compared with the data".to_owned(),
        Some(lost) if lost.writes == 0 => "all of them there".to_owned(),
        Some(lost) => format!("{} of them gone", lost.writes),
    };
    format!("{}: {} of {} writes acknowledged, {lost}", promises.host, promises.acknowledged, promises.tried)
}

fn rpo(measures: &Measures) -> String {
    let Some(lost) = &measures.lost_zone.lost else { return "not measured".to_owned() };
    let revisions = measures.revisions_lost.map(|count| format!(", {count} revisions")).unwrap_or_default();
    format!("{:.2} s, {} acknowledged writes{revisions}", lost.time.as_secs_f64(), lost.writes)
}

/// What a drill's metrics are made of.
#[derive(Debug, Clone, Copy)]
pub struct Gauges<'a> {
    pub cluster: &'a ClusterName,
    /// The zone that was lost.
    pub zone: &'a ZoneName,
    /// When the drill ended.
    pub now: Timestamp,
    /// Its numbers, possibly incomplete.
    pub measures: Option<&'a Measures>,
    /// Whether it was good.
    pub good: bool,
    /// The file as the drill before left it: a bad drill does not make the last good one forgotten.
    pub before: &'a str,
}

const LAST_SUCCESS: &str = "requorum_drill_last_success_timestamp_seconds";

/// For a node exporter's textfile collector.
#[must_use]
pub fn metrics(drill: &Gauges<'_>) -> String {
    let labels = [("cluster", drill.cluster.as_str()), ("zone", drill.zone.as_str())];
    let gauge = |name, help, value: Option<f64>| {
        let metric = Metric::gauge(name, help);
        value.map_or_else(|| metric.clone(), |value| metric.clone().with(&labels, value))
    };
    let seconds = |ms: u64| ms as f64 / 1000.0;
    let at = drill.now.as_second() as f64;
    let success = if drill.good { Some(at) } else { earlier(drill.before, &labels) };
    let measures = drill.measures;
    let rto = measures.and_then(|measures| measures.without_writes).map(|gap| gap.length().as_secs_f64());
    let api = measures.and_then(|measures| measures.api.as_ref()?.without_writes).map(|gap| gap.length().as_secs_f64());
    let lost = measures.and_then(|measures| measures.lost_zone.lost.as_ref()).map(|lost| lost.time.as_secs_f64());
    let redundancy = measures.and_then(|measures| measures.full_redundancy_ms).map(seconds);
    let objective = |name: &str| {
        let all = measures.map(|measures| measures.objectives.as_slice()).unwrap_or_default();
        all.iter().find(|objective| objective.name == name).map(|objective| seconds(objective.allowed_ms))
    };
    super::metrics::text(&[
        gauge("requorum_drill_last_run_timestamp_seconds", "When the last drill ended.", Some(at)),
        gauge(LAST_SUCCESS, "When the last good drill ended.", success),
        gauge("requorum_drill_success", "Whether the last drill was good.", Some(f64::from(u8::from(drill.good)))),
        gauge("requorum_drill_rto_seconds", "The time without writes.", rto),
        gauge("requorum_drill_api_rto_seconds", "The time without writes through an API server.", api),
        gauge("requorum_drill_rto_objective_seconds", "The longest that is allowed.", objective("rto")),
        gauge("requorum_drill_rpo_seconds", "The time whose acknowledged writes were lost.", lost),
        gauge("requorum_drill_rpo_objective_seconds", "The longest that may be lost.", objective("rpo")),
        gauge("requorum_drill_full_redundancy_seconds", "The time until every master voted again.", redundancy),
    ])
}

/// When the last good drill of the same zone ended, as an earlier file says it.
fn earlier(before: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let sample = super::metrics::text(&[Metric::gauge(LAST_SUCCESS, "").with(labels, 0.0)]);
    let series = sample.lines().last()?.strip_suffix('0')?;
    before.lines().find_map(|line| line.strip_prefix(series)?.parse().ok())
}

#[cfg(test)]
mod tests;
