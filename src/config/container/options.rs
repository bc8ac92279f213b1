//! The options of `docker run`. Knows which of them take a value; looks only at those that say what etcd is given.

use crate::config::{Outcome, refused};
use crate::model::ContainerName;
use crate::model::diagnostic::{Place, word};

use super::{Mount, Word};

/// Options that take no word after them; one that is not known here takes one, as most do (docker 17.03 to 28).
const BOOL: [&str; 16] = [
    "detach",
    "disable-content-trust",
    "help",
    "init",
    "interactive",
    "no-healthcheck",
    "oom-kill-disable",
    "privileged",
    "publish-all",
    "quiet",
    "read-only",
    "rm",
    "sig-proxy",
    "tty",
    "use-api-socket",
    "version",
];

/// Options of one letter, and their long names.
const SHORT: [(char, &str); 14] = [
    ('a', "attach"),
    ('c', "cpu-shares"),
    ('d', "detach"),
    ('e', "env"),
    ('h', "hostname"),
    ('i', "interactive"),
    ('l', "label"),
    ('m', "memory"),
    ('p', "publish"),
    ('P', "publish-all"),
    ('q', "quiet"),
    ('t', "tty"),
    ('u', "user"),
    ('v', "volume"),
];

/// What stands between `run` and the image, and what follows it.
#[derive(Debug)]
pub struct Options {
    given: Vec<Given>,
    /// The words after the image.
    pub command: Vec<Word>,
    place: Place,
}

#[derive(Debug)]
struct Given {
    name: String,
    value: String,
    place: Place,
}

impl Options {
    /// Reads the words after `run`; `place` is that of the command.
    ///
    /// # Errors
    /// An option that docker does not have, or that has no value; and where no image follows.
    pub fn read(words: &[Word], place: &Place) -> Outcome<Self> {
        let mut given = Vec::new();
        let mut rest = words.iter();
        while let Some(one) = rest.next() {
            let text = one.text.as_str();
            let mut next = |name: &str| match rest.next() {
                Some(value) => Ok(value.text.clone()),
                None => Err(refused(
                    "container-option",
                    one.place.clone(),
                    format!("the option --{name} has no value"),
                    "correct the command: docker does not start it",
                )),
            };
            if let Some(long) = text.strip_prefix("--").filter(|long| !long.is_empty()) {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, value.to_owned()),
                    None if BOOL.contains(&long) => (long, "true".to_owned()),
                    None => (long, next(long)?),
                };
                // Older docker's name of it.
                let name = if name == "net" { "network" } else { name }.to_owned();
                given.push(Given { name, value, place: one.place.clone() });
            } else if let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty() && text != "--") {
                for (at, letter) in letters.char_indices() {
                    let name = SHORT.iter().find(|(short, _)| *short == letter).map_or("", |(_, name)| *name);
                    let after = &letters[at + letter.len_utf8()..];
                    let is_bool = BOOL.contains(&name);
                    let value = match (is_bool, after.strip_prefix('=').unwrap_or(after)) {
                        (true, _) => "true".to_owned(),
                        (false, "") => next(if name.is_empty() { letters } else { name })?,
                        (false, joined) => joined.to_owned(),
                    };
                    given.push(Given { name: name.to_owned(), value, place: one.place.clone() });
                    if !is_bool {
                        break;
                    }
                }
            } else {
                let image = if text == "--" { rest.next().is_some() } else { true };
                if image {
                    return Ok(Self { given, command: rest.cloned().collect(), place: place.clone() });
                }
            }
        }
        let next = "correct the command: docker does not start it";
        Err(refused("container-image", place.clone(), "this `docker run` names no image", next))
    }

    fn all(&self, name: &'static str) -> impl DoubleEndedIterator<Item = &Given> {
        self.given.iter().filter(move |one| one.name == name)
    }

    fn last(&self, name: &'static str) -> Option<&Given> {
        self.all(name).next_back()
    }

    /// The container's name: the last one given counts.
    ///
    /// # Errors
    /// When it has none of its own.
    pub fn name(&self) -> Outcome<ContainerName> {
        let Some(one) = self.last("name") else {
            let said = "this container has no name, and only docker could tell which one it is";
            return Err(refused("container-name", self.place.clone(), said, "give it one: --name=etcd1"));
        };
        ContainerName::new(&one.value).map_err(|why| {
            refused("container-name", one.place.clone(), format!("the container's name {why}"), "give it another one")
        })
    }

    /// The file with etcd's settings.
    ///
    /// # Errors
    /// When there is not exactly one, or settings of etcd stand beside it.
    pub fn env_file(&self) -> Outcome<String> {
        if let Some(one) = self.all("env").find(|one| one.value.starts_with("ETCD_")) {
            let name = one.value.split('=').next().unwrap_or_default();
            let said = format!("{} is set in the command, beside the env file", word(name));
            return Err(refused("container-variable", one.place.clone(), said, "write it into the file of --env-file"));
        }
        let mut files = self.all("env-file");
        match (files.next(), files.next()) {
            (Some(one), None) if one.value.starts_with('/') => Ok(one.value.clone()),
            (Some(one), None) => {
                let said = format!("{} is no absolute path", word(&one.value));
                Err(refused("container-env-file", one.place.clone(), said, "write the whole path"))
            }
            (_, Some(second)) => {
                let said = "this is a second --env-file, and it is not certain where etcd's settings are";
                Err(refused("container-env-file", second.place.clone(), said, "put etcd's settings into one file"))
            }
            (None, _) => {
                let said =
                    "this container's etcd has its settings elsewhere than in an env file, which is not handled here";
                let next = "write them into a file, and name it: --env-file=/etc/etcd.env";
                Err(refused("container-env-file", self.place.clone(), said, next))
            }
        }
    }

    /// What is mounted where.
    ///
    /// # Errors
    /// A mount that cannot be read.
    pub fn mounts(&self) -> Outcome<Vec<Mount>> {
        let mut mounts = Vec::new();
        let plain = |path: &str| match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => path.to_owned(),
        };
        for one in &self.given {
            let (from, to) = match one.name.as_str() {
                "volume" => match one.value.split(':').collect::<Vec<_>>()[..] {
                    [from, to] | [from, to, _] => (from, to),
                    // A volume of docker's own.
                    _ => ("", one.value.as_str()),
                },
                "mount" => {
                    let part = |names: &[&str]| {
                        let parts = one.value.split(',').rev().filter_map(|part| part.split_once('='));
                        let mut those = parts.filter(|(name, _)| names.contains(name));
                        those.next().map(|(_, value)| value)
                    };
                    let (from, to) = (part(&["source", "src"]), part(&["target", "destination", "dst"]));
                    (from.unwrap_or_default(), to.unwrap_or_default())
                }
                "tmpfs" => ("", one.value.split(':').next().unwrap_or_default()),
                "volumes-from" => {
                    let said = "what this mounts is not said here";
                    return Err(refused("container-data", one.place.clone(), said, "mount each directory by -v"));
                }
                _ => continue,
            };
            mounts.push(Mount { from: plain(from), to: plain(to) });
        }
        Ok(mounts)
    }

    /// Whether it is one that can be stopped, held, started and asked here.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn is_to_be_handled(&self) -> Outcome<()> {
        let is_off = |one: &&Given| matches!(one.value.as_str(), "false" | "0" | "f" | "F" | "FALSE" | "False");
        if let Some(one) = self.last("detach").filter(|one| !is_off(one)) {
            let said = "a container in the background ends without its unit, which then does not know of it";
            return Err(refused(
                "container-detached",
                one.place.clone(),
                said,
                "let `docker run` wait: leave this out",
            ));
        }
        match self.last("network") {
            Some(one) if one.value == "host" => {}
            other => {
                let place = other.map_or_else(|| self.place.clone(), |one| one.place.clone());
                let said =
                    "this etcd is not in the master's own network, so that its ports are not where its settings say";
                return Err(refused("container-network", place, said, "run it with --net=host, as kubespray does"));
            }
        }
        match self.last("entrypoint") {
            Some(one) if one.value.rsplit('/').next() != Some("etcd") => {
                let said = format!("the container starts {}, not etcd", word(&one.value));
                Err(refused("container-program", one.place.clone(), said, "let it start etcd itself"))
            }
            _ => Ok(()),
        }
    }

    /// Whether docker removes it once it has ended.
    pub fn removed(&self) -> bool {
        self.last("rm").is_some_and(|one| one.value == "true")
    }
}
