//! The command of a unit: the one `ExecStart=` that counts, and etcd's flags in it. Does not change it.

use std::ops::Range;

use crate::config::{Outcome, flags, refused};
use crate::model::diagnostic::{Diagnostic, Place, Source, word};

use super::lines::Assignment;
use super::variables::{self, Argument, Variables};
use super::words::{self, Specifiers, Word};
use super::{Files, shell};

/// What a unit starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Which of the unit's files has it.
    pub file: usize,
    /// The bytes of the whole assignment, from its key to its last word.
    pub span: Range<usize>,
    /// The bytes of its words, the program first.
    pub words: Vec<Range<usize>>,
    /// Whether `$X` stands for itself (`ExecStart=:/usr/bin/etcd`).
    pub verbatim: bool,
    /// Whether the flags are within a shell's command.
    pub shell: bool,
    pub flags: Vec<Flag>,
}

/// One flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without its dashes.
    pub name: String,
    /// The dashes.
    pub dashes: String,
    pub value: String,
    pub unknown: Option<String>,
    /// The variable that the whole value comes from.
    pub variable: Option<String>,
    /// The variable that the flag itself comes from.
    pub part_of: Option<String>,
    pub form: flags::Value,
    /// The bytes of the flag, its value included.
    pub span: Range<usize>,
    /// The bytes of the word in which the value is.
    pub value_word: Range<usize>,
}

impl Command {
    /// Finds and reads it.
    ///
    /// # Errors
    /// When there is none, or not exactly one, or it does not start etcd in a way that can be read.
    pub fn read(
        files: &Files,
        assignments: &[(usize, Assignment)],
        variables: &Variables,
        specifiers: &Specifiers,
    ) -> Outcome<Self> {
        let (file, assignment) = found(files, assignments)?;
        let source = &files.unit_files[file];
        let span = assignment.start..assignment.end();
        let words = words::split(&assignment.value, true).map_err(|mistake| {
            let place = Place::of(source, mistake.at..assignment.end());
            refused("unit-quote", place, mistake.why, "correct this `ExecStart=`: systemd does not start it")
        })?;
        let mut words: Vec<Word> = words;
        if words.last().is_some_and(|last| last.separator) {
            words.pop();
        }
        if let Some(second) = words.iter().find(|one| one.separator) {
            return Err(several(Place::of(source, second.span.clone())));
        }
        let mut command = Self {
            file,
            span,
            words: words.iter().map(|word| word.span.clone()).collect(),
            verbatim: false,
            shell: false,
            flags: Vec::new(),
        };
        let arguments = command.arguments(source, &words, variables, specifiers)?;
        let texts: Vec<&str> = arguments.iter().map(|argument| argument.text.as_str()).collect();
        let read = flags::read(&texts).map_err(|(at, why)| {
            let place = Place::of(source, arguments[at].word.clone());
            let said = format!("{} in the command of etcd: {why}", word(texts[at]));
            refused("unit-flag", place, said, "correct the command: etcd does not start with it")
        })?;
        command.flags = read.iter().map(|flag| command.flag(flag, &arguments)).collect();
        Ok(command)
    }

    /// etcd's words after its name.
    fn arguments(
        &mut self,
        source: &Source,
        words: &[Word],
        variables: &Variables,
        specifiers: &Specifiers,
    ) -> Outcome<Vec<Argument>> {
        let place = || Place::of(source, self.span.clone());
        let empty = || refused("unit-command", place(), "this starts nothing", "give the program after `ExecStart=`");
        let first = words.first().ok_or_else(empty)?;
        let prefixes = first.text.len() - first.text.trim_start_matches(['-', '@', ':', '+', '!', '|']).len();
        let (prefixes, program) = first.text.split_at(prefixes);
        let (program, _) = specifiers.expanded(program);
        let skipped = if prefixes.contains('@') { 2 } else { 1 };
        let verbatim = prefixes.contains(':');
        let mut arguments: Vec<Argument> = Vec::new();
        for one in &words[skipped.min(words.len())..] {
            let (text, unknown) = specifiers.expanded(&one.text);
            if verbatim {
                arguments.push(Argument { text, unknown, word: one.span.clone(), ..Argument::default() });
                continue;
            }
            let more = variables::arguments(&text, unknown, one.span.clone(), variables);
            // A variable that is set nowhere gives no word; where a value is due, the next flag would be taken for it.
            if more.is_empty() && arguments.last().is_some_and(|last| takes_next(&last.text)) {
                let said =
                    format!("{} is set in no file of this unit, and a flag takes its value from it", word(&text));
                let place = Place::of(source, one.span.clone());
                return Err(refused("unit-variable", place, said, "set the variable, or write the value out"));
            }
            arguments.extend(more);
        }
        let not_etcd = |why: &str| {
            let said = format!("the unit starts {}, {why}: etcd's flags cannot be read", word(&program));
            refused("unit-program", place(), said, "start etcd from the unit itself, with its settings in an env file")
        };
        if shell::is_shell(&program) {
            let words = shell::etcd(&arguments, variables).map_err(|why| not_etcd(&format!("and {why}")))?;
            arguments = words.into_iter().skip(1).collect();
            self.shell = true;
        } else if shell::base(&program) != "etcd" {
            return Err(not_etcd("not etcd"));
        }
        self.verbatim = verbatim;
        Ok(arguments)
    }

    fn flag(&self, flag: &flags::Flag, arguments: &[Argument]) -> Flag {
        let own = &arguments[flag.at];
        let (holder, skip) = match flag.value {
            flags::Value::Joined(at) => (own, at),
            flags::Value::Next => (arguments.get(flag.at + 1).unwrap_or(own), 0),
            flags::Value::Bare => (own, own.text.len()),
        };
        let value = if flag.value == flags::Value::Bare { "true" } else { &holder.text[skip..] };
        Flag {
            name: flag.name.clone(),
            dashes: own.text.chars().take_while(|c| *c == '-').take(2).collect(),
            value: value.to_owned(),
            unknown: own.unknown.clone().or_else(|| holder.unknown.clone()),
            variable: holder.variable(skip).map(str::to_owned),
            part_of: own.part_of.clone().or_else(|| holder.part_of.clone()),
            form: flag.value,
            span: own.word.start..holder.word.end,
            value_word: holder.word.clone(),
        }
    }
}

/// Whether the next word is this one's value.
fn takes_next(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|rest| {
        let name = rest.strip_prefix('-').unwrap_or(rest);
        !name.contains('=') && !flags::is_bool(name)
    })
}

/// The assignment that counts: an empty one takes back what stands before it.
fn found<'a>(files: &Files, assignments: &'a [(usize, Assignment)]) -> Outcome<(usize, &'a Assignment)> {
    let mut counting: Vec<&(usize, Assignment)> = Vec::new();
    for one in assignments.iter().filter(|(_, assignment)| assignment.key == "ExecStart") {
        if one.1.value.is_empty() { counting.clear() } else { counting.push(one) }
    }
    match counting[..] {
        [(file, assignment)] => Ok((*file, assignment)),
        [_, (file, second), ..] => Err(several(Place::of(&files.unit_files[*file], second.start..second.end()))),
        [] => {
            let nothing = Source::new(files.unit.clone(), "");
            let source = files.unit_files.first().unwrap_or(&nothing);
            let said = format!("the files of {} say nowhere what it starts", word(&files.unit));
            let next = "look at `systemctl cat` of the unit: it needs an `ExecStart=` in its section `[Service]`";
            Err(refused("unit-command", Place::of(source, 0..0), said, next))
        }
    }
}

fn several(place: Place) -> Box<Diagnostic> {
    let next = "leave one command; a drop-in takes back the unit's own by an empty `ExecStart=` before its line";
    refused("unit-commands", place, "this is a second command of the same unit", next)
}
