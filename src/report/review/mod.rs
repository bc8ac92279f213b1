//! What a change of inventories means, for a terminal, a pull request's comment and machines. Reads no file and
//! contacts no master.

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::diagnostic::Diagnostic;
use crate::plan::env_file_changes::{self, EnvFileChange};
use crate::review::{Change, Changes, Loss, Setting, Side};

mod markdown;
mod parts;
#[cfg(test)]
mod tests;

pub use markdown::markdown;
use parts::{Form, Part};

/// The JSON's version.
const FORMAT: u32 = 1;

/// One inventory that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Review {
    /// The file, as messages call it.
    pub file: String,
    /// What came of comparing it.
    #[serde(flatten)]
    pub verdict: Comparison,
}

/// What came of comparing an inventory with its predecessor.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Comparison {
    /// It means something else.
    Changed {
        changes: Box<Changes>,
        /// What the runs would write otherwise.
        env_files: Vec<EnvFileChange>,
        /// How many mistakes the predecessor has, where it could not be read.
        old_mistakes: usize,
    },
    /// It cannot be read.
    Unreadable {
        /// Every mistake.
        mistakes: Vec<Diagnostic>,
    },
}

impl Review {
    /// A review of what lies between two inventories.
    #[must_use]
    pub fn changed(file: String, changes: Changes, old_mistakes: usize) -> Self {
        let env_files = env_file_changes::differences(&changes);
        Self { file, verdict: Comparison::Changed { changes: Box::new(changes), env_files, old_mistakes } }
    }

    /// Whether a safety rule is broken.
    #[must_use]
    pub fn is_dangerous(&self) -> bool {
        matches!(&self.verdict, Comparison::Changed { changes, .. } if !changes.dangers.is_empty())
    }

    /// Every mistake that keeps it from being read.
    #[must_use]
    pub fn mistakes(&self) -> &[Diagnostic] {
        match &self.verdict {
            Comparison::Unreadable { mistakes } => mistakes,
            Comparison::Changed { .. } => &[],
        }
    }
}

/// What is said where nothing differs.
fn nothing(compared: usize) -> String {
    match compared {
        0 => "no inventory differs (a YAML file with `cluster:` and `zones:`)\n".to_owned(),
        1 => "no change of meaning in 1 inventory\n".to_owned(),
        _ => format!("no change of meaning in {compared} inventories\n"),
    }
}

/// For a terminal.
#[must_use]
pub fn text(reviews: &[Review], compared: usize) -> String {
    if reviews.is_empty() {
        return nothing(compared);
    }
    let mut out = String::new();
    for review in reviews {
        out.push_str(&format!("{}\n", parts::title(review)));
        for part in parts::of(review) {
            out.push_str(&format!("\n{}\n", part.title));
            let width = part.lines.len().to_string().len();
            for (number, line) in part.lines.iter().enumerate() {
                match part.form {
                    Form::Ordered => out.push_str(&format!("  {:>width$}. {line}\n", number + 1)),
                    Form::Plain | Form::Diff => out.push_str(&format!("  {line}\n")),
                }
            }
        }
        out.push('\n');
    }
    out.pop();
    super::harmless(&out)
}

/// For machines.
#[must_use]
pub fn json(reviews: &[Review], compared: usize) -> Value {
    json!({ "format": FORMAT, "compared": compared, "inventories": reviews })
}
