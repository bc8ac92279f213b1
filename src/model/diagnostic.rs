//! A mistake in a file that a person wrote: what it is, where it is, and what to do. Knows neither the file's format
//! nor the terminal.

use std::ops::Range;

use serde::Serialize;

use super::command::clean;

/// A file as read: its name for messages, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How the operator calls the file.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl Source {
    /// A source from its name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; a person should look.
    Warning,
    /// Good to know.
    Note,
}

/// A place in a file, with its line, so that it can be shown without the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The bytes of the file that are meant.
    pub span: Range<usize>,
    /// The line (of a very long one the part that matters), harmless to show.
    pub line_text: String,
    /// The bytes of `line_text` that are meant.
    #[serde(skip)]
    pub mark: Range<usize>,
}

/// How much of a line is shown, and how much of that before the place.
const SHOWN: usize = 300;
const SHOWN_BEFORE: usize = 100;

impl Place {
    /// The place of `span` in `source`; what lies outside the text is brought back to its end.
    #[must_use]
    pub fn of(source: &Source, span: Range<usize>) -> Self {
        let text = &source.text;
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = text[line_start..].split(['\n', '\r']).next().unwrap_or_default();
        let before = text[line_start..start].chars().count();
        let meant = text[start..end.clamp(start, (line_start + line.len()).max(start))].chars().count().max(1);
        // Every character becomes one character, so that columns stay true.
        let skipped = before.saturating_sub(SHOWN_BEFORE);
        let line_text: String = line.chars().skip(skipped).take(SHOWN).map(harmless).collect();
        let byte_of = |column: usize| line_text.char_indices().nth(column).map_or(line_text.len(), |(at, _)| at);
        let mark = byte_of(before - skipped)..byte_of(before - skipped + meant);
        Self {
            file: clean(&source.name),
            line: text[..start].matches('\n').count() + 1,
            column: before + 1,
            span: start..end,
            line_text,
            mark,
        }
    }

    /// Whether `line_text` lacks the line's beginning.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.column > SHOWN_BEFORE + 1
    }

    /// The place of a whole line, from 1, without the blanks around it.
    #[must_use]
    pub fn of_line(source: &Source, line: usize) -> Self {
        let start: usize = source.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let text = source.text[start..].split('\n').next().unwrap_or_default();
        let blank = text.len() - text.trim_start().len();
        Self::of(source, start + blank..start + text.trim_end().len().max(blank))
    }
}

/// Another place that matters, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// What is there.
    pub message: String,
    #[serde(flatten)]
    pub place: Place,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// What kind, for machines: lower case with dashes.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    #[serde(flatten)]
    pub place: Place,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places that matter.
    pub related: Vec<Related>,
}

impl Diagnostic {
    /// An error at a place. What the file brought into the message is made harmless.
    pub fn error(code: &'static str, place: Place, message: impl AsRef<str>) -> Self {
        Self::of(Severity::Error, code, place, message)
    }

    /// A mistake or a remark at a place. What the file brought into the message is made harmless.
    pub fn of(severity: Severity, code: &'static str, place: Place, message: impl AsRef<str>) -> Self {
        Self { code, severity, message: clean(message.as_ref()), place, hint: None, related: Vec::new() }
    }

    /// Where, what, and what to do.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        let hint = self.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}:{}: {}{hint}", self.place.file, self.place.line, self.message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint = Some(clean(hint.as_ref()));
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, place: Place, message: impl AsRef<str>) -> Self {
        self.related.push(Related { message: clean(message.as_ref()), place });
        self
    }
}

/// One character of a line as one harmless character.
fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        ' '..='~' => c,
        _ => clean(c.encode_utf8(&mut [0; 4])).chars().next().unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// A word from a file, short enough to stand in a sentence.
#[must_use]
pub fn word(text: &str) -> String {
    const LONGEST: usize = 60;
    let cut = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("`{}{cut}`", text.chars().take(LONGEST).map(harmless).collect::<String>())
}

/// The nearest of `known` to what was written, when it is near enough to have been meant.
#[must_use]
pub fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    // A word of many characters is nobody's slip of the finger, and comparing it is not free.
    if written.len() > 64 {
        return None;
    }
    let folded = written.to_lowercase().replace('-', "_");
    let same = known.iter().find(|word| word.to_lowercase().replace('-', "_") == folded);
    // A beginning of three letters is an abbreviation; of fewer it could be anything.
    let begun = || known.iter().find(|word| folded.len() >= 3 && word.starts_with(&folded));
    let near = || similar::get_close_matches(folded.as_str(), known, 1, 0.7).first().copied();
    same.or_else(begun).copied().or_else(near)
}

/// `a`, `b` or `c`, for hints.
#[must_use]
pub fn one_of(known: &[&str]) -> String {
    let quoted: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_and_columns_are_counted_as_an_editor_counts_them() {
        let source = Source::new("f", "one\r\ntw\u{f6}: x\r\n\tthree");
        let at = |text: &str| source.text.find(text).unwrap();
        let place = Place::of(&source, at("x")..at("x") + 1);
        assert_eq!((place.line, place.column, place.line_text.as_str()), (2, 6, "tw\u{f6}: x"));
        assert_eq!(&place.line_text[place.mark.clone()], "x");
        let place = Place::of_line(&source, 3);
        assert_eq!((place.line, place.column, place.line_text.as_str()), (3, 2, " three"));
        assert_eq!(&place.line_text[place.mark], "three");
    }

    #[test]
    fn what_was_meant_is_near() {
        let known = ["production", "staging", "known_hosts", "lab"];
        for (written, meant) in [
            ("prod", Some("production")),
            ("stagging", Some("staging")),
            ("Known-Hosts", Some("known_hosts")),
            ("LAB", Some("lab")),
            ("l", None),
            ("zebra", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, &known), meant, "{written}");
        }
        assert_eq!(one_of(&known[..2]), "`production` or `staging`");
    }

    #[test]
    fn a_word_in_a_sentence_is_short_and_harmless() {
        assert_eq!(word("a\u{1b}[2J\u{202e}"), "`a\u{fffd}[2J\u{fffd}`");
        assert_eq!(word(&"x".repeat(1000)).chars().count(), 63);
    }

    proptest! {
        #[test]
        fn any_span_of_any_text_has_a_place(text in "[ab\u{e9}\u{202e}\t\n\r]{0,40}", start in 0usize..60, long in 0usize..60) {
            let source = Source::new("f", text);
            for place in [Place::of(&source, start..start + long), Place::of_line(&source, start)] {
                prop_assert!(place.line_text.get(place.mark.clone()).is_some());
                prop_assert!(source.text.get(place.span.clone()).is_some());
                let hostile = place.line_text.contains(['\n', '\r', '\t', '\u{202e}']);
                prop_assert!(!hostile);
            }
        }
    }
}
