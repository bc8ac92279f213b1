//! A settings file as systemd's `EnvironmentFile=` reads it, with every byte kept. Does not know what a setting means.
//!
//! Docker's `--env-file` reads the same files but removes no quotes, so a value is written without quotes wherever
//! systemd would read it back unchanged, and a file of docker's is one that both read alike.

/// A parsed file; its lines, put together, are the text it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    lines: Vec<Line>,
}

/// A line as systemd sees it: with its continuations, and with its ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The text, line ending included.
    pub text: String,
    /// What it sets; comments, blank lines and lines that systemd ignores set nothing.
    pub setting: Option<(String, String)>,
}

/// Why a setting cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSetting {
    /// Not a name that the environment can hold.
    #[error("{0:?} cannot be the name of a setting")]
    Name(String),
    /// A line break or another control character would end or garble the setting.
    #[error("the value of {0} holds a line break or another control character")]
    Value(String),
    /// The file ends within an open quote, which would swallow what is appended.
    #[error("the file ends within an open quote, so {0} cannot be appended")]
    OpenQuote(String),
}

impl EnvFile {
    /// Reads a file. Every text is one: what systemd would ignore is kept and sets nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut lines = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (length, setting) = logical_line(rest);
            let (line, after) = rest.split_at(length);
            lines.push(Line { text: line.to_owned(), setting });
            rest = after;
        }
        Self { lines }
    }

    /// The lines in the file's order.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The settings in the file's order, also those that a later line overrides.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(|line| line.setting.as_ref()).map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The first line that docker reads otherwise than systemd does, from 1, and what about it.
    ///
    /// Docker ends a line at a line feed, takes off the blanks before it, passes over a `#`, and takes the rest as it is
    /// (`pkg/kvfile`). A name alone is taken from the environment of its client.
    #[must_use]
    pub fn otherwise_for_docker(&self) -> Option<(usize, &'static str)> {
        let mut number = 1;
        for line in &self.lines {
            let ending = ["\r\n", "\n"].into_iter().find(|ending| line.text.ends_with(ending)).unwrap_or_default();
            let text = &line.text[..line.text.len() - ending.len()];
            let said = text.trim_start_matches([' ', '\t']);
            let taken = match said.split_once('=') {
                _ if said.is_empty() || said.starts_with('#') => None,
                Some((name, value)) => Some((name, Some(value))),
                None => Some((said, None)),
            };
            let why = match (taken, &line.setting) {
                _ if text.contains(['\n', '\r']) || text.ends_with('\\') => {
                    Some("this line goes on in the next one for systemd, and not for docker")
                }
                (None, None) => None,
                (Some((name, Some(value))), Some((known, same))) if name == known && value == same => None,
                (Some((_, Some(value))), Some(_)) if value.starts_with(['"', '\'']) => {
                    Some("docker takes the quotes for a part of the value")
                }
                _ => Some("docker reads this line otherwise than systemd does, or not at all"),
            };
            if let Some(why) = why {
                return Some((number, why));
            }
            number += line.text.matches('\n').count().max(1);
        }
        None
    }

    /// The value that counts: the last one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings().filter(|(found, _)| *found == key).last().map(|(_, value)| value)
    }

    /// Sets `key`, rewriting only the line that counts, or appending one.
    ///
    /// # Errors
    /// When the name or the value cannot stand in such a file, or the file's end would swallow the new line.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), BadSetting> {
        if !is_name(key) {
            return Err(BadSetting::Name(key.to_owned()));
        }
        let written = quoted(value).ok_or_else(|| BadSetting::Value(key.to_owned()))?;
        let setting = Some((key.to_owned(), value.to_owned()));
        let counts = |line: &&mut Line| line.setting.as_ref().is_some_and(|(found, _)| found == key);
        if let Some(line) = self.lines.iter_mut().rev().find(counts) {
            // One ending only: what stands before it may be a break within an escape or an open quote.
            let ending = ["\r\n", "\r"].into_iter().find(|ending| line.text.ends_with(ending)).unwrap_or("\n");
            *line = Line { text: format!("{key}={written}{ending}"), setting };
            return Ok(());
        }
        // A last line without an ending gets one; one that ends in a backslash needs a blank line more.
        let end = if self.lines.last().is_none_or(|line| line.text.ends_with(is_newline)) { "" } else { "\n" };
        for gap in ["", "\n"] {
            let text = format!("{self}{end}{gap}{key}={written}\n");
            let appended = Self::parse(&text);
            if appended.settings().eq(self.settings().chain([(key, value)])) {
                *self = appended;
                return Ok(());
            }
        }
        Err(BadSetting::OpenQuote(key.to_owned()))
    }
}

impl std::fmt::Display for EnvFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.lines.iter().try_for_each(|line| f.write_str(&line.text))
    }
}

/// A value as it must be written, or nothing if it cannot be.
#[must_use]
pub fn quoted(value: &str) -> Option<String> {
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return None;
    }
    let plain = value.trim_matches([' ', '\t']) == value && !value.starts_with(['\'', '"']) && !value.contains('\\');
    if plain {
        return Some(value.to_owned());
    }
    if !value.contains('\'') {
        return Some(format!("'{value}'"));
    }
    let mut written = String::from('"');
    for c in value.chars() {
        if SHELL_NEED_ESCAPE.contains(c) {
            written.push('\\');
        }
        written.push(c);
    }
    written.push('"');
    Some(written)
}

/// What a backslash takes the meaning of within double quotes (systemd's `SHELL_NEED_ESCAPE`).
const SHELL_NEED_ESCAPE: &str = "\"\\`$";

fn is_name(key: &str) -> bool {
    !key.is_empty()
        && !key.starts_with(|c: char| c.is_ascii_digit())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

const fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// The length of the first line of `text` with its continuations, and what it sets.
fn logical_line(text: &str) -> (usize, Option<(String, String)>) {
    let start = text.trim_start_matches([' ', '\t']);
    if start.starts_with(['#', ';']) {
        return (comment_length(text), None);
    }
    // The first character belongs to the key, whatever it is.
    let first = start.chars().next().map_or(0, |c| if is_newline(c) { 0 } else { c.len_utf8() });
    let from = text.len() - start.len() + first;
    match text[from..].find(['=', '\n', '\r']).map(|at| from + at) {
        None => (text.len(), None),
        Some(at) if !text[at..].starts_with('=') => (at + ending_length(&text[at..]), None),
        Some(equals) => {
            let key = text[..equals].trim_matches([' ', '\t']);
            let (length, value) = value_of(&text[equals + 1..]);
            (equals + 1 + length, is_name(key).then(|| (key.to_owned(), value)))
        }
    }
}

/// How long a comment is. Up to systemd 253 a comment that ends in a backslash goes on in the next line, later it
/// does not. Here it does: a setting there is then none that counts, and `set` appends one that every version reads.
fn comment_length(text: &str) -> usize {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c if is_newline(c) => return at + ending_length(&text[at..]),
            _ => {}
        }
    }
    text.len()
}

fn ending_length(text: &str) -> usize {
    if text.starts_with("\r\n") { 2 } else { 1 }
}

/// Where the reader stands in a value; the states are those of systemd's `parse_env_file_internal`.
enum State {
    Before,
    Plain,
    Escape,
    Single,
    Double,
    DoubleEscape,
}

/// The length of a value with its line ending, and the value.
fn value_of(text: &str) -> (usize, String) {
    let mut value = String::new();
    // What is certain of the value: blanks after it are dropped when the line ends.
    let mut kept = 0;
    let mut state = State::Before;
    for (at, c) in text.char_indices() {
        state = match (state, c) {
            (State::Before | State::Plain, c) if is_newline(c) => {
                value.truncate(kept);
                return (at + ending_length(&text[at..]), value);
            }
            (State::Before, '\'') => State::Single,
            (State::Before, '"') => State::Double,
            (State::Before, ' ' | '\t') => State::Before,
            (State::Plain, ' ' | '\t') => {
                value.push(c);
                State::Plain
            }
            (State::Single, '\'') | (State::Double, '"') => State::Before,
            (State::Double, '\\') => State::DoubleEscape,
            (State::Before | State::Plain, '\\') => {
                kept = value.len();
                State::Escape
            }
            // An escaped line break joins two lines.
            (State::Escape, c) if is_newline(c) => State::Plain,
            (State::DoubleEscape, '\n') => State::Double,
            (State::DoubleEscape, c) => {
                if !SHELL_NEED_ESCAPE.contains(c) {
                    value.push('\\');
                }
                value.push(c);
                kept = value.len();
                State::Double
            }
            (quoted @ (State::Single | State::Double), c) => {
                value.push(c);
                kept = value.len();
                quoted
            }
            (State::Before | State::Plain | State::Escape, c) => {
                value.push(c);
                kept = value.len();
                State::Plain
            }
        };
    }
    value.truncate(kept);
    (text.len(), value)
}

#[cfg(test)]
mod tests;
