//! etcd's flags in a systemd unit: read as systemd and Go read them, and the identity in them rewritten. Does not know
//! which files systemd reads; it is given them in systemd's order.
//!
//! A setting is where its flag is; where a flag's value comes from `${X}`, it is where X is set: in `Environment=` or in
//! an env file. etcd's own variables (`ETCD_NAME`) set what no flag does.

pub mod beside;
mod command;
pub(super) mod lines;
mod rewrite;
mod shell;
mod variables;
pub(super) mod words;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::diagnostic::{Place, Source, word};

use self::command::{Command, Flag};
pub use self::shell::{base, is_shell};
pub use self::variables::given;
use self::variables::{Home, Variables};
use self::words::Specifiers;

use super::{Outcome, flags, refused};

/// What systemd makes a service of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The unit's name, with or without `.service`.
    pub unit: String,
    /// The unit's own file, then its drop-ins, in the order in which systemd reads them.
    pub unit_files: Vec<Source>,
    /// The files of `EnvironmentFile=`, in their order; those that are not there are left out.
    pub env_files: Vec<Source>,
    /// What `%H`, `%m`, … stand for on the host, as far as that is known.
    pub specifiers: BTreeMap<char, String>,
}

/// A unit that starts etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFiles {
    files: Files,
    variables: Variables,
    command: Command,
    settings: BTreeMap<String, Setting>,
    values: BTreeMap<String, String>,
}

/// One setting of etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its value, where it is known.
    pub value: Option<String>,
    /// What in it cannot be known here: `%H`, `$(hostname)`.
    pub unknown: Option<String>,
    /// Where the value is written.
    pub place: Place,
    /// The variable that the value comes from, if it does.
    pub variable: Option<String>,
}

impl UnitFiles {
    /// Reads a unit.
    ///
    /// # Errors
    /// The line that cannot be read, or with which systemd or etcd would not start; a unit that starts something else.
    pub fn parse(files: Files) -> Outcome<Self> {
        let specifiers = Specifiers::of(&files.unit, &files.specifiers);
        let mut assignments = Vec::new();
        for (number, file) in files.unit_files.iter().enumerate() {
            let service = lines::assignments(file)?.into_iter().filter(|one| one.section == "Service");
            assignments.extend(service.map(|assignment| (number, assignment)));
        }
        let variables = Variables::read(&files.unit_files, &assignments, &files.env_files, &specifiers)?;
        let command = Command::read(&files, &assignments, &variables, &specifiers)?;
        let mut unit = Self { files, variables, command, settings: BTreeMap::new(), values: BTreeMap::new() };
        unit.settings = unit.settings();
        let known = unit.settings.iter().filter_map(|(flag, one)| Some((flag.clone(), one.value.clone()?)));
        unit.values = known.collect();
        Ok(unit)
    }

    /// The values that are known, by the flags' names without dashes: of a repeated flag the last, and what the
    /// environment sets where no flag does.
    #[must_use]
    pub const fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// One setting, also where its value is not known.
    #[must_use]
    pub fn setting(&self, flag: &str) -> Option<&Setting> {
        self.settings.get(flag)
    }

    /// The settings of which it is only known that they are there.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, &Setting)> {
        let all = self.settings.iter().map(|(flag, setting)| (flag.as_str(), setting));
        all.filter(|(_, setting)| setting.value.is_none())
    }

    /// The variables of the unit's process, by name.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, variable)| (name, variable.value.as_str()))
    }

    /// A flag with whose own variable beside it etcd does not start (`verifyEnv` in `pkg/flags/flag.go`).
    ///
    /// # Errors
    /// Where the variable is set.
    pub fn without_shadow(&self) -> Outcome<()> {
        let own = |flag: &Flag| Some((flag.name.clone(), self.variables.get(&flags::variable_of(&flag.name))?));
        let Some((flag, variable)) = self.command.flags.iter().find_map(own) else { return Ok(()) };
        let (shown, name) = (word(&format!("--{flag}")), word(&flags::variable_of(&flag)));
        let said = format!("etcd from 3.4 on does not start where {name} is set beside {shown}, even to the same");
        let next = format!("take {shown} out of the command: etcd reads {name} by itself");
        Err(refused("unit-twice", self.place_of_variable(&variable.home), said, next))
    }

    /// Where a setting's value is written.
    #[must_use]
    pub fn place_of(&self, flag: &str) -> Option<&Place> {
        self.setting(flag).map(|setting| &setting.place)
    }

    /// Whether the flags are within a shell's command.
    #[must_use]
    pub const fn in_shell(&self) -> bool {
        self.command.shell
    }

    fn settings(&self) -> BTreeMap<String, Setting> {
        let mut found = BTreeMap::new();
        for (name, variable) in self.variables.iter().filter(|(_, variable)| !variable.value.is_empty()) {
            if let Some(flag) = flags::of_variable(name) {
                let value = variable.unknown.is_none().then(|| flags::value(&flag, &variable.value));
                let place = self.place_of_variable(&variable.home);
                let unknown = variable.unknown.clone();
                found.insert(flag, Setting { value, unknown, place, variable: Some(name.to_owned()) });
            }
        }
        for flag in &self.command.flags {
            let value = flag.unknown.is_none().then(|| flags::value(&flag.name, &flag.value));
            let setting = Setting {
                value,
                unknown: flag.unknown.clone(),
                place: self.place_of_flag(flag),
                variable: flag.variable.clone(),
            };
            found.insert(flag.name.clone(), setting);
        }
        found
    }

    fn place_of_variable(&self, home: &Home) -> Place {
        match home {
            Home::Unit(file, span) => Place::of(&self.files.unit_files[*file], span.clone()),
            Home::EnvFile(file, span) => Place::of(&self.files.env_files[*file], span.clone()),
        }
    }

    fn place_of_flag(&self, flag: &Flag) -> Place {
        let variable = flag.variable.as_deref().and_then(|name| self.variables.get(name));
        match variable {
            Some(variable) => self.place_of_variable(&variable.home),
            None => self.place(flag.span.clone()),
        }
    }

    /// A place in the file in which the command is.
    fn place(&self, span: Range<usize>) -> Place {
        Place::of(&self.files.unit_files[self.command.file], span)
    }
}

#[cfg(test)]
mod tests;
