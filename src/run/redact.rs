//! Keeps secrets out of all that is shown or stored. Contacts no master.
//!
//! A secret that is long and mixed enough not to be an ordinary word is removed wherever it occurs. A short or common
//! one (`true`, `2026`, `etcd`, `production`) would take a part out of every timestamp, unit or word. It is removed
//! only where it is marked as a secret, which is after the name of a secret and `=`, and where it is a whole line of a
//! free text. Values of a record are cleaned before it is written as JSON: keys, numbers, booleans and words with a
//! rule of their own stay, so that what is stored can be read back.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::observe::Observation;
use crate::plan::Plan;

use super::ports::{Console, Event, Screen};

mod secrets;
#[cfg(test)]
mod tests;

/// Put in the place of a secret.
pub const REDACTED: &str = "<redacted>";

/// Secrets to be kept out of every text.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// In every way in which they are written.
    anywhere: Vec<Zeroizing<String>>,
    /// Taken out only where they are a whole line.
    whole: Vec<Zeroizing<String>>,
    /// Finds the former; nothing where there are none.
    finder: Option<Arc<AhoCorasick>>,
}

/// As long as this, a text that is not all of one kind of character is nobody's word.
const MIXED: usize = 8;
/// As long as this, no text is.
const LONG: usize = 16;
/// A cut text may end within a secret; a beginning as short as this tells nothing.
const BEGINNING: usize = 4;
/// Keys of free texts: what masters and people said.
const FREE: &[&str] = &[
    "after",
    "before",
    "diff",
    "done",
    "failed",
    "found_done",
    "next",
    "note",
    "outcome",
    "outcome_unknown",
    "said",
    "text",
    "what",
    "why",
];

impl Redactor {
    /// From the env files and units that were seen.
    #[must_use]
    pub fn of(seen: &Observation) -> Self {
        Self::default().and(secrets::of(seen))
    }

    /// With these as well.
    #[must_use]
    pub fn and(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        for secret in secrets.into_iter().map(Zeroizing::new).filter(|secret| !secret.trim().is_empty()) {
            let kept = if is_unmistakable(&secret) { &mut self.anywhere } else { &mut self.whole };
            kept.extend(written(&secret));
        }
        for kept in [&mut self.anywhere, &mut self.whole] {
            kept.sort_by(|a, b| a.as_str().cmp(b));
            kept.dedup();
        }
        // Of the same place the longest wins, so that nothing of a longer one is left.
        let words = self.anywhere.iter().map(|secret| secret.as_bytes());
        self.finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(words).ok().map(Arc::new);
        self
    }

    /// The text without secrets.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let is_secret = |line: &str| self.whole.iter().any(|secret| secret.as_str() == line.trim());
        let one = |line: &str| if is_secret(line) { line.replacen(line.trim(), REDACTED, 1) } else { line.to_owned() };
        self.within(&text.split_inclusive('\n').map(one).collect::<String>())
    }

    /// The same where a short secret may be a word of ours as a whole.
    fn within(&self, text: &str) -> String {
        let found = match &self.finder {
            Some(finder) => {
                let places: Vec<_> = finder.find_iter(text).map(|found| (found.start(), found.end())).collect();
                without(text, places.into_iter())
            }
            // Too many for it: slower, and the same.
            None => Cow::Owned(
                self.anywhere.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), REDACTED)),
            ),
        };
        let one = |line: &str| {
            let named = named(line);
            without(&named, secrets::passwords_of_urls(&named)).into_owned()
        };
        self.cut(found.split_inclusive('\n').map(one).collect())
    }

    /// Without a secret's beginning where the text was cut.
    fn cut(&self, text: String) -> String {
        if self.anywhere.is_empty() || !text.contains('…') {
            return text;
        }
        let begun = |before: &str| {
            let begins = |secret: &str| {
                let ends = secret.char_indices().map(|(at, _)| at).skip(BEGINNING);
                ends.filter(|end| before.ends_with(&secret[..*end])).max()
            };
            self.anywhere.iter().filter_map(|secret| begins(secret)).max()
        };
        let places: Vec<_> =
            text.match_indices('…').filter_map(|(at, _)| Some((at - begun(&text[..at])?, at))).collect();
        without(&text, places.into_iter()).into_owned()
    }

    /// A value without secrets in its texts.
    pub fn value(&self, value: &mut Value) {
        let mut places = Vec::new();
        self.walk(value, false, &mut String::new(), &mut places);
        for (place, text) in places {
            if let Some(found) = value.pointer_mut(&place) {
                *found = Value::String(text);
            }
        }
    }

    /// A record without secrets: every text that may be any text. A word with a rule of its own (a name, a path, a word
    /// of few) is left where the record could not be read back without it.
    #[must_use]
    pub fn record<T: Serialize + DeserializeOwned>(&self, record: T) -> T {
        let Ok(mut value) = serde_json::to_value(&record) else { return record };
        let mut places = Vec::new();
        self.walk(&value, false, &mut String::new(), &mut places);
        if places.is_empty() {
            return record;
        }
        let put = |value: &mut Value, (place, text): &(String, String)| {
            let found = value.pointer_mut(place)?;
            Some(std::mem::replace(found, Value::String(text.clone())))
        };
        let mut all = value.clone();
        places.iter().for_each(|place| drop(put(&mut all, place)));
        if let Ok(clean) = serde_json::from_value(all) {
            return clean;
        }
        for place in &places {
            let before = put(&mut value, place);
            if serde_json::from_value::<T>(value.clone()).is_err()
                && let Some((found, before)) = value.pointer_mut(&place.0).zip(before)
            {
                *found = before;
            }
        }
        serde_json::from_value(value).unwrap_or(record)
    }

    /// The texts that hold secrets, each with its place and what is put there.
    fn walk(&self, value: &Value, free: bool, place: &mut String, found: &mut Vec<(String, String)>) {
        let length = place.len();
        match value {
            Value::String(text) => {
                let clean = if free { self.clean(text) } else { self.within(text) };
                if clean != *text {
                    found.push((place.clone(), clean));
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    place.push_str(&format!("/{at}"));
                    self.walk(item, free, place, found);
                    place.truncate(length);
                }
            }
            Value::Object(entries) => {
                for (key, item) in entries {
                    place.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
                    self.walk(item, FREE.contains(&key.as_str()), place, found);
                    place.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Metrics without secrets in their labels' values; names, numbers and help stay.
    #[must_use]
    pub fn metrics(&self, text: &str) -> String {
        let line = |line: &str| {
            if line.starts_with('#') {
                return line.to_owned();
            }
            let parts = line.split('"').enumerate();
            parts
                .map(|(at, part)| if at % 2 == 1 { self.within(part) } else { part.to_owned() })
                .collect::<Vec<_>>()
                .join("\"")
        };
        text.split_inclusive('\n').map(line).collect()
    }

    /// The plan without secrets, to be shown or stored.
    #[must_use]
    pub fn plan(&self, plan: &Plan) -> Plan {
        self.record(plan.clone())
    }
}

/// Whether a text is no word that would stand anywhere for another reason.
fn is_unmistakable(secret: &str) -> bool {
    let kinds: [fn(&char) -> bool; 3] = [char::is_ascii_lowercase, char::is_ascii_uppercase, char::is_ascii_digit];
    let kind = |c: char| kinds.iter().position(|is| is(&c)).unwrap_or(kinds.len());
    let mixed = secret.chars().map(kind).collect::<BTreeSet<_>>().len() > 1;
    let length = secret.chars().count();
    length >= LONG || length >= MIXED && mixed
}

/// The ways in which a secret is written: as it is, as JSON and messages quote it, as a shell does, made harmless.
fn written(secret: &str) -> impl Iterator<Item = Zeroizing<String>> {
    let inner = |text: String| {
        let quoted = text.len() >= 2 && text.starts_with(['"', '\'']) && text.ends_with(['"', '\'']);
        if quoted { text[1..text.len() - 1].to_owned() } else { text }
    };
    let json = serde_json::to_string(secret).unwrap_or_default();
    let shell = shlex::try_quote(secret).map(Cow::into_owned).unwrap_or_default();
    let ways = [
        secret.to_owned(),
        inner(json),
        secret.escape_debug().to_string(),
        inner(shell),
        crate::model::command::harmless(secret),
    ];
    ways.into_iter().filter(|way| !way.is_empty()).map(Zeroizing::new)
}

/// Without what stands behind a secret's name and `=`. At a line's beginning a value goes to the line's end, as in an env
/// file; else to a blank or its quote.
fn named(line: &str) -> Cow<'_, str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut places = Vec::new();
    let mut free = 0;
    // A line of a million `k=` has as many values, which all end at the same place.
    let (mut blank, mut single, mut double) = (None, None, None);
    for (at, _) in line.match_indices('=') {
        let name = &line[..at][line[..at].trim_end_matches(is_name).len()..];
        if at < free || name.is_empty() {
            continue;
        }
        let value = line[at + 1..].trim_end_matches(['\n', '\r']);
        let first = line[..at - name.len()].trim_matches(['+', '-', '#', ';', ' ', '\t']).is_empty();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (begins, length) = match quote {
            _ if first => (at + 1, value.trim_end().len()),
            Some(quote) => {
                let known = if quote == '"' { &mut double } else { &mut single };
                (at + 2, ends(line, at + 2, known, |c| c == quote) - (at + 2))
            }
            None => {
                let stops = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
                (at + 1, ends(line, at + 1, &mut blank, stops) - (at + 1))
            }
        };
        let text = &line[begins..begins + length];
        if text != REDACTED && secrets::is_secret(name, text) {
            places.push((begins, begins + length));
            free = begins + length;
        }
    }
    without(line, places.into_iter())
}

/// Where the first such character stands from `from` on, or else the line's end; `known` is what was found before.
fn ends(line: &str, from: usize, known: &mut Option<usize>, stops: impl Fn(char) -> bool) -> usize {
    let still = known.filter(|at| *at >= from);
    let at = still.unwrap_or_else(|| {
        from + line[from..].find(stops).unwrap_or(line[from..].trim_end_matches(['\n', '\r']).len())
    });
    *known = Some(at);
    at
}

/// The text with other words at these places, which are in order and apart.
fn without(text: &str, places: impl Iterator<Item = (usize, usize)>) -> Cow<'_, str> {
    let (mut out, mut done) = (String::new(), 0);
    for (from, to) in places.filter(|(from, to)| from < to) {
        if from >= done && &text[from..to] != REDACTED {
            out.push_str(&text[done..from]);
            out.push_str(REDACTED);
            done = to;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// A console that no secret reaches.
pub struct Discreet {
    console: Arc<dyn Console>,
    redactor: Redactor,
}

impl Discreet {
    /// Before this console.
    #[must_use]
    pub fn new(console: Arc<dyn Console>, redactor: Redactor) -> Self {
        Self { console, redactor }
    }
}

impl Console for Discreet {
    fn tell(&self, mut event: Event) {
        let words = words(&mut event);
        *words = self.redactor.clean(words);
        self.console.tell(event);
    }

    fn print(&self, text: &str) {
        self.console.print(&self.redactor.clean(text));
    }

    fn say(&self, text: &str) {
        self.console.say(&self.redactor.clean(text));
    }

    fn coloured(&self) -> bool {
        self.console.coloured()
    }

    fn width(&self) -> Option<usize> {
        self.console.width()
    }

    /// A screen draws what was not cleaned here.
    fn screen(&self) -> Option<Box<dyn Screen>> {
        None
    }
}

/// What an event says, which may hold words of a master.
fn words(event: &mut Event) -> &mut String {
    match event {
        Event::Stage { title: words, .. }
        | Event::Begun { title: words, .. }
        | Event::Waiting { what: words, .. }
        | Event::Moving { what: words, .. }
        | Event::Ran { what: words, .. }
        | Event::Done { note: words, .. }
        | Event::Failed { why: words, .. }
        | Event::Warning { text: words }
        | Event::Said { text: words } => words,
    }
}
