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
const READERS: [&str; 27] = [
    ".",
    "[",
    "cat",
    "chcon",
    "chgrp",
    "chmod",
    "chown",
    "cmp",
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
const BEFORE: [&str; 12] = ["if", "then", "else", "elif", "do", "while", "until", "!", "exec", "sudo", "env", "nice"];

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
    if !is_shell(program) {
        return names_to_write(command, path);
    }
    let option = rest.iter().position(|word| !word.starts_with('-') || word.contains('c'));
    match option.filter(|at| rest[*at].starts_with('-')).and_then(|at| rest.get(at + 1)) {
        Some(script) => shell_writes(script, path),
        None => names_to_write(command, path),
    }
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
    for command in shell_commands(script) {
        let mut words: Vec<String> = Vec::new();
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
mod tests {
    use super::*;

    const FILE: &str = "/etc/etcd.env";

    fn of(texts: &[&str]) -> Vec<(String, String)> {
        let files: Vec<Source> =
            texts.iter().enumerate().map(|(at, text)| Source::new(format!("/{at}"), *text)).collect();
        let env = [Source::new(FILE, "OUT=/etc/etcd.env\nETCD_NAME=m1\n")];
        let found = writing("etcd.service", &files, &env, FILE).unwrap();
        found.into_iter().map(|one| (one.key, format!("{}:{}", one.place.file, one.place.line))).collect()
    }

    fn writes_it(command: &str) -> bool {
        !of(&[&format!("[Service]\nExecStartPre={command}\n")]).is_empty()
    }

    #[test]
    fn what_plainly_writes_the_file_is_seen() {
        for command in [
            "/usr/local/bin/etcd-setup-network-environment -o /etc/etcd.env",
            "-+/usr/local/bin/setup --output=/etc/etcd.env",
            "/usr/local/bin/setup ${OUT}",
            "/usr/local/bin/setup $OUT",
            "/bin/sh -c 'echo ETCD_NAME=m1 > /etc/etcd.env'",
            "/bin/sh -c 'echo ETCD_NAME=m1 >>/etc/etcd.env; sync'",
            "/bin/bash -euc 'hostname &>/etc/etcd.env'",
            "/bin/sh -c 'hostname 1>\"/etc/etcd.env\"'",
            "/bin/sh -c 'f=/etc/etcd.env; test -s $f || date >\"$f\"'",
            "/bin/sh -c 'if ! test -s /etc/x; then hostname | tee /etc/etcd.env; fi'",
            "/bin/sh -c '/opt/setup /etc/etcd.env'",
            "/usr/bin/sed -i s/existing/new/ /etc/etcd.env",
            "/bin/cp /etc/etcd.env.first /etc/etcd.env",
            "/bin/rm -f /etc/etcd.env",
            "/usr/bin/test -e /x ; /bin/mv /etc/x /etc/etcd.env",
            "/usr/bin/python3 -c \"open('/etc/etcd.env', 'w').write('x')\"",
        ] {
            assert!(writes_it(command), "{command}");
        }
    }

    #[test]
    fn what_reads_it_and_what_names_another_is_not() {
        for command in [
            "/usr/bin/test -s /etc/etcd.env",
            "/bin/sh -c '[ -f /etc/etcd.env ] || exit 1'",
            "/bin/sh -c 'grep -q ETCD_NAME /etc/etcd.env >/dev/null 2>&1'",
            "/bin/sh -c 'echo \"$(cat /etc/etcd.env)\" > /run/etcd.copy'",
            "/bin/sh -c 'sort </etc/etcd.env >/run/sorted'",
            "/bin/chown etcd:etcd /etc/etcd.env",
            "/bin/sed -n 1p /etc/etcd.env",
            "/bin/cp /etc/etcd.env /var/backups/etcd.env",
            "/usr/bin/docker run --env-file /etc/etcd.env image check",
            "/usr/bin/docker run --env-file=/etc/etcd.env image check",
            "/opt/setup /etc/etcd.env.example /srv/etc/etcd.env",
            "/opt/setup-that-does-not-say-where",
            "/bin/sh -c 'echo > /etc/etcd.env.new'",
        ] {
            assert!(!writes_it(command), "{command}");
        }
    }

    #[test]
    fn all_files_count_and_an_empty_assignment_takes_back() {
        let unit = "[Service]\nExecStart=/usr/bin/etcd\nExecStartPre=/opt/x /etc/etcd.env\nExecReload=/opt/x \\\n  /etc/etcd.env\n";
        let all = [("ExecStartPre", "/0:3"), ("ExecReload", "/0:4")].map(|(key, at)| (key.to_owned(), at.to_owned()));
        assert_eq!(of(&[unit]), all);
        assert_eq!(of(&[unit, "[Service]\nExecStartPre=\n"]), all[1..]);
        assert_eq!(of(&[unit, "[Service]\nExecStartPre=\nExecStartPre=/opt/y /etc/etcd.env\n"])[0].1, "/1:3");
        assert_eq!(of(&["[Service]\nExecStart=/usr/bin/etcd\n[X]\nExecStartPre=/opt/x /etc/etcd.env\n"]), []);
    }
}
