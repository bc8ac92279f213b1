//! The assignments of a systemd unit file, each character with its place. Does not know what an assignment means.

use crate::config::{Outcome, refused};
use crate::model::diagnostic::{Place, Source, word};

/// One `Key=value`, with the lines that it goes on in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The section's name, without its brackets.
    pub section: String,
    pub key: String,
    /// The value without the blanks around it: each character with its byte in the file. Where a line goes on in the
    /// next one, the backslash is a blank.
    pub value: Vec<(char, usize)>,
    /// Where the key begins.
    pub start: usize,
}

impl Assignment {
    /// The byte after the value's last character.
    #[must_use]
    pub fn end(&self) -> usize {
        self.value.last().map_or(self.start, |(c, at)| at + c.len_utf8())
    }
}

/// systemd reads no longer line, and no file of a unit comes near it.
const LARGEST: usize = 1 << 20;

const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// Reads a file as systemd's `config_parse` does.
///
/// # Errors
/// Where systemd reads no further, or what it reads is not certain.
pub fn assignments(source: &Source) -> Outcome<Vec<Assignment>> {
    let text = source.text.as_str();
    if let Some(at) = text.find('\0').or_else(|| (text.len() > LARGEST).then_some(0)) {
        let said = "this is no unit file: it holds a zero byte, or more than 1 MiB";
        return Err(refused("unit-text", Place::of(source, at..at), said, "look what is at this path"));
    }
    let mut found = Vec::new();
    let mut section = String::new();
    let mut going_on: Option<Vec<(char, usize)>> = None;
    let lines = lines(text);
    for (number, (start, line)) in lines.iter().enumerate() {
        let line_start = if number == 0 && line.starts_with('\u{feff}') { 3 } else { 0 };
        let from = line.len() - line[line_start..].trim_start_matches(BLANK).len();
        if line[from..].starts_with(['#', ';']) {
            continue;
        }
        let mut whole = going_on.take().unwrap_or_default();
        whole.extend(line[line_start..].char_indices().map(|(at, c)| (c, start + line_start + at)));
        let backslashes = line[from..].chars().rev().take_while(|c| *c == '\\').count();
        if backslashes % 2 == 1 {
            if let Some(last) = whole.last_mut() {
                last.0 = ' ';
            }
            going_on = Some(whole);
            continue;
        }
        take(source, &whole, &mut section, &mut found)?;
    }
    if let Some(whole) = going_on {
        take(source, &whole, &mut section, &mut found)?;
    }
    Ok(found)
}

/// The lines without their endings, each with its first byte. A line ends as systemd's `read_line` has it.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let (mut found, mut rest, mut start) = (Vec::new(), text, 0);
    while let Some(end) = rest.find(['\n', '\r']) {
        let ending = if rest[end..].starts_with("\r\n") || rest[end..].starts_with("\n\r") { 2 } else { 1 };
        found.push((start, &rest[..end]));
        start += end + ending;
        rest = &rest[end + ending..];
    }
    if !rest.is_empty() {
        found.push((start, rest));
    }
    found
}

/// Takes one whole line in: a section's header, an assignment, or what systemd passes over.
fn take(source: &Source, whole: &[(char, usize)], section: &mut String, found: &mut Vec<Assignment>) -> Outcome<()> {
    let line = trimmed(whole);
    let Some((first, start)) = line.first().copied() else { return Ok(()) };
    if first == '[' {
        let header: String = line.iter().map(|(c, _)| c).collect();
        let Some(name) = header[1..].strip_suffix(']') else {
            let place = Place::of(source, start..start + header.len());
            let said = format!("{} is no section, and systemd reads no further here", word(&header));
            return Err(refused("unit-section", place, said, "close the bracket"));
        };
        name.clone_into(section);
        return Ok(());
    }
    // A line without `=` is passed over.
    if let Some(equals) = line.iter().position(|(c, _)| *c == '=') {
        found.push(Assignment {
            section: section.clone(),
            key: trimmed(&line[..equals]).iter().map(|(c, _)| c).collect(),
            value: trimmed(&line[equals + 1..]).to_vec(),
            start,
        });
    }
    Ok(())
}

fn trimmed(line: &[(char, usize)]) -> &[(char, usize)] {
    let blank = |(c, _): &(char, usize)| BLANK.contains(c);
    let from = line.iter().position(|one| !blank(one)).unwrap_or(line.len());
    let to = line.iter().rposition(|one| !blank(one)).map_or(from, |at| at + 1);
    &line[from..to]
}
