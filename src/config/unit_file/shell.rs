//! The words of etcd in a shell's command: `bash -c "GOMAXPROCS=$(nproc) /usr/bin/etcd --name=\"${ETCD_NAME}\""`.
//! Does not run anything; what only a shell can know is said to be unknown.

use super::variables::{Argument, Variables};

/// The programs that take a command after `-c`.
const SHELLS: [&str; 6] = ["bash", "sh", "dash", "ash", "ksh", "zsh"];

/// Commands that change what a later one in the same shell gets.
const CHANGES_ENVIRONMENT: [&str; 12] =
    [".", "source", "export", "set", "eval", "read", "unset", "declare", "typeset", "readonly", "local", "for"];

/// Words that stand before a command.
const RESERVED: [&str; 9] = ["if", "then", "else", "elif", "do", "while", "until", "!", "{"];

/// Whether a program is a shell.
#[must_use]
pub fn is_shell(program: &str) -> bool {
    SHELLS.contains(&base(program))
}

/// The last part of a path.
#[must_use]
pub fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// etcd's words in the command that a shell is given by `-c`, with etcd itself first.
///
/// # Errors
/// Why they cannot be told.
pub fn etcd(arguments: &[Argument], variables: &Variables) -> Result<Vec<Argument>, &'static str> {
    let option = arguments.iter().position(|one| !one.text.starts_with('-') || one.text.contains('c'));
    let script = option.filter(|at| arguments[*at].text.starts_with('-')).and_then(|at| arguments.get(at + 1));
    let Some(script) = script else { return Err("the shell is given no command by `-c`") };
    if script.unknown.as_deref().is_some_and(|unknown| unknown.starts_with('%')) || script.part_of.is_some() {
        return Err("the shell's command cannot be known here");
    }
    let commands = Reader { script, variables, at: 0, commands: vec![Vec::new()], open: None }.read()?;
    let mut found: Option<Vec<Argument>> = None;
    for mut words in commands {
        let reserved = words.iter().take_while(|word| RESERVED.contains(&word.text.as_str())).count();
        words.drain(..reserved);
        let assignments = words.iter().take_while(|word| is_assignment(&word.text)).count();
        let assigned: Vec<Argument> = words.drain(..assignments).collect();
        if assigned.iter().any(|word| word.text.starts_with("ETCD_")) {
            return Err("the shell's command sets variables of etcd itself");
        }
        // Alone they are set for all that follows; in front of a command for that alone, and not in its own words.
        let is_known =
            |word: &Argument| word.text.split_once('=').is_some_and(|(name, _)| variables.get(name).is_some());
        if words.is_empty() && found.is_none() && assigned.iter().any(is_known) {
            return Err("the shell's command sets a variable that the unit sets, before it starts etcd");
        }
        if words.first().is_some_and(|word| word.text == "exec") {
            words.remove(0);
        }
        let Some(first) = words.first() else { continue };
        match base(&first.text) {
            "etcd" if found.is_some() => return Err("the shell's command starts etcd twice"),
            "etcd" => found = Some(words),
            other if CHANGES_ENVIRONMENT.contains(&other) && found.is_none() => {
                return Err("the shell's command changes the environment before it starts etcd");
            }
            "printf" if words.get(1).is_some_and(|word| word.text == "-v") && found.is_none() => {
                return Err("the shell's command changes the environment before it starts etcd");
            }
            _ => {}
        }
    }
    let mut found = found.ok_or("no plain call of etcd is found in the shell's command")?;
    // A variable that is set nowhere leaves nothing behind, so it is not known in which word it stood.
    for word in found.iter_mut().filter(|word| word.text.is_empty() || word.text.ends_with('=')) {
        word.unknown = word.unknown.take().or_else(|| script.unknown.clone());
    }
    Ok(found)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with('-')
    })
}

struct Reader<'a> {
    script: &'a Argument,
    variables: &'a Variables,
    at: usize,
    commands: Vec<Vec<Argument>>,
    open: Option<Argument>,
}

impl Reader<'_> {
    fn read(mut self) -> Result<Vec<Vec<Argument>>, &'static str> {
        while let Some(c) = self.peek() {
            let start = self.at;
            self.at += c.len_utf8();
            match c {
                ' ' | '\t' => self.close(),
                '\n' | ';' | '&' | '|' => {
                    self.close();
                    self.commands.push(Vec::new());
                }
                '>' | '<' => self.redirect(),
                '(' | ')' => return Err("the shell's command is more than a call of etcd"),
                '#' if self.open.is_none() => self.skip_until('\n'),
                '\'' => self.single()?,
                '"' => self.double()?,
                '`' => {
                    self.skip_until('`');
                    self.unknown("`…`");
                }
                '$' => self.dollar()?,
                '\\' => self.backslash(|_| true),
                '~' if self.open.is_none() => self.unknown("~"),
                '*' | '?' => self.unknown("a pattern"),
                c => self.push(c, start),
            }
        }
        self.close();
        Ok(self.commands)
    }

    fn peek(&self) -> Option<char> {
        self.script.text[self.at..].chars().next()
    }

    fn word(&mut self) -> &mut Argument {
        let word = &self.script.word;
        self.open.get_or_insert_with(|| Argument { word: word.clone(), ..Argument::default() })
    }

    /// Takes one character, with the variable that it came from: systemd put it there.
    fn push(&mut self, c: char, start: usize) {
        let name = self.script.from.iter().find(|(range, _)| range.contains(&start)).map(|(_, name)| name.clone());
        let word = self.word();
        let at = word.text.len();
        word.text.push(c);
        if let Some(name) = name {
            let end = word.text.len();
            match word.from.last_mut().filter(|(range, last)| range.end == at && *last == name) {
                Some((range, _)) => range.end = end,
                None => word.from.push((at..end, name)),
            }
        }
    }

    fn unknown(&mut self, what: &str) {
        self.word().unknown.get_or_insert_with(|| what.to_owned());
    }

    fn close(&mut self) {
        let open = self.open.take();
        if let Some(command) = self.commands.last_mut() {
            command.extend(open);
        }
    }

    fn skip_until(&mut self, end: char) {
        let rest = &self.script.text[self.at..];
        self.at += rest.find(end).map_or(rest.len(), |at| at + if end == '\n' { 0 } else { end.len_utf8() });
    }

    /// Passes a redirection over, with its target.
    fn redirect(&mut self) {
        if self.open.as_ref().is_some_and(|word| word.text.chars().all(|c| c.is_ascii_digit())) {
            self.open = None;
        }
        self.close();
        let rest = &self.script.text[self.at..];
        let target = rest.trim_start_matches(['>', '<', '&', '|', ' ', '\t']);
        self.at += rest.len() - target.trim_start_matches(|c: char| !" \t\n;|&".contains(c)).len();
    }

    fn single(&mut self) -> Result<(), &'static str> {
        self.word();
        loop {
            let start = self.at;
            let c = self.peek().ok_or("a quote in the shell's command is not closed")?;
            self.at += c.len_utf8();
            if c == '\'' {
                return Ok(());
            }
            self.push(c, start);
        }
    }

    fn double(&mut self) -> Result<(), &'static str> {
        self.word();
        loop {
            let start = self.at;
            let c = self.peek().ok_or("a quote in the shell's command is not closed")?;
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(()),
                '\\' => self.backslash(|c| "$`\"\\\n".contains(c)),
                '$' => self.dollar()?,
                '`' => {
                    self.skip_until('`');
                    self.unknown("`…`");
                }
                c => self.push(c, start),
            }
        }
    }

    fn backslash(&mut self, takes: fn(char) -> bool) {
        let start = self.at;
        match self.peek() {
            Some('\n') => self.at += 1,
            Some(c) if takes(c) => {
                self.at += c.len_utf8();
                self.push(c, start);
            }
            _ => self.push('\\', start.saturating_sub(1)),
        }
    }

    /// What the shell itself puts in: a variable's value where it is known, else something unknown.
    fn dollar(&mut self) -> Result<(), &'static str> {
        let rest = &self.script.text[self.at..];
        if rest.starts_with('(') {
            let mut depth = 0;
            let end = rest.char_indices().find(|(_, c)| {
                depth += i32::from(*c == '(') - i32::from(*c == ')');
                depth == 0
            });
            let (end, _) = end.ok_or("a bracket in the shell's command is not closed")?;
            self.at += end + 1;
            self.unknown("$(…)");
            return Ok(());
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, length) = match rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                (&rest[..length], length)
            }
        };
        let plain = |value: &str| value.chars().all(|c| c.is_ascii_alphanumeric() || "._/:=,@+-[]%".contains(c));
        let variable = self.variables.get(name).filter(|variable| variable.unknown.is_none() && plain(&variable.value));
        let (name, value) = (name.to_owned(), variable.map(|variable| variable.value.clone()));
        self.at += length;
        let word = self.word();
        let start = word.text.len();
        match value {
            Some(value) => {
                word.text.push_str(&value);
                word.from.push((start..word.text.len(), name));
            }
            None => {
                word.unknown.get_or_insert_with(|| format!("${name}"));
            }
        }
        Ok(())
    }
}
