//! etcd in a container: what `docker run` says of it, in a unit or in the script that a unit starts. Asks no docker.
//!
//! Only what can be told from the text alone is taken: one command, whose words mean the same to everybody who reads them.

mod options;
mod script;

use crate::model::ContainerName;
use crate::model::diagnostic::{Diagnostic, Place, Source, word};

use self::options::Options;

use super::unit_file::lines::{self, Assignment};
use super::unit_file::words::{self, Specifiers};
use super::{Outcome, refused};

/// A container as the unit makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub name: ContainerName,
    /// The file that its environment is read from.
    pub env_file: String,
    /// etcd's flags.
    pub flags: Vec<String>,
    /// What of the master lies where in it.
    mounts: Vec<Mount>,
    /// The command that makes it.
    place: Place,
}

/// A directory of the master, and where the container has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    from: String,
    to: String,
}

/// A word of a command, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub place: Place,
}

/// Whether a program is docker's client.
#[must_use]
pub fn is_docker(program: &str) -> bool {
    program.rsplit('/').next() == Some("docker")
}

impl Container {
    /// Reads a unit's files, in systemd's order, and the script that it starts, where it is one.
    ///
    /// # Errors
    /// The line that cannot be told, or that would not do, and what to do.
    pub fn read(unit: &str, files: &[Source], script: Option<&Source>) -> Outcome<Self> {
        let service = service(files)?;
        let started = command(unit, files, &service)?;
        let (commands, more) = match script {
            Some(script) => {
                let given = started.iter().skip(1).cloned().collect::<Vec<_>>();
                (script::commands(script)?, given)
            }
            None => (vec![started], Vec::new()),
        };
        let run = the_run(&commands, script.or(files.first()))?;
        let place = run[0].place.clone();
        let options = Options::read(&run[2..], &place)?;
        let (env_file, name, mounts) = (options.env_file()?, options.name()?, options.mounts()?);
        options.is_to_be_handled()?;
        let flags = flags(&options.command, more, script.is_some())?;
        let container = Self { name, env_file, flags, mounts, place };
        let before = before(unit, &service);
        if !options.removed() && !commands.iter().chain(&before).any(|one| container.is_removed_by(one)) {
            let said = format!("a container {} that has ended keeps the next one from its name", container.name);
            let next = format!(
                "write `ExecStartPre=-/usr/bin/docker rm -f {}` into the unit, as kubespray does",
                container.name
            );
            return Err(refused("container-stays", container.place, said, next));
        }
        Ok(container)
    }

    /// Whether the data is where the master has it.
    ///
    /// # Errors
    /// When etcd in the container would have another directory under that path.
    pub fn has_data_in_place(&self, data_dir: &str) -> Outcome<()> {
        let holds = |mount: &&Mount| {
            mount.to == "/"
                || data_dir.strip_prefix(&mount.to).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match self.mounts.iter().filter(holds).max_by_key(|mount| mount.to.len()) {
            Some(mount) if mount.from == mount.to => Ok(()),
            Some(Mount { from, to }) => {
                Err(self.elsewhere(format!("in the container {to} is the master's {from}"), data_dir))
            }
            None => Err(self.elsewhere(format!("the container has {data_dir} for itself"), data_dir)),
        }
    }

    fn elsewhere(&self, said: String, data_dir: &str) -> Box<Diagnostic> {
        refused(
            "container-data",
            self.place.clone(),
            said,
            format!("mount it under its own name: -v {data_dir}:{data_dir}"),
        )
    }

    fn is_removed_by(&self, command: &[Word]) -> bool {
        let texts: Vec<&str> = command.iter().map(|word| word.text.as_str()).collect();
        let removes = matches!(texts[..], [program, "rm", ..] | [program, "container", "rm", ..] if is_docker(program));
        removes && texts.contains(&self.name.as_str())
    }
}

/// The words of the one command that a unit starts, as systemd would give them to it.
pub(super) fn unit_command(unit: &str, files: &[Source]) -> Outcome<Vec<Word>> {
    command(unit, files, &service(files)?)
}

type Service<'a> = Vec<(&'a Source, Assignment)>;

fn service(files: &[Source]) -> Outcome<Service<'_>> {
    let mut all = Vec::new();
    for file in files {
        all.extend(lines::assignments(file)?.into_iter().filter(|one| one.section == "Service").map(|one| (file, one)));
    }
    Ok(all)
}

/// The assignments of a key that count: an empty one takes back those before it.
fn counting<'s, 'a>(service: &'s Service<'a>, key: &str) -> Vec<&'s (&'a Source, Assignment)> {
    let mut counting = Vec::new();
    for one in service.iter().filter(|(_, one)| one.key == key) {
        if one.1.value.is_empty() { counting.clear() } else { counting.push(one) }
    }
    counting
}

/// The words of the one command that the unit starts.
fn command(unit: &str, files: &[Source], service: &Service<'_>) -> Outcome<Vec<Word>> {
    let nothing = Source::new(unit, "");
    match counting(service, "ExecStart")[..] {
        [(file, one)] => {
            let mut commands = words_of(unit, file, one)?;
            let first = commands.remove(0);
            match commands.first() {
                None => Ok(first),
                Some(second) => Err(several(second[0].place.clone())),
            }
        }
        [_, (file, second), ..] => Err(several(Place::of(file, second.start..second.end()))),
        [] => {
            let place = Place::of(files.first().unwrap_or(&nothing), 0..0);
            Err(refused("container-command", place, "this unit starts nothing", "look at `systemctl cat` of the unit"))
        }
    }
}

fn several(place: Place) -> Box<Diagnostic> {
    refused("container-commands", place, "this is a second command of the same unit", "leave one")
}

/// What the unit does before it starts. What cannot be told removes nothing, as far as is known.
fn before(unit: &str, service: &Service<'_>) -> Vec<Vec<Word>> {
    let commands = |(file, one): &(&Source, Assignment)| words_of(unit, file, one).unwrap_or_default();
    counting(service, "ExecStartPre").into_iter().flat_map(commands).collect()
}

/// The commands of one assignment, each with its program's prefixes (`-`, `@`, …) taken off.
fn words_of(unit: &str, file: &Source, assignment: &Assignment) -> Outcome<Vec<Vec<Word>>> {
    let specifiers = Specifiers::of(unit, &std::collections::BTreeMap::new());
    let all = words::split(&assignment.value, true).map_err(|mistake| {
        let place = Place::of(file, mistake.at..assignment.end());
        refused("unit-quote", place, mistake.why, "correct this line: systemd does not start it")
    })?;
    let mut commands = vec![Vec::new()];
    for one in all {
        let place = Place::of(file, one.span.clone());
        if one.separator {
            commands.push(Vec::new());
            continue;
        }
        let (mut text, unknown) = specifiers.expanded(&one.text);
        if let Some(what) = unknown.or_else(|| text.contains('$').then(|| "a variable".to_owned())) {
            let said = format!("{} contains {what}, which only the node can resolve", word(&one.text));
            return Err(refused("container-variable", place, said, "write the value itself"));
        }
        let Some(last) = commands.last_mut() else { continue };
        if last.is_empty() {
            text = text.trim_start_matches(['-', '@', ':', '+', '!', '|']).to_owned();
        }
        last.push(Word { text, place });
    }
    commands.retain(|command| !command.is_empty());
    if commands.is_empty() {
        let place = Place::of(file, assignment.start..assignment.end());
        return Err(refused("container-command", place, "this starts nothing", "give the program"));
    }
    Ok(commands)
}

/// The one `docker run` among commands, with the program first.
fn the_run<'c>(commands: &'c [Vec<Word>], source: Option<&Source>) -> Outcome<&'c [Word]> {
    let is_run = |command: &&Vec<Word>| {
        command.first().is_some_and(|first| is_docker(&first.text))
            && command.get(1).is_some_and(|word| word.text == "run")
    };
    let mut runs = commands.iter().filter(is_run);
    match (runs.next(), runs.next()) {
        (Some(run), None) => Ok(run),
        (_, Some(second)) => {
            let said = "this is a second `docker run`, and it is not certain which one is etcd's";
            Err(refused("container-runs", second[0].place.clone(), said, "give etcd's unit a script of its own"))
        }
        (None, _) => {
            let nothing = Source::new("", "");
            let place = commands
                .last()
                .and_then(|command| command.first())
                .map_or_else(|| Place::of(source.unwrap_or(&nothing), 0..0), |word| word.place.clone());
            let next = "let it call `docker run`, as kubespray's does, or start etcd from the unit itself";
            Err(refused("container-command", place, "nothing here starts etcd in a way that can be read", next))
        }
    }
}

/// etcd's flags: what follows its name after the image, and what the unit gives the script.
fn flags(command: &[Word], given: Vec<Word>, by_script: bool) -> Outcome<Vec<String>> {
    let mut words: Vec<Word> = command.to_vec();
    if words.last().is_some_and(|last| by_script && last.text == script::ALL_GIVEN) {
        words.pop();
        words.extend(given);
    }
    if let Some(first) = words.first().filter(|first| !first.text.starts_with('-')) {
        if first.text.rsplit('/').next() != Some("etcd") {
            let said = format!("the container starts {}, not etcd", word(&first.text));
            return Err(refused("container-program", first.place.clone(), said, "let it start etcd itself"));
        }
        words.remove(0);
    }
    let config = |one: &&Word| one.text.trim_start_matches('-').split('=').next() == Some("config-file");
    if let Some(one) = words.iter().find(config) {
        let said = "a container whose etcd has a config file is not handled here";
        return Err(refused("container-config-file", one.place.clone(), said, "write its settings into the env file"));
    }
    Ok(words.into_iter().map(|word| word.text).collect())
}

#[cfg(test)]
mod tests;
