//! A command as a value: what to run on one master, for how long, and what to send to its standard input. Knows neither
//! shell quoting nor SSH; both are in `world`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::MasterName;

/// What stands in a command for a word that is known only once an earlier step has run. Closed on purpose: a new one is a design decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placeholder {
    /// The ID that `member add` gave to this master's member.
    MemberId(MasterName),
    /// The revision at which members are compared.
    Revision,
    /// The revision of the snapshot: where the new cluster leaves the old.
    ForkRevision,
    /// The size of the snapshot in bytes.
    SnapshotSize,
    /// The snapshot's SHA-256.
    SnapshotHash,
    /// What this master's etcd said before it was stopped, as the fence's marker has it; empty where it said nothing.
    LastRevision(MasterName),
    /// Whether no node is cordoned any more: `uncordoned`, else empty.
    Uncordoned,
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MemberId(master) => write!(f, "<member id of {master}>"),
            Self::Revision => f.write_str("<revision>"),
            Self::ForkRevision => f.write_str("<fork revision>"),
            Self::SnapshotSize => f.write_str("<snapshot size>"),
            Self::SnapshotHash => f.write_str("<snapshot sha256>"),
            Self::LastRevision(master) => write!(f, "<last revision of {master}>"),
            Self::Uncordoned => f.write_str("<uncordoned>"),
        }
    }
}

/// One word of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arg {
    /// A word that is final.
    Text(String),
    /// A word that an earlier step's answer fills in.
    #[serde(rename = "late")]
    Placeholder(Placeholder),
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Placeholder(placeholder) => placeholder.fmt(f),
        }
    }
}

/// A fixed script's name and text; values reach it as positional parameters, never pasted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// What the plan and the journal call it.
    pub name: &'static str,
    /// POSIX shell for `sh -c`, with `set` options of its own.
    pub text: &'static str,
}

/// What to run on one master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Program and arguments.
    pub argv: Vec<Arg>,
    /// For a script: its name, shown instead of its text.
    pub script: Option<String>,
    /// Standard input; nothing when absent. May hold what must not be shown (a file with secrets).
    pub stdin: Option<Vec<u8>>,
    /// When it is given up. The command may still be running on the master then.
    pub deadline: Duration,
    /// Whether that counts anew with every byte that comes or goes: what moves is not given up, however long it takes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moving: bool,
    /// Whether it moves much data and so gets a connection of its own.
    pub bulk: bool,
    /// Whether it runs as root.
    pub root: bool,
}

/// How long an answer may take that needs no waiting on the master's side.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// How long a command that moves may live. It ends before, with its stream or with what it waits for.
pub const LONGEST: Duration = Duration::from_hours(24);

impl Command {
    /// A command that runs as root and must answer within [`ANSWER_DEADLINE`].
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            argv: vec![Arg::Text(program.into())],
            script: None,
            stdin: None,
            deadline: ANSWER_DEADLINE,
            moving: false,
            bulk: false,
            root: true,
        }
    }

    /// A fixed script; arguments become `$1`, `$2`, ….
    #[must_use]
    pub fn script(script: Script) -> Self {
        let mut command = Self::new("sh").args(["-c", script.text, script.name]);
        command.script = Some(script.name.to_owned());
        command
    }

    /// Adds a word.
    #[must_use]
    pub fn arg(mut self, word: impl Into<String>) -> Self {
        self.argv.push(Arg::Text(word.into()));
        self
    }

    /// Adds words.
    #[must_use]
    pub fn args<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.argv.extend(words.into_iter().map(|word| Arg::Text(word.into())));
        self
    }

    /// Adds another command's words: what a script runs as `"$@"`.
    #[must_use]
    pub fn then(mut self, command: Self) -> Self {
        self.argv.extend(command.argv);
        self
    }

    /// Adds a word that is not known yet.
    #[must_use]
    pub fn placeholder(mut self, placeholder: Placeholder) -> Self {
        self.argv.push(Arg::Placeholder(placeholder));
        self
    }

    /// Sets standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Sets when the command is given up.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how long nothing may come or go before the command is given up; as long as something does, it may take days.
    #[must_use]
    pub fn while_it_moves(mut self, still: Duration) -> Self {
        self.deadline = still;
        self.moving = true;
        self
    }

    /// How long it may live on the master.
    #[must_use]
    pub fn longest(&self) -> Duration {
        if self.moving { LONGEST } else { self.deadline }
    }

    /// Gives the command a connection of its own, so that its stream cannot stall others.
    #[must_use]
    pub fn bulk(mut self) -> Self {
        self.bulk = true;
        self
    }

    /// The placeholders still missing.
    pub fn missing(&self) -> impl Iterator<Item = &Placeholder> {
        self.argv.iter().filter_map(|arg| match arg {
            Arg::Placeholder(placeholder) => Some(placeholder),
            Arg::Text(_) => None,
        })
    }

    /// The same command with placeholders filled in where `known` has them.
    #[must_use]
    pub fn filled(&self, known: impl Fn(&Placeholder) -> Option<String>) -> Self {
        let mut filled = self.clone();
        for arg in &mut filled.argv {
            if let Arg::Placeholder(placeholder) = arg
                && let Some(text) = known(placeholder)
            {
                *arg = Arg::Text(text);
            }
        }
        filled
    }

    /// The command as a person reads it: a script by its name, words quoted where a shell would need it.
    #[must_use]
    pub fn shown(&self) -> String {
        let skip = if self.script.is_some() { 4 } else { 0 };
        let words = self.argv.iter().skip(skip).map(|arg| match arg {
            Arg::Text(text) => shlex::try_quote(text).map_or_else(|_| "?".to_owned(), |word| word.into_owned()),
            Arg::Placeholder(placeholder) => placeholder.to_string(),
        });
        self.script.iter().map(|name| format!("[{name}]")).chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// What a command gave back. Remote output is hostile text: parse it or show it cleaned, never run it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The exit status. A command without one (cut off, killed) is an error of the remote port, not an output.
    pub status: u32,
    /// Standard output, capped by the port.
    pub stdout: String,
    /// Standard error, capped by the port.
    pub stderr: String,
}

impl Output {
    /// Whether the exit status is 0.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.status == 0
    }

    /// What a person should see of a failure: the exit status and the last line said, cleaned.
    #[must_use]
    pub fn complaint(&self) -> String {
        let said = [&self.stderr, &self.stdout]
            .iter()
            .find_map(|text| text.lines().rev().find(|line| !line.trim().is_empty()))
            .map(|line| clean(line.trim()))
            .unwrap_or_else(|| "nothing was said".to_owned());
        format!("exit {}: {said}", self.status)
    }
}

/// The longest piece of remote text shown in one line.
const LONGEST_SHOWN: usize = 400;

/// Hostile text made harmless for a terminal and a log: control characters and direction marks replaced,
/// length capped.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_SHOWN).map(harmless_char).collect();
    if text.chars().count() > LONGEST_SHOWN {
        shown.push('…');
    }
    shown
}

/// The same without a cap, for text of our own that holds such words.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().map(harmless_char).collect()
}

/// A text of at most so many characters. Where it was cut an ellipsis stands right behind, by which the beginning of a
/// secret is known as one.
#[must_use]
pub fn at_most(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some((at, _)) => format!("{}… cut", &text[..at]),
    }
}

/// Whether a character moves a terminal's cursor or turns the direction of a text.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn harmless_char(c: char) -> char {
    if is_hostile(c) { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MemberId;

    #[test]
    fn terminal_escapes_in_remote_text_do_not_reach_the_terminal() {
        assert_eq!(clean("\u{1b}[31mred\u{202e}txt"), "\u{fffd}[31mred\u{fffd}txt");
        assert_eq!(clean(&"x".repeat(1000)).chars().count(), LONGEST_SHOWN + 1);
        assert_eq!(at_most("üüü".to_owned(), 2), "üü… cut");
        assert_eq!(at_most("üü".to_owned(), 2), "üü");
    }

    #[test]
    fn late_words_are_shown_by_name_until_they_are_known() {
        let m1 = MasterName::new("m1").unwrap();
        let command = Command::new("etcdctl").args(["member", "promote"]).placeholder(Placeholder::MemberId(m1));
        assert_eq!(command.shown(), "etcdctl member promote <member id of m1>");
        let filled = command.filled(|_| Some(MemberId(0xe65f1f9be88c085).to_string()));
        assert_eq!(filled.shown(), "etcdctl member promote e65f1f9be88c085");
        assert_eq!(filled.missing().count(), 0);
    }
}
