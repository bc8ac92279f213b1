//! All runs that are kept, one line each, also those whose journal is damaged or ends midway. Touches no disk.

use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::history::Report;
use super::millis;

/// A run that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    pub run: String,
    /// When it began.
    pub began: Option<jiff::Timestamp>,
    pub verb: Option<String>,
    /// The zone that a drill loses; none for a run.
    pub zone: Option<String>,
    pub cluster: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// The exit code; none where the run was cut off.
    pub exit: Option<u8>,
    /// How long it took.
    pub took_ms: Option<u64>,
    /// Where and why its journal cannot be read on.
    pub damage: Option<String>,
}

impl Run {
    /// A run as its journal tells it.
    #[must_use]
    pub fn of(run: &str, report: Option<&Report>, damage: Option<String>) -> Self {
        let nothing = || "there is no journal".to_owned();
        Self {
            run: super::harmless(run).trim_end().to_owned(),
            began: report.map(|report| report.began),
            verb: report.map(|report| report.verb.clone()),
            zone: report.and_then(|report| report.drill.as_ref()).map(|drill| drill.zone.clone()),
            cluster: report.map(|report| report.cluster.clone()),
            outcome: report.map_or_else(|| damage.clone().unwrap_or_else(nothing), |report| report.outcome.clone()),
            exit: report.and_then(|report| report.exit),
            took_ms: report.map(|report| report.took_ms),
            damage,
        }
    }
}

/// The shortest that an outcome is cut to where the terminal is narrow; `runs show` has all of it.
const OUTCOME: usize = 60;

/// The table, oldest first. An outcome is cut only where it does not fit the terminal's width.
#[must_use]
pub fn table(runs: &[Run], state: &std::path::Path, width: Option<usize>) -> String {
    let whole = drawn(runs, state, usize::MAX);
    let widest = whole.lines().map(|line| line.trim_end().chars().count()).max().unwrap_or(0);
    let longest = runs.iter().map(|run| run.outcome.chars().count()).max().unwrap_or(0);
    match width {
        Some(width) if widest > width => drawn(runs, state, (longest + width).saturating_sub(widest + 1).max(OUTCOME)),
        _ => whole,
    }
}

fn drawn(runs: &[Run], state: &std::path::Path, most: usize) -> String {
    if runs.is_empty() {
        return super::harmless(&format!("there are no runs under {}\n", state.display()));
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["run", "began", "verb", "cluster", "exit", "took", "outcome"]);
    let dash = || "-".to_owned();
    for run in runs {
        let mut outcome: String = run.outcome.chars().take(most).collect();
        if outcome.len() < run.outcome.len() {
            outcome.push('…');
        }
        table.add_row([
            run.run.clone(),
            run.began.map_or_else(dash, |began| format!("{began:.0}")),
            [&run.verb, &run.zone]
                .into_iter()
                .flatten()
                .cloned()
                .reduce(|verb, zone| verb + " " + &zone)
                .unwrap_or_else(dash),
            run.cluster.clone().unwrap_or_else(dash),
            run.exit.map_or_else(dash, |exit| exit.to_string()),
            run.took_ms.map_or_else(dash, millis),
            if run.damage.is_some() { format!("damaged: {outcome}") } else { outcome },
        ]);
    }
    super::harmless(&table.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_cut_only_where_it_does_not_fit() {
        let run = Run { outcome: "a".repeat(80), ..Run::of("20260101-000000-0001", None, None) };
        let widest = |width| {
            let text = table(std::slice::from_ref(&run), std::path::Path::new("/state"), width);
            text.lines().map(|line| line.trim_end().chars().count()).max().unwrap()
        };
        let whole = widest(None);
        assert_eq!(widest(Some(whole)), whole);
        assert_eq!(widest(Some(whole - 5)), whole - 5);
        assert_eq!(widest(Some(20)), whole - 80 + OUTCOME + 1, "it is still readable");
    }
}
