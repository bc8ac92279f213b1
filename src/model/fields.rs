//! Reads a YAML tree key by key and collects every mistake on the way. Does not know which file it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use super::diagnostic::{Diagnostic, Place, Source, nearest, one_of, word};
use super::name::BadName;
use super::yaml::{Entry, Kind, Node};

/// The most mistakes told at once: more are one mistake made often.
const MOST_TOLD: usize = 50;

/// Gathers mistakes while a tree is read.
#[derive(Debug)]
pub struct Reader<'s> {
    source: &'s Source,
    found: Vec<Diagnostic>,
}

/// The keys of one mapping, each known and once.
#[derive(Debug)]
pub struct Fields<'n> {
    entries: BTreeMap<&'n str, &'n Entry>,
    owner: Range<usize>,
    /// Keys that an unknown one was probably meant to be: not missing as well.
    meant: BTreeSet<String>,
}

impl<'n> Fields<'n> {
    /// A key's entry, if it was written.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'n Entry> {
        self.entries.get(key).copied()
    }
}

impl<'s> Reader<'s> {
    /// A reader of `source` that has found nothing yet.
    #[must_use]
    pub fn new(source: &'s Source) -> Self {
        Self { source, found: Vec::new() }
    }

    /// What was read, if nothing was wrong.
    ///
    /// # Errors
    /// Every mistake found, in the file's order.
    pub fn finish<T>(mut self, read: Option<T>) -> Result<T, Vec<Diagnostic>> {
        self.found.sort_by_key(|diagnostic| diagnostic.place.span.start);
        match read {
            Some(read) if self.found.is_empty() => Ok(read),
            _ => Err(self.found),
        }
    }

    /// A place in the file that is read.
    #[must_use]
    pub fn place(&self, span: &Range<usize>) -> Place {
        Place::of(self.source, span.clone())
    }

    /// Notes a mistake.
    pub fn mistake(&mut self, code: &'static str, span: &Range<usize>, message: impl AsRef<str>) {
        self.note(code, span, message, |diagnostic| diagnostic);
    }

    /// Notes a mistake together with what to do about it.
    pub fn hinted(&mut self, code: &'static str, span: &Range<usize>, message: impl AsRef<str>, hint: impl AsRef<str>) {
        self.note(code, span, message, |diagnostic| diagnostic.hint(hint));
    }

    /// Notes that something was said twice, showing both places.
    pub fn twice(&mut self, code: &'static str, second: &Range<usize>, first: &Range<usize>, message: impl AsRef<str>) {
        let source = self.source;
        let first = || Place::of(source, first.clone());
        self.note(code, second, message, |diagnostic| diagnostic.related(first(), "first here"));
    }

    fn note(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl AsRef<str>,
        more: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        if self.found.len() < MOST_TOLD {
            self.found.push(more(Diagnostic::error(code, self.place(span), message)));
        }
    }

    /// The keys of a mapping in which anything may be a key; a second key of the same name is noted and left out.
    pub fn entries<'n>(&mut self, node: &'n Node, what: &str, form: &str) -> Option<Vec<&'n Entry>> {
        let Kind::Map(entries) = &node.kind else {
            self.wrong_type(node, what, "a set of keys", form);
            return None;
        };
        let mut first: BTreeMap<&str, &Entry> = BTreeMap::new();
        let mut kept = Vec::new();
        for entry in entries {
            if let Some(first) = first.get(entry.key.as_str()) {
                self.twice("duplicate-key", &entry.span, &first.span, format!("{} is set twice", word(&entry.key)));
            } else {
                first.insert(&entry.key, entry);
                kept.push(entry);
            }
        }
        Some(kept)
    }

    /// The keys of a mapping that may hold only `known` ones; `owner` is where a missing key is shown.
    pub fn fields<'n>(
        &mut self,
        node: &'n Node,
        owner: &Range<usize>,
        what: &str,
        known: &[&str],
        form: &str,
    ) -> Option<Fields<'n>> {
        let entries = self.entries(node, what, form)?;
        let (known_ones, unknown): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| known.contains(&entry.key.as_str()));
        let mut meant = BTreeSet::new();
        for entry in unknown {
            let near = nearest(&entry.key, known);
            let hint =
                near.map_or_else(|| format!("known here: {}", one_of(known)), |near| format!("did you mean `{near}`?"));
            self.hinted("unknown-key", &entry.span, format!("{} is not a key of {what}", word(&entry.key)), hint);
            meant.extend(near.map(str::to_owned));
        }
        let entries = known_ones.into_iter().map(|entry| (entry.key.as_str(), entry)).collect();
        Some(Fields { entries, owner: owner.clone(), meant })
    }

    /// A key that must be there.
    pub fn required<'n>(&mut self, fields: &Fields<'n>, key: &str, what: &str, form: &str) -> Option<&'n Entry> {
        let entry = fields.get(key);
        if entry.is_none() && !fields.meant.contains(key) {
            self.hinted("missing-key", &fields.owner, format!("{what} lacks `{key}`"), format!("write `{form}`"));
        }
        entry
    }

    /// A single value that is not empty.
    pub fn text<'n>(&mut self, entry: &'n Entry, form: &str) -> Option<&'n str> {
        match &entry.value.kind {
            Kind::Text(text) if is_open(text) => {
                self.left_open(&entry.value.span, &format!("`{}`", entry.key), &format!("such as `{form}`"));
                None
            }
            Kind::Text(text) => Some(text),
            _ => {
                let said = format!("`{}` is {}, not a single value", entry.key, entry.value.described());
                self.hinted("wrong-type", &entry.value.span, said, format!("write `{form}`"));
                None
            }
        }
    }

    /// A name by its own rule.
    pub fn name<T>(&mut self, entry: &Entry, form: &str, rule: impl FnOnce(String) -> Result<T, BadName>) -> Option<T> {
        let text = self.text(entry, form)?;
        self.checked(text, &entry.value.span, rule)
    }

    /// A text by a name's rule.
    pub fn checked<T>(
        &mut self,
        text: &str,
        span: &Range<usize>,
        rule: impl FnOnce(String) -> Result<T, BadName>,
    ) -> Option<T> {
        if is_open(text) {
            self.left_open(span, "a name", "in its place");
            return None;
        }
        rule(text.to_owned())
            .map_err(|bad| self.mistake("bad-name", span, format!("{} {}", word(&bad.text), bad.why)))
            .ok()
    }

    fn left_open(&mut self, span: &Range<usize>, what: &str, form: &str) {
        let said = format!("{what} is not filled in: `?` marks what could not be found out");
        self.hinted("left-open", span, said, format!("write the actual value, {form}"));
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, entry: &Entry, known: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let text = self.text(entry, &format!("{}: {}", entry.key, words.first().unwrap_or(&"…")))?;
        let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let hint = nearest(text, &words)
                .map_or_else(|| format!("write {}", one_of(&words)), |near| format!("did you mean `{near}`?"));
            self.hinted("bad-value", &entry.value.span, format!("`{}` cannot be {}", entry.key, word(text)), hint);
        }
        found
    }

    /// A port, 1 to 65535.
    pub fn port(&mut self, entry: &Entry) -> Option<u16> {
        let text = self.text(entry, "port: 22")?;
        let port = port_of(text);
        if port.is_none() {
            let said = format!("{} is not a port", word(text));
            self.hinted("bad-port", &entry.value.span, said, "a port is a number from 1 to 65535");
        }
        port
    }

    /// How long something may take: `0`, or a number with its unit.
    pub fn duration(&mut self, entry: &Entry) -> Option<Duration> {
        let text = self.text(entry, &format!("{}: 60s", entry.key))?;
        let parsed = duration_of(text);
        if parsed.is_none() {
            let said = format!("{} is not a duration", word(text));
            self.hinted("bad-duration", &entry.value.span, said, "write a number with its unit, such as `60s` or `5m`");
        }
        parsed
    }

    /// The name of a file beside this one's kind: no path, so that nothing elsewhere is read.
    pub fn file_name(&mut self, entry: &Entry, form: &str) -> Option<String> {
        let text = self.text(entry, form)?;
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let ok = !text.is_empty() && text.len() <= 100 && text.chars().all(fine) && !text.starts_with(['.', '-']);
        if !ok {
            let said = format!("{} is not a file name", word(text));
            let hint = "a name without a path: letters, digits, dots, dashes and underscores";
            self.hinted("bad-name", &entry.value.span, said, hint);
        }
        ok.then(|| text.to_owned())
    }

    /// Notes that a value is of another type than it must be.
    pub fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str, form: &str) {
        let said = format!("{what} is {}, not {wanted}", node.described());
        self.hinted("wrong-type", &node.span.clone(), said, format!("write `{form}`"));
    }
}

/// A length of time: `0`, or a number with its unit.
#[must_use]
pub fn duration_of(text: &str) -> Option<Duration> {
    match text {
        "0" => Some(Duration::ZERO),
        _ => text.parse::<jiff::SignedDuration>().ok().and_then(|long| Duration::try_from(long).ok()),
    }
}

/// Whether a text stands for what an import could not know: `?`, or `?2` where one key needs several.
fn is_open(text: &str) -> bool {
    text.strip_prefix('?').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A port's number; nothing that only looks like one (`+22`, `022`).
#[must_use]
pub fn port_of(text: &str) -> Option<u16> {
    let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}
