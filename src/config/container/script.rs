//! The commands of a shell script that starts a container. Reads what is certain without a shell, and runs nothing.

use std::ops::Range;

use crate::config::{Outcome, refused};
use crate::model::diagnostic::{Diagnostic, Place, Source, word};

use super::{Word, is_docker};

/// What a script writes for all that it was given.
pub const ALL_GIVEN: &str = "$@";

const SHELLS: [&str; 5] = ["sh", "bash", "dash", "ash", "ksh"];

/// Its commands. None of them but docker's and what changes nothing for docker.
///
/// # Errors
/// The first line that is not certain.
pub fn commands(source: &Source) -> Outcome<Vec<Vec<Word>>> {
    is_of_a_shell(source)?;
    let mut commands = Reader { source, at: 0, commands: vec![Vec::new()], open: None }.read()?;
    commands.retain(|command| !command.is_empty());
    let mut kept: Vec<Vec<Word>> = Vec::new();
    for mut command in commands {
        if command[0].text == "exec" && command.len() > 1 {
            command.remove(0);
        }
        let runs = |command: &Vec<Word>| command.get(1).is_some_and(|word| word.text == "run");
        let texts: Vec<&str> = command.iter().map(|word| word.text.as_str()).collect();
        match texts[..] {
            ["set", ..] | ["true" | ":"] => {}
            [program, "run" | "rm" | "stop" | "kill" | "pull", ..] if is_docker(program) => {
                if kept.iter().any(runs) && !runs(&command) {
                    return Err(unread(command[0].place.clone(), "this follows the command that starts etcd"));
                }
                kept.push(command);
            }
            _ => {
                let said = format!("what {} does to the container that is started here is not known", word(texts[0]));
                return Err(unread(command[0].place.clone(), said));
            }
        }
    }
    for command in &kept {
        let last = command.len() - 1;
        let is_given = |(at, word): &(usize, &Word)| word.text.contains('$') && (*at < last || word.text != ALL_GIVEN);
        if let Some((_, one)) = command.iter().enumerate().find(is_given) {
            return Err(unread(
                one.place.clone(),
                "what the script is given may stand alone at its command's end only",
            ));
        }
    }
    Ok(kept)
}

fn is_of_a_shell(source: &Source) -> Outcome<()> {
    let first = source.text.lines().next().unwrap_or_default();
    let mut words = first.strip_prefix("#!").unwrap_or_default().split_whitespace();
    let program = words.next().and_then(|program| if program.ends_with("/env") { words.next() } else { Some(program) });
    if program.and_then(|program| program.rsplit('/').next()).is_some_and(|name| SHELLS.contains(&name)) {
        return Ok(());
    }
    Err(unread(Place::of(source, 0..first.len()), "this is not a shell's script"))
}

fn unread(place: Place, said: impl AsRef<str>) -> Box<Diagnostic> {
    let next = "leave one plain `docker run` in the script, each value written out, as kubespray has it";
    refused("container-script", place, said, next)
}

struct Reader<'a> {
    source: &'a Source,
    at: usize,
    commands: Vec<Vec<Word>>,
    open: Option<(String, Range<usize>)>,
}

impl Reader<'_> {
    fn read(mut self) -> Outcome<Vec<Vec<Word>>> {
        while let Some(c) = self.peek() {
            let start = self.at;
            self.at += c.len_utf8();
            match c {
                ' ' | '\t' => self.close(),
                '\n' | ';' => self.end_command(),
                // What follows is done whether or not: both are commands of the script.
                '|' | '&' if self.peek() == Some(c) => {
                    self.at += 1;
                    self.end_command();
                }
                '#' if self.open.is_none() => {
                    let rest = &self.source.text[self.at..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                '>' => self.redirect(start)?,
                '\'' => self.quoted('\'', start)?,
                '"' => self.quoted('"', start)?,
                '\\' => match self.peek() {
                    Some('\n') => self.at += 1,
                    Some(c) => {
                        self.at += c.len_utf8();
                        self.push(c, start);
                    }
                    None => {}
                },
                '$' => self.all_given(start)?,
                '`' | '(' | ')' | '{' | '}' | '<' | '|' | '&' | '*' | '?' | '[' | '~' | '\r' => {
                    return Err(self.unknown(start, &c.to_string()));
                }
                c => self.push(c, start),
            }
        }
        self.end_command();
        Ok(self.commands)
    }

    fn peek(&self) -> Option<char> {
        self.source.text[self.at..].chars().next()
    }

    fn push(&mut self, c: char, start: usize) {
        let end = self.at;
        let (text, span) = self.open.get_or_insert_with(|| (String::new(), start..end));
        text.push(c);
        span.end = end;
    }

    fn close(&mut self) {
        if let (Some((text, span)), Some(command)) = (self.open.take(), self.commands.last_mut()) {
            command.push(Word { text, place: Place::of(self.source, span) });
        }
    }

    fn end_command(&mut self) {
        self.close();
        self.commands.push(Vec::new());
    }

    fn unknown(&self, start: usize, what: &str) -> Box<Diagnostic> {
        let said = format!("what {} stands for here is known to the shell only", word(what));
        unread(Place::of(self.source, start..self.at), said)
    }

    /// To nowhere, or to the other one of both outputs.
    fn redirect(&mut self, start: usize) -> Outcome<()> {
        self.open.take_if(|(text, _)| ["1", "2"].contains(&text.as_str()));
        self.close();
        let rest = self.source.text[self.at..].trim_start_matches(['>', ' ', '\t']);
        let target = &rest[..rest.find([' ', '\t', '\n', ';', '|']).unwrap_or(rest.len())];
        self.at = self.source.text.len() - rest.len() + target.len();
        match target {
            "/dev/null" | "&1" | "&2" => Ok(()),
            other => Err(unread(
                Place::of(self.source, start..self.at),
                format!("docker's output goes to {}, where it is not looked for", word(other)),
            )),
        }
    }

    fn quoted(&mut self, quote: char, start: usize) -> Outcome<()> {
        self.open.get_or_insert_with(|| (String::new(), start..self.at));
        loop {
            let from = self.at;
            let Some(c) = self.peek() else {
                return Err(unread(Place::of(self.source, start..self.at), "a quote is opened here and never closed"));
            };
            self.at += c.len_utf8();
            match c {
                c if c == quote => break,
                '\\' if quote == '"' => match self.peek() {
                    Some('\n') => self.at += 1,
                    Some(c) if "$`\"\\".contains(c) => {
                        self.at += c.len_utf8();
                        self.push(c, from);
                    }
                    _ => self.push('\\', from),
                },
                '$' if quote == '"' => self.all_given(from)?,
                '`' if quote == '"' => return Err(self.unknown(from, "`")),
                '$' => return Err(self.unknown(from, "$")),
                c => self.push(c, from),
            }
        }
        if let Some((_, span)) = &mut self.open {
            span.end = self.at;
        }
        Ok(())
    }

    /// Of all that `$` begins only `$@` is taken, alone in its word.
    fn all_given(&mut self, start: usize) -> Outcome<()> {
        let alone = self.open.as_ref().is_none_or(|(text, _)| text.is_empty());
        let rest = &self.source.text[self.at..];
        if alone && rest.starts_with('@') && rest[1..].chars().next().is_none_or(|c| " \t\n\";".contains(c)) {
            self.push('$', start);
            self.at += 1;
            self.push('@', start);
            return Ok(());
        }
        let name = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"_{}".contains(c)).unwrap_or(rest.len());
        self.at += name;
        Err(self.unknown(start, &self.source.text[start..self.at]))
    }
}
