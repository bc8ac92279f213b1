//! systemd's words: split, unquoted, and quoted again. Does not know what a word is for.

use std::collections::BTreeMap;
use std::ops::Range;

/// One word, with its bytes in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Quotes and escapes taken off.
    pub text: String,
    pub span: Range<usize>,
    /// A `;` of its own, which begins another command.
    pub separator: bool,
    /// Whether a backslash in it escapes nothing. In a command it is kept.
    pub odd: bool,
}

/// Why a line cannot be split, and its byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsplit {
    pub at: usize,
    pub why: &'static str,
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Splits a value as systemd's `extract_first_word` does with quotes and C escapes; of a command a `;` is one.
///
/// # Errors
/// A quote that is not closed, or bytes that are no text.
pub fn split(value: &[(char, usize)], command: bool) -> Result<Vec<Word>, Unsplit> {
    let mut words = Vec::new();
    let mut at = 0;
    let char_at = |at: usize| value.get(at).map(|(c, _)| *c);
    let ends = |at: usize| char_at(at).is_none_or(is_blank);
    while at < value.len() {
        if ends(at) {
            at += 1;
            continue;
        }
        let from = at;
        let separator = command && char_at(at) == Some(';') && ends(at + 1);
        let (text, odd) = if separator {
            at += 1;
            (";".to_owned(), false)
        } else if command && char_at(at) == Some('\\') && char_at(at + 1) == Some(';') && ends(at + 2) {
            at += 2;
            (";".to_owned(), false)
        } else {
            let (text, odd, after) = one(value, at)?;
            at = after;
            (text, odd)
        };
        let (last, start) = (value[at - 1], value[from].1);
        words.push(Word { text, span: start..last.1 + last.0.len_utf8(), separator, odd });
    }
    Ok(words)
}

/// One word from its first character, whether it is odd, and where the next begins.
fn one(value: &[(char, usize)], from: usize) -> Result<(String, bool, usize), Unsplit> {
    let mut bytes = Vec::new();
    let mut quote: Option<char> = None;
    let (mut at, mut odd) = (from, false);
    let push = |bytes: &mut Vec<u8>, c: char| bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    while let Some((c, _)) = value.get(at).copied() {
        at += 1;
        match (c, quote) {
            ('\\', _) => {
                let rest: Vec<char> = value[at..].iter().take(9).map(|(c, _)| *c).collect();
                match escaped(&rest) {
                    Some((Escaped::Byte(byte), length)) => {
                        bytes.push(byte);
                        at += length;
                    }
                    Some((Escaped::Char(c), length)) => {
                        push(&mut bytes, c);
                        at += length;
                    }
                    // What is no escape is kept, with its backslash.
                    None => {
                        odd = true;
                        bytes.push(b'\\');
                        if let Some(c) = rest.first() {
                            push(&mut bytes, *c);
                            at += 1;
                        }
                    }
                }
            }
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (c, None) if is_blank(c) => {
                at -= 1;
                break;
            }
            (c, _) => push(&mut bytes, c),
        }
    }
    let begin = value[from].1;
    if quote.is_some() {
        return Err(Unsplit { at: begin, why: "a quote is opened here and never closed" });
    }
    let text =
        String::from_utf8(bytes).map_err(|_| Unsplit { at: begin, why: "what this escapes is no UTF-8 text" })?;
    Ok((text, odd, at))
}

enum Escaped {
    Byte(u8),
    Char(char),
}

/// What follows a backslash, and how many characters it takes (systemd's `cunescape_one`).
fn escaped(rest: &[char]) -> Option<(Escaped, usize)> {
    let number = |digits: Range<usize>, radix: u32| -> Option<u32> {
        let digits = rest.get(digits)?;
        digits.iter().try_fold(0u32, |sum, c| sum.checked_mul(radix)?.checked_add(c.to_digit(radix)?))
    };
    let byte = |value: u32| u8::try_from(value).ok().filter(|byte| *byte != 0).map(Escaped::Byte);
    let letter = |value: u32| char::from_u32(value).filter(|c| *c != '\0').map(Escaped::Char);
    match rest.first()? {
        'a' => Some((Escaped::Byte(7), 1)),
        'b' => Some((Escaped::Byte(8), 1)),
        'f' => Some((Escaped::Byte(12), 1)),
        'n' => Some((Escaped::Byte(b'\n'), 1)),
        'r' => Some((Escaped::Byte(b'\r'), 1)),
        't' => Some((Escaped::Byte(b'\t'), 1)),
        'v' => Some((Escaped::Byte(11), 1)),
        's' => Some((Escaped::Byte(b' '), 1)),
        c @ ('\\' | '"' | '\'') => Some((Escaped::Char(*c), 1)),
        'x' => Some((byte(number(1..3, 16)?)?, 3)),
        'u' => Some((letter(number(1..5, 16)?)?, 5)),
        'U' => Some((letter(number(1..9, 16)?)?, 9)),
        '0'..='7' => Some((byte(number(0..3, 8)?)?, 3)),
        _ => None,
    }
}

/// What `%` and a letter stand for in one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Specifiers(BTreeMap<char, String>);

impl Specifiers {
    /// Those that follow from the unit's name, those that are the same for every service of the system, and `others`.
    #[must_use]
    pub fn of(unit: &str, others: &BTreeMap<char, String>) -> Self {
        let name = unit.strip_suffix(".service").unwrap_or(unit);
        let (prefix, instance) = name.split_once('@').unwrap_or((name, ""));
        let last = prefix.rsplit('-').next().unwrap_or(prefix);
        let mut known = others.clone();
        let full = format!("{name}.service");
        for (letter, value) in [('n', full.as_str()), ('N', name), ('p', prefix), ('i', instance), ('j', last)] {
            known.insert(letter, value.to_owned());
        }
        for (letter, value) in [('t', "/run"), ('S', "/var/lib"), ('C', "/var/cache"), ('L', "/var/log"), ('E', "/etc")]
        {
            known.insert(letter, value.to_owned());
        }
        Self(known)
    }

    /// The text with them in, and the first of which it is not known what it stands for.
    #[must_use]
    pub fn expanded(&self, text: &str) -> (String, Option<String>) {
        let (mut expanded, mut unknown) = (String::new(), None);
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let letter = rest.peek().copied();
            match (c, letter) {
                ('%', Some('%')) => {
                    rest.next();
                    expanded.push('%');
                }
                // One that systemd does not know: 257 does not start the unit, older ones keep it.
                ('%', Some(letter)) if letter.is_ascii_alphanumeric() => {
                    rest.next();
                    match self.0.get(&letter) {
                        Some(value) => expanded.push_str(value),
                        None => {
                            let written = format!("%{letter}");
                            expanded.push_str(&written);
                            unknown.get_or_insert(written);
                        }
                    }
                }
                // A percent sign before anything else is one.
                _ => expanded.push(c),
            }
        }
        (expanded, unknown)
    }
}

/// What stands before a value within its word: `--name=`, `NAME=`, or nothing; and whether `$` means something there.
#[derive(Debug, Clone, Copy)]
pub struct Writing<'a> {
    pub before: &'a str,
    pub dollar: bool,
}

impl Writing<'_> {
    /// The word with this value, in the quotes that the word has `now`, if it has, and otherwise only where needed.
    #[must_use]
    pub fn word(self, now: &str, value: &str) -> String {
        let before = self.before;
        for quote in ['"', '\''] {
            let around = now.strip_prefix(quote).and_then(|inner| inner.strip_suffix(quote));
            if around.is_some_and(|inner| inner.starts_with(before) && is_whole(inner, quote)) {
                return format!("{quote}{before}{}{quote}", self.escaped(value, quote));
            }
            let inner = now.strip_prefix(before).and_then(|rest| rest.strip_prefix(quote)?.strip_suffix(quote));
            if inner.is_some_and(|inner| is_whole(inner, quote)) {
                return format!("{before}{quote}{}{quote}", self.escaped(value, quote));
            }
        }
        let needed = value.contains(|c: char| c.is_whitespace() || "'\"\\".contains(c))
            || value.starts_with(['#', ';'])
            || value.is_empty();
        match needed {
            true => format!("{before}\"{}\"", self.escaped(value, '"')),
            false => format!("{before}{}", self.escaped(value, '"')),
        }
    }

    fn escaped(self, value: &str, quote: char) -> String {
        let mut written = String::new();
        for c in value.chars() {
            match c {
                '%' => written.push_str("%%"),
                '$' if self.dollar => written.push_str("$$"),
                c if c == '\\' || c == quote => {
                    written.push('\\');
                    written.push(c);
                }
                c => written.push(c),
            }
        }
        written
    }
}

/// Whether nothing within quotes ends them.
fn is_whole(inner: &str, quote: char) -> bool {
    let mut escape = false;
    for c in inner.chars() {
        if c == quote && !escape {
            return false;
        }
        escape = c == '\\' && !escape;
    }
    !escape
}
