//! Metrics in Prometheus' text format, as node_exporter's textfile collector reads it. Does not know what a metric
//! means.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::model::command::is_hostile;

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up; its name ends in `_total`.
    Counter,
}

/// One metric: what it is, and its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    samples: Vec<String>,
    series: BTreeSet<String>,
}

/// The most samples of one metric. A collector refuses or drowns in more, and no cluster has as many.
const MOST_SAMPLES: usize = 2_000;
/// The longest value of a label, in characters.
const LONGEST_LABEL: usize = 200;

impl Metric {
    /// A metric without samples yet.
    #[must_use]
    pub const fn new(kind: Kind, name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind, samples: Vec::new(), series: BTreeSet::new() }
    }

    /// A gauge without samples yet.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Gauge, name, help)
    }

    /// Adds a sample. The same labels twice are one sample, the first: Prometheus refuses a file that repeats them. What
    /// is beyond [`MOST_SAMPLES`] is left out.
    pub fn add(&mut self, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let series = format!("{}{labels} ", self.name);
        if self.samples.len() < MOST_SAMPLES && !self.series.contains(&series) {
            self.samples.push(format!("{series}{value}"));
            self.series.insert(series);
        }
    }

    /// The same, for a chain.
    #[must_use]
    pub fn with(mut self, labels: &[(&str, &str)], value: f64) -> Self {
        self.add(labels, value);
        self
    }
}

/// The metrics as text; one without samples is left out.
#[must_use]
pub fn text(metrics: &[Metric]) -> String {
    let mut out = String::new();
    for metric in metrics.iter().filter(|metric| !metric.samples.is_empty()) {
        let kind = match metric.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        let _ = writeln!(out, "# HELP {0} {1}\n# TYPE {0} {kind}", metric.name, metric.help);
        for sample in &metric.samples {
            let _ = writeln!(out, "{sample}");
        }
    }
    out
}

/// A label's value as the text form wants it; control characters other than a line's end have no place there.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(LONGEST_LABEL) {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other if is_hostile(other) => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    if text.chars().nth(LONGEST_LABEL).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_master_invents_is_bounded() {
        let begun = std::time::Instant::now();
        let mut metric = Metric::gauge("requorum_x", "What x is.");
        let long = "y".repeat(3 << 20);
        for n in 0..100_000 {
            metric.add(&[("a", &format!("{n}"))], 1.0);
        }
        (0..100).for_each(|_| metric.add(&[("a", &long)], 1.0));
        let text = text(&[metric, Metric::gauge("requorum_y", "Y.").with(&[("a", &long)], 1.0)]);
        assert_eq!(text.lines().filter(|line| line.starts_with("requorum_x{")).count(), MOST_SAMPLES);
        assert!(text.lines().all(|line| line.len() < 300));
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[test]
    fn labels_are_escaped_and_repeated_ones_are_one() {
        let mut metric = Metric::gauge("requorum_x", "What x is.");
        metric.add(&[("a", "back\\slash \"quoted\"\nnext\u{7}")], 1.0);
        metric.add(&[("a", "back\\slash \"quoted\"\nnext\u{7}")], 2.0);
        metric.add(&[("a", "")], 1_767_225_600.5);
        let done = Metric::new(Kind::Counter, "requorum_runs_total", "Runs.").with(&[], 3.0);
        insta::assert_snapshot!(text(&[metric, Metric::gauge("requorum_none", "Nothing."), done]), @r#"
        # HELP requorum_x What x is.
        # TYPE requorum_x gauge
        requorum_x{a="back\\slash \"quoted\"\nnext�"} 1
        requorum_x{a=""} 1767225600.5
        # HELP requorum_runs_total Runs.
        # TYPE requorum_runs_total counter
        requorum_runs_total 3
        "#);
    }
}
