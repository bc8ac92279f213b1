//! What people and machines are shown: values in, text out. Knows nothing about terminals.

pub mod annotations;
pub mod changes;
pub mod diagnostic;
pub mod doctor;
pub mod drill;
pub mod explain;
pub mod failure;
pub mod history;
pub mod junit;
pub mod left;
mod markup;
pub mod metrics;
pub mod outcome;
pub mod page;
pub mod plan;
pub mod resolved;
pub mod review;
pub mod runs;
pub mod status;
pub mod status_metrics;
pub mod status_next;
pub mod table;
pub mod text;
pub mod timeline;

use std::time::Duration;

/// Names with commas between them; `none` for none.
pub(crate) fn names<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// A duration in seconds, as a person reads it.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// The word for what kind of cluster it is.
pub(crate) fn environment(environment: Option<crate::model::Environment>) -> String {
    environment.map_or_else(|| "environment not recorded".to_owned(), |known| format!("{known:?}").to_lowercase())
}

/// Milliseconds, as a person reads them.
pub(crate) fn millis(time: u64) -> String {
    seconds(Duration::from_millis(time))
}

/// Text that holds remote words, made harmless line by line.
pub(crate) fn harmless(text: &str) -> String {
    let one = |line: &str| match line.char_indices().nth(LONGEST_LINE) {
        None => crate::model::command::harmless(line) + "\n",
        Some((at, _)) => crate::model::command::harmless(&line[..at]) + "… cut\n",
    };
    text.lines().map(one).collect()
}

/// The longest line shown, in characters. `--initial-cluster` of a hundred masters is half as long.
const LONGEST_LINE: usize = 16_000;

/// `text` with `indent` before each of its lines.
pub(crate) fn indented(text: &str, indent: &str) -> String {
    text.lines().map(|line| format!("{indent}{line}\n")).collect()
}
