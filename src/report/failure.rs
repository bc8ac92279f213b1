//! A command's failure as a value, and the one place that puts it into words: as text for people, as JSON for machines.
//! Knows neither verbs nor the terminal.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::{diagnostic, explain, harmless, plan::refusal_lines};
use crate::model::diagnostic::Diagnostic;
use crate::plan::Refusal;
use crate::run::exit::Kind;
use crate::run::redact::Redactor;

/// An end that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: Kind,
    /// What happened and where, in one sentence without a full stop.
    pub what: String,
    pub because: Because,
    /// What else is known, one line each: what is unchanged, what stays.
    pub notes: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// Whether the verb had given its answer before: standard output then takes nothing more.
    pub answered: bool,
}

/// What there is beside the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// Nothing: it says all.
    Said,
    /// The rules that forbid it, each with its own next step.
    Rules(Vec<Refusal>),
    /// The mistakes in the files that were read.
    Mistakes(Vec<Diagnostic>),
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), because: Because::Said, notes: Vec::new(), hints: Vec::new(), answered: false }
    }

    /// The command line is wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// A file that the person gave is wrong.
    pub fn input(what: impl Into<String>) -> Self {
        Self::new(Kind::BadInput, what)
    }

    /// It could not be done.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Kind::Failed, what)
    }

    /// The person interrupted; `what` says what is true now.
    pub fn interrupted(what: impl Into<String>) -> Self {
        Self::new(Kind::Interrupted, what)
    }

    /// A file could not be read or written.
    pub fn file(kind: Kind, path: &Path, why: impl fmt::Display) -> Self {
        Self::new(kind, format!("{}: {why}", path.display()))
    }

    /// A file that must not exist could not be written.
    pub fn unwritten(path: &Path, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return Self::failed(format!("{} is there already", path.display()))
                .hint("name another file, or move that one away");
        }
        Self::file(Kind::Failed, path, error)
    }

    /// Rules forbid it; `what` says what is true now.
    pub fn refused(what: impl Into<String>, refusals: Vec<Refusal>) -> Self {
        Self { because: Because::Rules(refusals), ..Self::new(Kind::Refused, what) }
    }

    /// Files have mistakes.
    #[must_use]
    pub fn mistakes(mistakes: Vec<Diagnostic>) -> Self {
        let files: BTreeSet<&str> = mistakes.iter().map(|mistake| mistake.place.file.as_str()).collect();
        let s = if mistakes.len() == 1 { "" } else { "s" };
        let what = format!("{} mistake{s} in {}", mistakes.len(), files.into_iter().collect::<Vec<_>>().join(", "));
        Self { because: Because::Mistakes(mistakes), ..Self::input(what) }
    }

    /// Adds what else is known.
    #[must_use]
    pub fn note(mut self, line: impl Into<String>) -> Self {
        self.notes.push(line.into());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, next: impl Into<String>) -> Self {
        self.hints.push(next.into());
        self
    }

    /// The same, of a verb that has given its answer.
    #[must_use]
    pub fn after_the_answer(self) -> Self {
        Self { answered: true, ..self }
    }

    /// The same without secrets.
    #[must_use]
    pub fn cleaned(mut self, redactor: &Redactor) -> Self {
        let rules = match &mut self.because {
            Because::Rules(refusals) => refusals.as_mut_slice(),
            // A mistake shows the file that the person gave.
            Because::Said | Because::Mistakes(_) => &mut [],
        };
        let rules = rules.iter_mut().flat_map(|refusal| [&mut refusal.why, &mut refusal.next]);
        for text in [&mut self.what].into_iter().chain(&mut self.notes).chain(&mut self.hints).chain(rules) {
            *text = redactor.clean(text);
        }
        self
    }

    /// The rules that forbid it.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        if let Because::Rules(refusals) = &self.because { refusals } else { &[] }
    }

    /// The exit code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.kind.code()
    }

    /// For people.
    #[must_use]
    pub fn text(&self, coloured: bool) -> String {
        let mut out = format!("{}{}", head(self.kind), self.what);
        let mut indent = "  ";
        match &self.because {
            Because::Mistakes(mistakes) => return diagnostic::text(mistakes, coloured),
            Because::Rules(refusals) => {
                out.push_str(":\n");
                refusal_lines(refusals, &mut out);
                indent = "      ";
            }
            Because::Said => {}
        }
        for note in &self.notes {
            let _ = write!(out, "{}{note}", line_end(&out));
        }
        for hint in &self.hints {
            let _ = write!(out, "{}{indent}next: {hint}", line_end(&out));
        }
        let explained = explain::line(self.refusals().iter().map(|refusal| refusal.rule.name()));
        if !explained.is_empty() {
            let _ = write!(out, "{}{}", line_end(&out), explained.trim_end());
        }
        harmless(&out)
    }

    /// For machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let Self { kind, what, because, notes, hints, answered: _ } = self;
        let notes: Vec<&str> = notes.iter().map(|note| note.trim()).collect();
        let mistakes: &[Diagnostic] = if let Because::Mistakes(mistakes) = because { mistakes } else { &[] };
        json!({ "failure": {
            "kind": kind,
            "exit": kind.code(),
            "what": what,
            "refusals": self.refusals(),
            "mistakes": mistakes,
            "notes": notes,
            "hints": hints,
        } })
    }
}

/// As a part of another text.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(false).trim_end())
    }
}

/// The words before what happened.
const fn head(kind: Kind) -> &'static str {
    match kind {
        Kind::Usage | Kind::BadInput | Kind::Failed | Kind::Unrecorded => "error: ",
        Kind::Refused => "refused; ",
        Kind::StillRuns => "refused: ",
        Kind::Locked => "locked: ",
        Kind::Interrupted => "interrupted; ",
    }
}

fn line_end(text: &str) -> &'static str {
    if text.ends_with('\n') { "" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diagnostic::{Place, Source};
    use crate::plan::Rule;

    #[test]
    fn a_text_says_what_then_what_else_is_known_then_what_to_do() {
        let failure = Failure::new(Kind::Locked, "m1 is held by run R").note("Nothing was changed.").hint("wait");
        assert_eq!(failure.to_string(), "locked: m1 is held by run R\nNothing was changed.\n  next: wait");
        assert_eq!((failure.code(), failure.to_string() + "\n"), (7, failure.text(true)));
    }

    #[test]
    fn each_rule_has_its_line_and_a_hint_stands_below_the_last_one() {
        let own = Refusal { rule: Rule::QuorumAlive, why: "it serves".to_owned(), next: "see status".to_owned() };
        let none = Refusal { rule: Rule::NoConsent, why: "nobody to ask".to_owned(), next: String::new() };
        let failure = Failure::refused("nothing was changed", vec![own, none]).hint("add --confirm");
        let text = "refused; nothing was changed:\n  [quorum-alive] it serves\n      next: see status\n  \
                    [no-consent] nobody to ask\n      next: add --confirm\nexplained: requorum explain quorum-alive no-consent";
        assert_eq!((failure.code(), failure.to_string().as_str()), (3, text));
    }

    #[test]
    fn json_says_the_same_as_values() {
        let source = Source::new("f.yaml", "a: 1\n");
        let mistakes = ["one", "two"].map(|said| Diagnostic::error("code", Place::of_line(&source, 1), said));
        let value = Failure::mistakes(mistakes.to_vec()).json();
        assert_eq!(value["failure"]["kind"], "bad_input");
        assert_eq!(
            (&value["failure"]["exit"], &value["failure"]["what"]),
            (&65.into(), &"2 mistakes in f.yaml".into())
        );
        assert_eq!(value["failure"]["mistakes"][1]["message"], "two");
    }

    #[test]
    fn a_secret_stands_in_no_part() {
        let secret = "correct-horse-battery-1";
        let refusal = Refusal { rule: Rule::NoConsent, why: secret.to_owned(), next: secret.to_owned() };
        let failure = Failure::refused(secret, vec![refusal]).note(secret).hint(secret);
        assert_eq!(failure.to_string().matches(secret).count(), 5);
        let redactor = Redactor::default().and([secret.to_owned()]);
        assert!(!format!("{:?}", failure.cleaned(&redactor)).contains(secret));
    }
}
