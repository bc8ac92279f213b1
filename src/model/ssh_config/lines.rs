//! The lines of an OpenSSH configuration file: a keyword and its words. Does not know what they mean.

/// A line that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// In lower case.
    pub(super) keyword: String,
    /// As it is written.
    pub(super) written: String,
    pub(super) words: Vec<String>,
    /// All after the keyword, as it is written.
    pub(super) rest: String,
    /// From 1.
    pub(super) number: usize,
}

/// Every line that says something.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line> + '_ {
    text.lines().enumerate().filter_map(|(at, line)| {
        let line = line.trim_matches([' ', '\t', '\r', '\u{c}']);
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (written, rest) = keyword(line);
        let (keyword, written, words) = (written.to_lowercase(), written.to_owned(), words(rest));
        Some(Line {
            keyword,
            written,
            words,
            rest: rest.trim_start_matches([' ', '\t', '=']).to_owned(),
            number: at + 1,
        })
    })
}

/// The keyword ends at a blank or at one `=`, which may have blanks on both sides.
fn keyword(line: &str) -> (&str, &str) {
    if let Some((quoted, rest)) = line.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        return (quoted, rest);
    }
    let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
    let rest = line[end..].trim_start_matches([' ', '\t']);
    (&line[..end], rest.strip_prefix('=').unwrap_or(rest))
}

/// Words between blanks; quotes, single or double, hold one together, and a word that begins with `#` ends the line.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if(|c| [' ', '\t'].contains(c)).is_some() {}
        match letters.peek() {
            None | Some('#') => return words,
            Some(_) => {}
        }
        let (mut word, mut open) = (String::new(), None);
        while let Some(c) = letters.next() {
            match (c, open) {
                ('\\', _) if letters.peek().is_some_and(|next| ['"', '\'', '\\'].contains(next)) => {
                    word.extend(letters.next());
                }
                ('\\', None) if letters.peek() == Some(&' ') => word.extend(letters.next()),
                (' ' | '\t', None) => break,
                (quote @ ('"' | '\''), None) => open = Some(quote),
                (quote, Some(begun)) if quote == begun => open = None,
                (letter, _) => word.push(letter),
            }
        }
        words.push(word);
    }
}
