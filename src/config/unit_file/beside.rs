//! The commands that a unit runs beside etcd (`ExecStartPre=` and the like), and which of them write a given file. Runs
//! nothing, and sees only what a line names.

use std::collections::BTreeMap;

use crate::config::Outcome;
use crate::model::diagnostic::{Place, Source};

use super::lines::{Assignment, assignments};
use super::shell::{base, is_shell};
use super::variables::{self, Variables};
use super::words::{self, Specifiers};

/// Every key but `ExecStart=`.
pub const KEYS: [&str; 6] =
    ["ExecCondition", "ExecStartPre", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"];

/// A command that writes the file, as far as its words tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WritingCommand {
    /// `ExecStartPre`.
    pub key: String,
    pub place: Place,
}

/// Programs that read what they are given, or change nothing of what is in it.
const READERS: [&str; 30] = [
    ".",
    "[",
    "[[",
    "cat",
    "chcon",
    "chgrp",
    "chmod",
    "chown",
    "cmp",
    "cut",
    "diff",
    "echo",
    "egrep",
    "false",
    "fgrep",
    "grep",
    "head",
    "ls",
    "md5sum",
    "mkdir",
    "printf",
    "readlink",
    "restorecon",
    "setfacl",
    "sha256sum",
    "source",
    "stat",
    "tail",
    "test",
    "wc",
];

/// Flags that name a file to be read.
const READ_BY_FLAG: [&str; 2] = ["--env-file", "--config-file"];

/// Words that stand before a command.
const BEFORE: [&str; 9] = ["if", "then", "else", "elif", "do", "while", "until", "!", "exec"];

/// What a program that runs another one takes before that one's name.
struct Runs {
    program: &'static str,
    /// Options with a value of their own.
    valued: &'static [&'static str],
    /// Options without one.
    plain: &'static [&'static str],
    /// Whether variables may be set there.
    sets: bool,
    /// So many words stand between.
    words: usize,
}

const RUNNERS: [Runs; 4] = [
    Runs {
        program: "env",
        valued: &["-u", "--unset", "-C", "--chdir"],
        plain: &["-i", "-", "--ignore-environment"],
        sets: true,
        words: 0,
    },
    Runs { program: "nice", valued: &["-n", "--adjustment"], plain: &[], sets: false, words: 0 },
    Runs {
        program: "sudo",
        valued: &["-u", "--user", "-g", "--group"],
        plain: &["-n", "--non-interactive", "-E", "--preserve-env", "-H", "--set-home"],
        sets: true,
        words: 0,
    },
    Runs {
        program: "timeout",
        valued: &["-k", "--kill-after", "-s", "--signal"],
        plain: &["--foreground", "--preserve-status", "-v", "--verbose"],
        sets: false,
        words: 1,
    },
];

/// The commands of a unit beside etcd that write this file; what a script writes that does not name it is not seen.
///
/// # Errors
/// When a file cannot be read as a unit's.
pub fn writing(unit: &str, files: &[Source], env_files: &[Source], path: &str) -> Outcome<Vec<WritingCommand>> {
    let specifiers = Specifiers::of(unit, &BTreeMap::new());
    let mut all: Vec<(usize, Assignment)> = Vec::new();
    for (number, file) in files.iter().enumerate() {
        all.extend(assignments(file)?.into_iter().filter(|one| one.section == "Service").map(|one| (number, one)));
    }
    let variables = Variables::read(files, &all, env_files, &specifiers)?;
    let mut found = Vec::new();
    for key in KEYS {
        for (number, one) in counting(&all, key) {
            if commands(one, &variables, &specifiers).iter().any(|command| writes(command, path)) {
                let place = Place::of(&files[*number], one.start..one.end());
                found.push(WritingCommand { key: key.to_owned(), place });
            }
        }
    }
    Ok(found)
}

/// The assignments of a key that count: an empty one takes back those before it.
fn counting<'a>(all: &'a [(usize, Assignment)], key: &str) -> Vec<&'a (usize, Assignment)> {
    let mut counting = Vec::new();
    for one in all.iter().filter(|(_, one)| one.key == key) {
        if one.1.value.is_empty() { counting.clear() } else { counting.push(one) }
    }
    counting
}

/// The words of each command, with variables put in. A line that systemd does not understand runs nothing.
fn commands(one: &Assignment, variables: &Variables, specifiers: &Specifiers) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    for word in words::split(&one.value, true).unwrap_or_default() {
        if word.separator {
            commands.push(Vec::new());
            continue;
        }
        let (text, _) = specifiers.expanded(&word.text);
        let Some(last) = commands.last_mut() else { continue };
        if last.is_empty() {
            last.push(text.trim_start_matches(['-', '@', ':', '+', '!', '|']).to_owned());
        } else {
            last.extend(variables::arguments(&text, None, word.span, variables).into_iter().map(|one| one.text));
        }
    }
    commands
}

fn writes(command: &[String], path: &str) -> bool {
    let Some((program, rest)) = command.split_first() else { return false };
    if let Some(command) = run_by(base(program), rest) {
        return writes(command, path);
    }
    if !is_shell(program) {
        return names_to_write(command, path);
    }
    let option = rest.iter().position(|word| !word.starts_with('-') || word.contains('c'));
    match option.filter(|at| rest[*at].starts_with('-')).and_then(|at| rest.get(at + 1)) {
        Some(script) => shell_writes(script, path),
        None => names_to_write(command, path),
    }
}

/// The command that `env`, `nice`, `sudo` or `timeout` runs; nothing of another program, or where an option is not known.
fn run_by<'a>(program: &str, words: &'a [String]) -> Option<&'a [String]> {
    let runs = RUNNERS.iter().find(|runs| runs.program == program)?;
    // `-n5`, `--adjustment=5`.
    let with_value = |word: &str, option: &&str| match word.strip_prefix(*option) {
        Some(value) if option.starts_with("--") => value.starts_with('='),
        Some(value) => !value.is_empty(),
        None => false,
    };
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|word| word.starts_with('-')) {
        at += match word.as_str() {
            "--" => 1,
            option if runs.valued.contains(&option) => 2,
            option if runs.plain.contains(&option) => 1,
            option if runs.valued.iter().any(|valued| with_value(option, valued)) => 1,
            _ => return None,
        };
        if word == "--" {
            break;
        }
    }
    let is_set = |word: &&String| word.split_once('=').is_some_and(|(name, _)| variables::is_name(name));
    at += words.get(at..)?.iter().take_while(|word| runs.sets && is_set(word)).count();
    words.get(at + runs.words..)
}

/// Whether awk only reads the files that it is given, as far as its program's text tells: it can write, and run others.
fn awk_reads(words: &[String], path: &str) -> bool {
    let options = words.iter().take_while(|word| word.starts_with("-F") && word.len() > 2).count();
    let Some((program, files)) = words.get(options..).and_then(<[String]>::split_first) else { return false };
    let acts = program.starts_with('-') || [">", "|", "system", "getline"].iter().any(|word| program.contains(word));
    !acts && !names(program, path) && files.iter().all(|word| word == path || !names(word, path))
}

/// Whether a program is given the file to write it, by what is known of the program.
fn names_to_write(command: &[String], path: &str) -> bool {
    let Some((program, rest)) = command.split_first() else { return false };
    let by_flag = |at: usize| at > 0 && READ_BY_FLAG.contains(&rest[at - 1].as_str());
    let read = |word: &str| READ_BY_FLAG.iter().any(|flag| word.strip_prefix(flag).is_some_and(|w| w.starts_with('=')));
    let mut named = rest.iter().enumerate().filter(|(at, word)| names(word, path) && !by_flag(*at) && !read(word));
    let Some((_, _)) = named.next() else { return false };
    match base(program) {
        reader if READERS.contains(&reader) => false,
        "awk" | "gawk" | "mawk" => !awk_reads(rest, path),
        // Where it is copied to stands last.
        "cp" => rest.last().is_some_and(|word| names(word, path)) || rest.iter().any(|word| word.starts_with("-t")),
        "sed" => rest.iter().any(|word| word.starts_with("-i") || word.starts_with("--in-place")),
        _ => true,
    }
}

/// Whether a word has this path in it, and not one that only begins or ends like it.
fn names(word: &str, path: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    word.match_indices(path).any(|(at, _)| !word[..at].ends_with(part) && !word[at + path.len()..].starts_with(part))
}

/// Whether a shell's command writes the file: by a redirection, or by a program that is given it.
fn shell_writes(script: &str, path: &str) -> bool {
    let mut set: Vec<(String, String)> = Vec::new();
    let put_in = |word: &str, set: &[(String, String)]| {
        set.iter().fold(word.to_owned(), |word, (name, value)| {
            let braced = word.replace(&format!("${{{name}}}"), value);
            if braced == format!("${name}") { value.clone() } else { braced }
        })
    };
    // `[[ -f X && -s Y ]]` is one test.
    let mut in_test = false;
    for command in shell_commands(script) {
        let mut words: Vec<String> = if in_test { vec!["[[".to_owned()] } else { Vec::new() };
        for part in command {
            match part {
                Part::Written(word) if names(&put_in(&word, &set), path) => return true,
                Part::Written(_) => {}
                Part::Word(word) => {
                    let word = put_in(&word, &set);
                    match word.split_once('=').filter(|(name, _)| words.is_empty() && variables::is_name(name)) {
                        Some((name, value)) => set.push((name.to_owned(), value.to_owned())),
                        None if words.is_empty() && BEFORE.contains(&word.as_str()) => {}
                        None => words.push(word),
                    }
                }
            }
        }
        if writes(&words, path) {
            return true;
        }
        in_test = words.first().is_some_and(|word| word == "[[") && words.last().is_some_and(|word| word != "]]");
    }
    false
}

/// A part of a shell's command.
enum Part {
    Word(String),
    /// What a redirection writes to.
    Written(String),
}

/// The simple commands in a shell's text, without a claim to know the language: quotes, separators and redirections.
fn shell_commands(script: &str) -> Vec<Vec<Part>> {
    let mut commands: Vec<Vec<Part>> = vec![Vec::new()];
    let (mut open, mut quote, mut redirection): (Option<String>, Option<char>, Option<bool>) = (None, None, None);
    let mut rest = script.chars().peekable();
    loop {
        let next = rest.next();
        let ends = next.is_none_or(|c| quote.is_none() && (c.is_whitespace() || ";&|()`<>".contains(c)));
        if ends && let (Some(word), Some(command)) = (open.take(), commands.last_mut()) {
            match redirection.take() {
                // A number before a redirection is not a word.
                _ if next.is_some_and(|c| "<>".contains(c)) && word.chars().all(|c| c.is_ascii_digit()) => {}
                None => command.push(Part::Word(word)),
                Some(true) => command.push(Part::Written(word)),
                Some(false) => {}
            }
        }
        let Some(c) = next else { break };
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\\', None | Some('"')) => open.get_or_insert_default().extend(rest.next()),
            ('\'' | '"', None) => {
                quote = Some(c);
                open.get_or_insert_default();
            }
            ('>', None) => {
                while rest.next_if(|c| ">|&".contains(*c)).is_some() {}
                redirection = Some(true);
            }
            ('<', None) => {
                redirection = Some(rest.next_if_eq(&'>').is_some());
            }
            // `&>` writes too.
            ('&', None) if rest.peek() == Some(&'>') => {}
            (';' | '&' | '|' | '(' | ')' | '`' | '\n', None) => {
                redirection = None;
                commands.push(Vec::new());
            }
            (c, None) if c.is_whitespace() => {}
            (c, _) => open.get_or_insert_default().push(c),
        }
    }
    commands
}

#[cfg(test)]
mod tests;
