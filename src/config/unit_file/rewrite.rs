//! The identity in a unit's files: where each part of it stands, and what the files become. Reads no file.
//!
//! One file is changed. What stands in a variable is changed where the variable is set, if the whole identity stands in that
//! file and the variable has no other use; otherwise the flags are written out in the unit.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::config::env_file::EnvFile;
use crate::config::{Identity, OWNED, Outcome, flags, refused};
use crate::model::diagnostic::{Diagnostic, Place, Source, word};

use super::UnitFiles;
use super::command::Flag;
use super::lines::assignments;
use super::variables::{Home, Variable};
use super::words::Writing;

/// Where a value is written.
#[derive(Clone, Copy)]
enum Stands<'a> {
    Flag(&'a Flag),
    Variable { name: &'a str, home: &'a Home, flag: Option<&'a Flag> },
}

/// What is to change.
#[derive(Default)]
struct Edits {
    /// In a unit file: its number, the bytes, what stands there then.
    unit: Vec<(usize, Range<usize>, String)>,
    /// In an env file: its number, the variable, its value.
    env: Vec<(usize, String, String)>,
}

impl UnitFiles {
    /// The files that change with this identity, by name: each one's whole text, with every other byte as it was.
    ///
    /// # Errors
    /// When a value cannot be written, or what stands there now cannot be replaced with certainty.
    pub fn with_identity(&self, identity: &Identity) -> Outcome<BTreeMap<String, String>> {
        if let Some(name) = identity.unwritable() {
            let said =
                format!("the new value of {} is empty, or holds a line break or another control character", word(name));
            return Err(refused("unit-value", self.whole(), said, "look where the value comes from"));
        }
        if let Some(file) = self.settings.get("config-file") {
            let named = file.value.as_deref().map_or_else(|| "its config file".to_owned(), word);
            let said = format!("etcd reads {named} and passes all flags and variables over");
            return Err(refused("unit-config-file", file.place.clone(), said, "change the settings in that file"));
        }
        let mut edits = Edits::default();
        let (mut missing, mut stand) = (Vec::new(), Vec::new());
        for (name, value) in identity.settings() {
            match self.stands(name)? {
                Some(one) => stand.push((one, value)),
                None => missing.push((name, value)),
            }
        }
        if !self.in_one_place(&stand) {
            for (one, _) in &mut stand {
                *one = self.written_out(*one)?;
            }
        }
        for (one, value) in &stand {
            self.edit(*one, value, &mut edits);
        }
        if !missing.is_empty() {
            self.add(&missing, stand.first().map(|(one, _)| *one), &mut edits)?;
        }
        self.compared(self.edited(edits)?, identity)
    }

    /// Whether all stand in one file, and no variable among them has another use.
    fn in_one_place(&self, stand: &[(Stands<'_>, &str)]) -> bool {
        let file = |one: &Stands<'_>| match one {
            Stands::Flag(_) => (true, self.command.file),
            Stands::Variable { home: Home::Unit(file, _), .. } => (true, *file),
            Stands::Variable { home: Home::EnvFile(file, _), .. } => (false, *file),
        };
        let own_use = |one: &Stands<'_>| match one {
            Stands::Variable { name, flag: Some(_), .. } => self.uses(name) == 1,
            Stands::Variable { flag: None, .. } | Stands::Flag(_) => true,
        };
        let mut files = stand.iter().map(|(one, _)| file(one));
        let first = files.next();
        files.all(|file| Some(file) == first) && stand.iter().all(|(one, _)| own_use(one))
    }

    /// The flag itself in the place of its variable: then what all variables say is as it was.
    fn written_out<'a>(&self, stands: Stands<'a>) -> Outcome<Stands<'a>> {
        match stands {
            Stands::Flag(_) => Ok(stands),
            Stands::Variable { flag: Some(flag), .. } if !self.command.shell => Ok(Stands::Flag(flag)),
            Stands::Variable { name, home, .. } => {
                let said = format!("{} says a part of the cluster, and another part stands elsewhere", word(name));
                let refusal = Diagnostic::error("unit-places", self.place_of_variable(home), said)
                    .hint("put member list, state and token into one file, each as a variable that has no other use")
                    .related(self.whole(), "the command that etcd is started by");
                Err(Box::new(refusal))
            }
        }
    }

    /// How often what the unit runs has this variable, for etcd or for another program.
    fn uses(&self, name: &str) -> usize {
        let mut counting: BTreeMap<String, usize> = BTreeMap::new();
        for file in &self.files.unit_files {
            let all = assignments(file).unwrap_or_default();
            for one in all.into_iter().filter(|one| one.section == "Service" && one.key.starts_with("Exec")) {
                let text: String = one.value.iter().map(|(c, _)| c).collect();
                let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
                let after = |text: &str| text.strip_prefix('{').unwrap_or(text).strip_prefix(name).is_some_and(is_end);
                let found = text.match_indices('$').filter(|(at, _)| after(&text[at + 1..])).count();
                // An empty one takes back those before it.
                let before = counting.remove(&one.key).filter(|_| !text.is_empty()).unwrap_or(0);
                counting.insert(one.key, before + found);
            }
        }
        counting.values().sum()
    }

    /// The one place in which a setting that is rewritten stands.
    fn stands<'a>(&'a self, name: &str) -> Outcome<Option<Stands<'a>>> {
        let variable_name = flags::variable_of(name);
        let mut all = self.command.flags.iter().filter(|flag| flag.name == name);
        let variable = self.variables.iter().find(|(found, _)| *found == variable_name);
        let Some(flag) = all.next() else {
            let Some((name, variable)) = variable else { return Ok(None) };
            return self.certain(name, variable, None).map(Some);
        };
        let own = flag.variable.as_deref() == Some(variable_name.as_str());
        let second = all.next().map(|second| self.place_of_flag(second));
        let second = second.or_else(|| variable.filter(|_| !own).map(|(_, one)| self.place_of_variable(&one.home)));
        if let Some(second) = second {
            let said = format!("{} is set twice", word(name));
            let refusal = Diagnostic::error("unit-twice", second, said)
                .hint("leave one of them: etcd takes the last of two flags, and does not start with a flag and its variable")
                .related(self.place_of_flag(flag), "it is set here too");
            return Err(Box::new(refusal));
        }
        let refusal = |why: &str, next: &str| {
            let said = format!("the value of {} {why}, which is not rewritten here", word(&format!("--{name}")));
            Err(refused("unit-value", self.place(flag.span.clone()), said, next))
        };
        if let Some(name) = &flag.part_of {
            return refusal(&format!("is a part of {}", word(&format!("${name}"))), "write the flag out in the unit");
        }
        if let Some(name) = flag.variable.as_deref()
            && let Some((name, variable)) = self.variables.iter().find(|(found, _)| *found == name)
        {
            return self.certain(name, variable, Some(flag)).map(Some);
        }
        if let Some(unknown) = &flag.unknown {
            return refusal(&format!("depends on {}", word(unknown)), "write the value out in the unit");
        }
        if self.command.shell {
            return refusal(
                "is written in a shell's command",
                "set it in the env file, and give the flag `${…}` of it",
            );
        }
        Ok(Some(Stands::Flag(flag)))
    }

    fn certain<'a>(&self, name: &'a str, variable: &'a Variable, flag: Option<&'a Flag>) -> Outcome<Stands<'a>> {
        let home = &variable.home;
        let Some(unknown) = &variable.unknown else { return Ok(Stands::Variable { name, home, flag }) };
        let said = format!("the value of {} depends on {}, which is not rewritten here", word(name), word(unknown));
        Err(refused("unit-value", self.place_of_variable(home), said, "write the value out"))
    }

    fn edit(&self, stands: Stands<'_>, value: &str, edits: &mut Edits) {
        match stands {
            Stands::Variable { name, home: Home::EnvFile(file, _), .. } => {
                edits.env.push((*file, name.to_owned(), value.to_owned()));
            }
            Stands::Variable { name, home: Home::Unit(file, span), .. } => {
                let now = &self.files.unit_files[*file].text[span.clone()];
                let before = format!("{name}=");
                let written = Writing { before: &before, dollar: false }.word(now, value);
                edits.unit.push((*file, span.clone(), written));
            }
            Stands::Flag(flag) => {
                let now = &self.text()[flag.value_word.clone()];
                let before = match flag.form {
                    flags::Value::Next => String::new(),
                    flags::Value::Joined(_) | flags::Value::Bare => format!("{}{}=", flag.dashes, flag.name),
                };
                let writing = Writing { before: &before, dollar: !self.command.verbatim };
                edits.unit.push((self.command.file, flag.value_word.clone(), writing.word(now, value)));
            }
        }
    }

    /// Adds what stands nowhere, beside what stands somewhere.
    fn add(&self, missing: &[(&str, &str)], beside: Option<Stands<'_>>, edits: &mut Edits) -> Outcome<()> {
        match beside.or_else(|| self.any_variable()) {
            Some(Stands::Variable { home: Home::EnvFile(file, _), .. }) => {
                let all = missing.iter().map(|(flag, value)| (*file, flags::variable_of(flag), (*value).to_owned()));
                edits.env.extend(all);
            }
            Some(Stands::Variable { home: Home::Unit(file, span), .. }) => {
                let word = |(flag, value): &(&str, &str)| {
                    let before = format!("{}=", flags::variable_of(flag));
                    format!(" {}", Writing { before: &before, dollar: false }.word("", value))
                };
                edits.unit.push((*file, span.end..span.end, missing.iter().map(word).collect()));
            }
            Some(Stands::Flag(_)) | None if !self.command.shell => {
                let at = self.command.words.last().map_or(self.command.span.end, |last| last.end);
                edits.unit.push((self.command.file, at..at, self.added_flags(missing)));
            }
            Some(Stands::Flag(_)) | None => {
                let names: Vec<String> = missing.iter().map(|(flag, _)| word(&flags::variable_of(flag))).collect();
                let said = "the unit starts etcd by a shell, and no env file sets anything of etcd";
                let next = format!("give the unit an env file with {}", names.join(", "));
                return Err(refused("unit-value", self.whole(), said, next));
            }
        }
        Ok(())
    }

    /// Where the environment sets something of etcd, if no flag does or none may be added.
    fn any_variable(&self) -> Option<Stands<'_>> {
        if !self.command.flags.is_empty() && !self.command.shell {
            return None;
        }
        let own = || self.variables.iter().filter(|(name, _)| flags::of_variable(name).is_some());
        let in_file = own().find(|(_, variable)| matches!(variable.home, Home::EnvFile(..)));
        in_file.or_else(|| own().last()).map(|(name, variable)| Stands::Variable {
            name,
            home: &variable.home,
            flag: None,
        })
    }

    /// New flags, written as the last one is: its dashes, `=` or a blank, a line of its own.
    fn added_flags(&self, missing: &[(&str, &str)]) -> String {
        let text = self.text();
        let written: Vec<&Flag> = self.command.flags.iter().filter(|flag| flag.part_of.is_none()).collect();
        let valued = written.iter().rev().find(|flag| flag.form != flags::Value::Bare);
        let apart = valued.is_some_and(|flag| flag.form == flags::Value::Next);
        let dashes = written.last().map_or("--", |flag| flag.dashes.as_str());
        let line = written.last().and_then(|flag| {
            let start = text[..flag.span.start].rfind('\n')? + 1;
            let indent = &text[start..flag.span.start];
            let ending = if text[..start].ends_with("\r\n") { "\r\n" } else { "\n" };
            // The first line of the assignment has its key before the flag.
            indent.chars().all(char::is_whitespace).then(|| format!(" \\{ending}{indent}"))
        });
        let gap = line.unwrap_or_else(|| " ".to_owned());
        let flag = |(name, value): &(&str, &str)| {
            let (before, joined) = match apart {
                true => (format!("{dashes}{name} "), String::new()),
                false => (String::new(), format!("{dashes}{name}=")),
            };
            let writing = Writing { before: &joined, dollar: !self.command.verbatim };
            format!("{gap}{before}{}", writing.word("", value))
        };
        missing.iter().map(flag).collect()
    }

    /// The files' new texts.
    fn edited(&self, mut edits: Edits) -> Outcome<BTreeMap<String, String>> {
        let mut texts = BTreeMap::new();
        edits.unit.sort_by_key(|(file, span, _)| (*file, span.start, span.end));
        for (file, span, written) in edits.unit.into_iter().rev() {
            let source = &self.files.unit_files[file];
            let text: &mut String = texts.entry(source.name.clone()).or_insert_with(|| source.text.clone());
            text.replace_range(span, &written);
        }
        for (file, variable, value) in edits.env {
            let source = &self.files.env_files[file];
            let text: &mut String = texts.entry(source.name.clone()).or_insert_with(|| source.text.clone());
            let mut env_file = EnvFile::parse(text);
            env_file.set(&variable, &value).map_err(|why| {
                let next = "look at the end of the file, and at the value";
                refused("unit-env-file", Place::of(source, 0..0), why.to_string(), next)
            })?;
            *text = env_file.to_string();
        }
        Ok(texts)
    }

    /// The new texts, read again: they say the identity, and all else as before.
    fn compared(&self, mut texts: BTreeMap<String, String>, identity: &Identity) -> Outcome<BTreeMap<String, String>> {
        let mut files = self.files.clone();
        for file in files.unit_files.iter_mut().chain(&mut files.env_files) {
            if let Some(text) = texts.get(&file.name) {
                file.text.clone_from(text);
            }
        }
        let after = Self::parse(files)?;
        let said =
            identity.settings().iter().all(|(name, value)| after.values.get(*name).is_some_and(|now| now == value));
        // What could not be rewritten again: `$X` with a value that would be taken for a flag.
        let again = OWNED.iter().all(|name| matches!(after.stands(name), Ok(Some(_))));
        let others = |unit: &Self| -> Vec<(String, Option<String>, Option<String>)> {
            let all = unit.settings.iter().filter(|(name, _)| !OWNED.contains(&name.as_str()));
            all.map(|(name, one)| (name.clone(), one.value.clone(), one.unknown.clone())).collect()
        };
        if !said || !again || others(self) != others(&after) {
            let said = "the unit, once rewritten, would not say what it should";
            let next = "write the settings of the cluster out as flags, or in an env file";
            return Err(refused("unit-rewrite", self.whole(), said, next));
        }
        let before =
            |name: &str| self.files.unit_files.iter().chain(&self.files.env_files).find(|one| one.name == name);
        texts.retain(|name, text| before(name).is_some_and(|source: &Source| source.text != *text));
        Ok(texts)
    }

    /// The text of the file in which the command is.
    fn text(&self) -> &str {
        &self.files.unit_files[self.command.file].text
    }

    /// The place of the whole command.
    fn whole(&self) -> Place {
        self.place(self.command.span.clone())
    }
}
