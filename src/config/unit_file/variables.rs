//! The environment of a unit, and what it makes of a command's words. Does not know etcd.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::config::env_file::EnvFile;
use crate::config::{Outcome, refused};
use crate::model::diagnostic::{Place, Source};

use super::lines::Assignment;
use super::words::{self, Specifiers};

/// Where a variable is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// By a word of `Environment=` in a unit file: its number, and the word's bytes.
    Unit(usize, Range<usize>),
    /// By an env file: its number, and the line's bytes.
    EnvFile(usize, Range<usize>),
}

/// A variable as the unit's process gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub value: String,
    /// What in it cannot be known here.
    pub unknown: Option<String>,
    pub home: Home,
}

/// All of them by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, Variable>);

impl Variables {
    /// Reads `Environment=`, then the env files, which override it, then `UnsetEnvironment=`.
    ///
    /// # Errors
    /// When an assignment cannot be split into words.
    pub fn read(
        files: &[Source],
        assignments: &[(usize, Assignment)],
        env_files: &[Source],
        specifiers: &Specifiers,
    ) -> Outcome<Self> {
        let mut found = Self::default();
        let mut unset: Vec<String> = Vec::new();
        for (file, assignment) in assignments {
            let key = assignment.key.as_str();
            if !["Environment", "UnsetEnvironment"].contains(&key) {
                continue;
            }
            if assignment.value.is_empty() {
                if key == "Environment" { found.0.clear() } else { unset.clear() }
            }
            let words = words::split(&assignment.value, false).map_err(|mistake| {
                let place = Place::of(&files[*file], mistake.at..assignment.end());
                refused("unit-quote", place, mistake.why, format!("correct this `{key}=`: systemd passes it over"))
            })?;
            // What is no escape makes systemd 257 pass over its word and those after it; older ones keep it.
            let mut odd = false;
            for word in words {
                let (text, unknown) = specifiers.expanded(&word.text);
                odd |= word.odd;
                let unknown = unknown.or_else(|| odd.then(|| "a backslash that escapes nothing".to_owned()));
                match text.split_once('=').filter(|(name, _)| is_name(name)) {
                    _ if key == "UnsetEnvironment" => unset.push(text),
                    Some((name, value)) => {
                        let home = Home::Unit(*file, word.span);
                        found.0.insert(name.to_owned(), Variable { value: value.to_owned(), unknown, home });
                    }
                    None => {}
                }
            }
        }
        for (number, file) in env_files.iter().enumerate() {
            found.read_env_file(number, file);
        }
        found.0.retain(|name, variable| {
            !unset.iter().any(|gone| gone == name || gone.split_once('=') == Some((name, &variable.value)))
        });
        Ok(found)
    }

    fn read_env_file(&mut self, number: usize, file: &Source) {
        let mut at = 0;
        for line in EnvFile::parse(&file.text).lines() {
            if let Some((name, value)) = &line.setting {
                let shown = at..at + line.text.trim_end().len();
                let variable = Variable { value: value.clone(), unknown: None, home: Home::EnvFile(number, shown) };
                self.0.insert(name.clone(), variable);
            }
            at += line.text.len();
        }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.0.iter().map(|(name, variable)| (name.as_str(), variable))
    }
}

pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// One word of the command as the program gets it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Argument {
    pub text: String,
    /// Which bytes of the text came from which variable.
    pub from: Vec<(Range<usize>, String)>,
    /// What in it cannot be known here.
    pub unknown: Option<String>,
    /// The word's bytes in the file.
    pub word: Range<usize>,
    /// The variable that this word is a part of.
    pub part_of: Option<String>,
}

impl Argument {
    /// The variable from which everything after the first `skip` bytes comes.
    #[must_use]
    pub fn variable(&self, skip: usize) -> Option<&str> {
        let whole = skip..self.text.len();
        self.from.iter().find(|(range, _)| *range == whole).map(|(_, name)| name.as_str())
    }
}

/// What a word becomes (systemd's `replace_env_argv`): `$X` alone becomes the words of its value, `${X}` the value
/// itself, `$$` a dollar sign.
#[must_use]
pub fn arguments(text: &str, unknown: Option<String>, word: Range<usize>, variables: &Variables) -> Vec<Argument> {
    if let Some(name) = text.strip_prefix('$').filter(|rest| !rest.starts_with(['{', '$'])) {
        return parts(name, &word, variables);
    }
    let mut argument = Argument { unknown, word, ..Argument::default() };
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        argument.text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            argument.text.push('$');
            rest = after;
            continue;
        }
        let named = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = named else {
            argument.text.push('$');
            // What follows a brace that is not closed is left alone.
            if rest.starts_with('{') {
                break;
            }
            continue;
        };
        let start = argument.text.len();
        match variables.get(name) {
            Some(variable) => {
                argument.text.push_str(&variable.value);
                argument.unknown = argument.unknown.or_else(|| variable.unknown.clone());
            }
            None => argument.unknown = argument.unknown.or_else(|| Some(format!("${{{name}}}"))),
        }
        argument.from.push((start..argument.text.len(), name.to_owned()));
        rest = after;
    }
    argument.text.push_str(rest);
    vec![argument]
}

/// The words that a command gets where these variables are set, and no other.
#[must_use]
pub fn given(argv: &[String], values: BTreeMap<String, String>) -> Vec<String> {
    // Where they are set is nobody's question here.
    let variable = |value| Variable { value, unknown: None, home: Home::Unit(0, 0..0) };
    let variables = Variables(values.into_iter().map(|(name, value)| (name, variable(value))).collect());
    argv.iter().flat_map(|word| arguments(word, None, 0..0, &variables)).map(|one| one.text).collect()
}

/// The words of a variable that stands alone; one that is not set gives none.
fn parts(name: &str, word: &Range<usize>, variables: &Variables) -> Vec<Argument> {
    let Some(variable) = variables.get(name) else { return Vec::new() };
    let texts = separated(&variable.value);
    let whole = texts.len() == 1 && texts[0] == variable.value;
    let argument = |text: String| Argument {
        from: if whole { vec![(0..text.len(), name.to_owned())] } else { Vec::new() },
        unknown: variable.unknown.clone(),
        word: word.clone(),
        part_of: (!whole || text.starts_with('-')).then(|| name.to_owned()),
        text,
    };
    texts.into_iter().map(argument).collect()
}

/// A value's words: quotes are taken off, and a backslash takes the meaning of what follows it.
fn separated(value: &str) -> Vec<String> {
    let (mut words, mut open): (Vec<String>, Option<String>) = (Vec::new(), None);
    let (mut quote, mut chars) = (None, value.chars());
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, None) if c.is_ascii_whitespace() => words.extend(open.take()),
            ('\'' | '"', None) => {
                quote = Some(c);
                open.get_or_insert_default();
            }
            (c, Some(q)) if c == q => quote = None,
            ('\\', _) => open.get_or_insert_default().extend(chars.next()),
            (c, _) => open.get_or_insert_default().push(c),
        }
    }
    words.extend(open);
    words
}
