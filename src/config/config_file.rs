//! etcd's YAML config file: its values by flag, and the identity in it rewritten. Does not know whether etcd is given it.
//!
//! etcd reads it with `sigs.k8s.io/yaml`: YAML 1.1 as JSON, keys whatever their case, unknown keys passed over, and of a
//! key that stands twice the last one. What is rewritten is the span of one value, so all else stays byte for byte.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::diagnostic::{Diagnostic, Place, Source, word};
use crate::model::yaml::{self, Entry, Kind, Node};

use super::{Identity, Outcome, flags, refused};

/// A config file as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    source: Source,
    /// What stands at the top level, in the file's order.
    entries: Vec<Entry>,
    values: BTreeMap<String, String>,
    /// The bytes of each value, or of its key where it has none.
    spans: BTreeMap<String, Range<usize>>,
}

/// The sections whose keys are flags under another name, and how these begin (etcd `embed/config.go`, `securityConfig`).
const SECTIONS: [(&str, &str); 4] = [
    ("client-transport-security", ""),
    ("peer-transport-security", "peer-"),
    ("discovery-config", "discovery-"),
    ("socket-options", "socket-"),
];

/// The keys of those sections whose flags are called otherwise.
const CALLED_OTHERWISE: [(&str, &str); 3] = [
    ("peer-allowed-cn", "peer-cert-allowed-cn"),
    ("peer-allowed-hostname", "peer-cert-allowed-hostname"),
    ("allowed-hostname", "client-cert-allowed-hostname"),
];

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not a YAML mapping in lines, or says something in a way of which it is not certain what etcd reads:
    /// merge keys, tags.
    pub fn parse(source: Source) -> Outcome<Self> {
        let root = yaml::parse_foreign(&source)?;
        let start = Place::of(&source, root.span.start..root.span.start);
        if source.text[root.span.start..].starts_with(['{', '[']) {
            return Err(refused(
                "config-json",
                start,
                "this config file is JSON (or YAML within braces), which is not rewritten here",
                "write it as YAML with one setting a line",
            ));
        }
        let Kind::Map(entries) = root.kind else {
            let said = format!("etcd's config file is a set of keys, and this is {}", root.described());
            return Err(refused("config-keys", start, said, "give etcd's own config file, with keys like `data-dir:`"));
        };
        let mut file = Self { source, entries: Vec::new(), values: BTreeMap::new(), spans: BTreeMap::new() };
        file.read(&entries)?;
        file.entries = entries;
        Ok(file)
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The values by the names of the flags that say the same; a key without a value sets nothing, as in etcd.
    #[must_use]
    pub const fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Where a setting stands.
    #[must_use]
    pub fn place_of(&self, flag: &str) -> Option<Place> {
        self.spans.get(flag).map(|span| Place::of(&self.source, span.clone()))
    }

    /// The whole text with this identity, and every other byte as it was.
    ///
    /// # Errors
    /// When a value cannot be written, or what stands there now cannot be replaced with certainty.
    pub fn with_identity(&self, identity: &Identity) -> Outcome<String> {
        if let Some(name) = identity.unwritable() {
            let said =
                format!("the new value of {} is empty, or holds a line break or another control character", word(name));
            let place = self.place_of(name).unwrap_or_else(|| Place::of(&self.source, 0..0));
            return Err(refused("config-value", place, said, "look where the value comes from"));
        }
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut missing = Vec::new();
        for (name, value) in identity.settings() {
            match self.owned(name)? {
                Some(entry) => edits.push(self.edit(entry, value)?),
                None => missing.push((name, value)),
            }
        }
        edits.push(self.appended(&missing));
        edits.sort_by_key(|(span, _)| span.start);
        let mut text = self.source.text.clone();
        for (span, written) in edits.into_iter().rev() {
            text.replace_range(span, &written);
        }
        self.compared(text, identity)
    }

    /// Takes the values at the top level in, and those of the sections.
    fn read(&mut self, entries: &[Entry]) -> Outcome<()> {
        for entry in entries {
            let key = entry.key.to_ascii_lowercase();
            if key == "<<" {
                return Err(refused(
                    "config-merge",
                    Place::of(&self.source, entry.span.clone()),
                    "what a merge key (`<<`) brings in is not read here",
                    "write the settings out where they belong",
                ));
            }
            let section = SECTIONS.iter().find(|(name, _)| *name == key);
            match (&entry.value.kind, section) {
                (Kind::Map(inner), Some((_, begin))) => self.read_section(begin, inner)?,
                _ => self.take(&key, &entry.value)?,
            }
        }
        Ok(())
    }

    fn read_section(&mut self, begin: &str, entries: &[Entry]) -> Outcome<()> {
        for entry in entries {
            // etcd 3.6 keeps the endpoints one level deeper.
            if let (Kind::Map(inner), "client") = (&entry.value.kind, entry.key.as_str()) {
                self.read_section(begin, inner)?;
                continue;
            }
            let key = format!("{begin}{}", entry.key.to_ascii_lowercase());
            let flag = CALLED_OTHERWISE.iter().find(|(inner, _)| *inner == key).map_or(key.as_str(), |(_, flag)| flag);
            self.take(flag, &entry.value)?;
        }
        Ok(())
    }

    /// Takes one value in; the last one counts.
    fn take(&mut self, flag: &str, node: &Node) -> Outcome<()> {
        let value = match &node.kind {
            Kind::Text(text) => Some(self.scalar(flag, node, text)),
            Kind::List(items) => {
                Some(items.iter().filter_map(|item| text_of(&item.kind)).collect::<Vec<_>>().join(","))
            }
            Kind::Null | Kind::Map(_) => None,
            Kind::Tagged => {
                return Err(refused(
                    "config-tag",
                    Place::of(&self.source, node.span.clone()),
                    format!("{} has a tag, and it is not certain what etcd reads", word(flag)),
                    "write the value without a tag",
                ));
            }
        };
        self.spans.insert(flag.to_owned(), node.span.clone());
        match value {
            Some(value) => self.values.insert(flag.to_owned(), value),
            None => self.values.remove(flag),
        };
        Ok(())
    }

    /// A single value; YAML 1.1 knows more words for true and false than Go.
    fn scalar(&self, flag: &str, node: &Node, text: &str) -> String {
        let plain = !self.source.text[node.span.clone()].starts_with(['"', '\'']);
        match text {
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" if plain && flags::is_bool(flag) => {
                "true".to_owned()
            }
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" if plain && flags::is_bool(flag) => {
                "false".to_owned()
            }
            _ => flags::value(flag, text),
        }
    }

    /// The one place in which a setting that is rewritten stands.
    fn owned(&self, name: &str) -> Outcome<Option<&Entry>> {
        let mut found = self.entries.iter().filter(|entry| entry.key.eq_ignore_ascii_case(name));
        let Some(first) = found.next() else { return Ok(None) };
        if let Some(second) = found.next() {
            let said = format!("{} stands twice in this file", word(name));
            let refusal = Diagnostic::error("config-twice", Place::of(&self.source, second.span.clone()), said)
                .hint("keep the one that is meant: etcd takes the last")
                .related(Place::of(&self.source, first.span.clone()), "it stands here first");
            return Err(Box::new(refusal));
        }
        Ok(Some(first))
    }

    /// What a value's place becomes.
    fn edit(&self, entry: &Entry, value: &str) -> Outcome<(Range<usize>, String)> {
        let text = &self.source.text;
        let not_here = |why: &str| {
            let said = format!("{} {why}, which is not rewritten here", word(&entry.key));
            let place = Place::of(&self.source, entry.span.clone());
            refused("config-form", place, said, format!("write it in one line: `{}: VALUE`", entry.key))
        };
        let after_key = &text[entry.span.end..];
        let Some(rest) = after_key.trim_start_matches([' ', '\t']).strip_prefix(':') else {
            return Err(not_here("is a key of more than one line"));
        };
        let colon = text.len() - rest.len();
        // A key without a value: the parser gives such a value the key's own place.
        if entry.value.kind == Kind::Null && entry.value.span == entry.span {
            return Ok((colon..colon, format!(" {}", quoted(value, ""))));
        }
        let span = entry.value.span.clone();
        let (between, now) = (text.get(colon..span.start).unwrap_or("&"), &text[span.clone()]);
        if matches!(entry.value.kind, Kind::List(_) | Kind::Map(_)) {
            return Err(not_here("is no single value"));
        }
        if now.starts_with(['|', '>']) {
            return Err(not_here("is a block of lines (`|` or `>`)"));
        }
        if now.starts_with(['&', '*', '!']) || !between.chars().all(char::is_whitespace) {
            return Err(not_here("has an anchor, an alias, a tag or a comment before its value"));
        }
        Ok((span, quoted(value, now)))
    }

    /// The lines that are added, and where: after everything, but within the document.
    fn appended(&self, missing: &[(&str, &str)]) -> (Range<usize>, String) {
        let text = &self.source.text;
        let ending = if text.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r')) { "\r\n" } else { "\n" };
        let first = self.entries.first().map_or(0, |entry| entry.span.start);
        let indent = &text[text[..first].rfind('\n').map_or(0, |at| at + 1)..first];
        // A file may begin with a byte order mark or `--- `; neither is an indent.
        let indent = if indent.chars().all(|c| c == ' ') { indent } else { "" };
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let marker = line
                .strip_prefix("...")
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
            if marker && at > first {
                break;
            }
            at += line.len();
        }
        let mut lines = String::new();
        if !missing.is_empty() && !text[..at].ends_with('\n') {
            lines.push_str(ending);
        }
        for (name, value) in missing {
            lines.push_str(&format!("{indent}{name}: {}{ending}", quoted(value, "")));
        }
        (at..at, lines)
    }

    /// The new text, read again: it says the identity, and all else as before.
    fn compared(&self, text: String, identity: &Identity) -> Outcome<String> {
        let after = Self::parse(Source::new(self.source.name.clone(), text))?;
        if identity.is_all_that_differs(&self.values, &after.values) {
            return Ok(after.source.text);
        }
        Err(refused(
            "config-rewrite",
            Place::of(&self.source, 0..0),
            "the file, once rewritten, would not say what it should",
            "write the settings of the cluster one a line, at the left margin",
        ))
    }
}

fn text_of(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Text(text) => Some(text),
        Kind::Null | Kind::List(_) | Kind::Map(_) | Kind::Tagged => None,
    }
}

/// A value as YAML, quoted as what stands there `now` is, and otherwise only where it is needed.
fn quoted(value: &str, now: &str) -> String {
    if now.starts_with('"') {
        return format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    }
    if now.starts_with('\'') || !is_plain(value) {
        return format!("'{}'", value.replace('\'', "''"));
    }
    value.to_owned()
}

/// Whether every reader of YAML takes these characters for themselves, and for a text.
fn is_plain(value: &str) -> bool {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "._/:=,@+-[]".contains(c))
        && !value.ends_with(':')
        && !words.contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests;
