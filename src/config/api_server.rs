//! What an API server's flags say of etcd, in the manifest of its pod or in its unit, and its list of etcd servers rewritten.
//! Does not know where the file lies, nor whose servers they are.
//!
//! Of its many flags only these are understood. What is rewritten is the value of one word, so all else stays byte for byte.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::model::control_plane::Program;
use crate::model::diagnostic::{Diagnostic, Place, Source, word};
use crate::model::yaml::{self, Kind, Node};

use super::pod::{Word, child, text_at, words_of};
use super::{Form, Outcome, TextFile, container, refused};

/// The file in which an API server's flags are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiServerFile {
    pub form: Form,
    /// Where it lies on the node.
    pub path: String,
    pub text: String,
    /// What systemd reads for the unit, in its order, this file among it; nothing of a pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unit_files: Vec<TextFile>,
}

/// The servers of etcd that an API server knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdServers {
    /// `--etcd-servers`.
    pub servers: Vec<String>,
    /// `--etcd-servers-overrides`: a resource, and the servers that have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<(String, Vec<String>)>,
}

impl EtcdServers {
    /// Every server, those of single resources too.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.servers.iter().chain(self.overrides.iter().flat_map(|(_, servers)| servers))
    }

    /// The same with other servers in each list; a list is told by its resource.
    #[must_use]
    pub fn each(&self, list: impl Fn(Option<&str>, &[String]) -> Vec<String>) -> Self {
        let one = |(resource, servers): &(String, Vec<String>)| (resource.clone(), list(Some(resource), servers));
        Self { servers: list(None, &self.servers), overrides: self.overrides.iter().map(one).collect() }
    }

    /// That of a resource, or that of all others.
    #[must_use]
    pub fn of(&self, resource: Option<&str>) -> Option<&[String]> {
        let Some(resource) = resource else { return Some(&self.servers) };
        self.overrides.iter().find(|(name, _)| name == resource).map(|(_, servers)| servers.as_slice())
    }

    fn list(&self) -> String {
        self.servers.join(",")
    }

    fn overrides(&self) -> String {
        let one = |(resource, servers): &(String, Vec<String>)| format!("{resource}#{}", servers.join(";"));
        self.overrides.iter().map(one).collect::<Vec<_>>().join(",")
    }
}

/// What is known of an API server by its flags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiServerFlags {
    pub etcd: EtcdServers,
    /// Where it can be asked on its own node: `127.0.0.1:6443`.
    pub address: String,
    /// What stands before the keys in etcd.
    pub prefix: String,
    /// A certificate that it accepts of a client, and its key: its own towards kubelets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<(String, String)>,
}

const SERVERS: &str = "etcd-servers";
const OVERRIDES: &str = "etcd-servers-overrides";

/// The command, and the file in which it stands.
struct Command {
    source: Source,
    words: Vec<Word>,
}

/// Which program a manifest starts; a file that is no YAML is taken for what it is called.
#[must_use]
pub fn program_of(path: &str, text: &str) -> Option<Program> {
    let source = Source::new(path, text);
    let file = path.rsplit('/').next().unwrap_or_default();
    let Ok(root) = yaml::parse_foreign(&source) else {
        return Program::ALL.into_iter().find(|program| file.starts_with(program.name()));
    };
    let names = |node: &Node, program: Program| {
        let words = ["command", "args"].into_iter().filter_map(|key| child(node, key));
        let words = words.filter_map(|node| words_of(&source, node).ok()).flatten();
        // A shell is given all in one word.
        words
            .flat_map(|word| word.text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .any(|word| word.rsplit('/').next() == Some(program.name()))
    };
    let containers = containers(&root);
    Program::ALL.into_iter().find(|program| containers.iter().any(|node| names(node, *program)))
}

fn containers(root: &Node) -> Vec<&Node> {
    match child(root, "spec").and_then(|spec| child(spec, "containers")).map(|node| &node.kind) {
        Some(Kind::List(items)) => items.iter().collect(),
        _ => Vec::new(),
    }
}

impl ApiServerFile {
    /// The manifest of its static pod.
    #[must_use]
    pub fn manifest(path: &str, text: &str) -> Self {
        Self { form: Form::Manifest, path: path.to_owned(), text: text.to_owned(), unit_files: Vec::new() }
    }

    /// That one of a unit's files in which the command stands.
    ///
    /// # Errors
    /// Where and why it cannot be read.
    pub fn unit(unit_files: Vec<TextFile>) -> Result<Self, String> {
        let command = unit_command(&unit_files).map_err(|why| why.in_one_line())?;
        let Source { name: path, text, .. } = command.source;
        Ok(Self { form: Form::UnitFlags, path, text, unit_files })
    }

    /// What its flags say.
    ///
    /// # Errors
    /// Where and why that is not certain.
    pub fn flags(&self) -> Result<ApiServerFlags, String> {
        self.read().map_err(|why| why.in_one_line())
    }

    /// Its text with these servers, and every other byte as it is.
    ///
    /// # Errors
    /// Where and why it cannot be written.
    pub fn with_servers(&self, etcd: &EtcdServers) -> Result<String, String> {
        self.rewritten(etcd).map_err(|why| why.in_one_line())
    }

    fn command(&self) -> Outcome<Command> {
        match self.form {
            Form::UnitFlags => unit_command(&self.unit_files),
            Form::Manifest | Form::EnvFile | Form::UnitEnvFile | Form::ConfigFile => {
                let source = Source::new(&self.path, &self.text);
                pod_command(source)
            }
        }
    }

    fn read(&self) -> Outcome<ApiServerFlags> {
        let command = self.command()?;
        let value = |flag: &str| command.value(flag).map(|found| found.map(|(value, _)| value));
        let list = |text: &str, by: char| -> Vec<String> {
            text.split(by).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let Some((servers, _)) = command.value(SERVERS)? else {
            let next = "name etcd's servers there: `--etcd-servers=URL,URL`";
            return Err(refused("api-server-flags", command.place(), "this API server names no --etcd-servers", next));
        };
        let mut overrides = Vec::new();
        if let Some((text, at)) = command.value(OVERRIDES)? {
            for one in list(&text, ',') {
                let Some((resource, servers)) = one.split_once('#') else {
                    let said = format!("{} is no `/RESOURCE#URL;URL`", word(&one));
                    let place = Place::of(&command.source, command.words[at].span.clone());
                    return Err(refused("api-server-flags", place, said, "correct it"));
                };
                overrides.push((resource.to_owned(), list(servers, ';')));
            }
        }
        let port = value("secure-port")?.unwrap_or_else(|| "6443".to_owned());
        let host = value("bind-address")?.filter(|host| !["", "0.0.0.0", "::"].contains(&host.as_str()));
        let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let prefix = value("etcd-prefix")?.unwrap_or_else(|| "/registry".to_owned());
        Ok(ApiServerFlags {
            etcd: EtcdServers { servers: list(&servers, ','), overrides },
            address: format!("{host}:{port}"),
            prefix: prefix.trim_end_matches('/').to_owned(),
            client: value("kubelet-client-certificate")?.zip(value("kubelet-client-key")?),
        })
    }

    fn rewritten(&self, etcd: &EtcdServers) -> Outcome<String> {
        let (command, before) = (self.command()?, self.read()?);
        let fine = |server: &String| {
            !server.is_empty() && server.chars().all(|c| c.is_ascii_graphic() && !"'\"\\,;#$%{}".contains(c))
        };
        if etcd.servers.is_empty() || !etcd.all().all(fine) {
            let said = "the new list of etcd servers is empty, or holds what cannot be written";
            return Err(refused("api-server-value", command.place(), said, "look where it comes from"));
        }
        let mut text = self.text.clone();
        let mut edits = Vec::new();
        for (flag, now, then) in [
            (SERVERS, before.etcd.servers == etcd.servers, etcd.list()),
            (OVERRIDES, before.etcd.overrides == etcd.overrides, etcd.overrides()),
        ] {
            if let (false, Some((value, at))) = (now, command.value(flag)?) {
                edits.push(command.edit(at, &value, &then)?);
            }
        }
        edits.sort_by_key(|(span, _): &(Range<usize>, String)| span.start);
        for (span, written) in edits.into_iter().rev() {
            text.replace_range(span, &written);
        }
        let after = self.with(&text).read()?;
        if after == (ApiServerFlags { etcd: etcd.clone(), ..before }) {
            return Ok(text);
        }
        let said = "this file, once rewritten, would not say what it should";
        Err(refused(
            "api-server-rewrite",
            command.place(),
            said,
            "write each flag as `--name=value`, a word of its own",
        ))
    }

    /// The same file with another text.
    #[must_use]
    pub fn with(&self, text: &str) -> Self {
        let mut unit_files = self.unit_files.clone();
        unit_files.iter_mut().filter(|file| file.path == self.path).for_each(|file| text.clone_into(&mut file.text));
        Self { text: text.to_owned(), unit_files, ..self.clone() }
    }
}

impl Command {
    fn place(&self) -> Place {
        let span = self.words.first().map_or(0..0, |word| word.span.clone());
        Place::of(&self.source, span)
    }

    /// A flag's value, and the word that holds it. A list that stands twice is the sum of both (pflag's `StringSlice`).
    fn value(&self, flag: &str) -> Outcome<Option<(String, usize)>> {
        let mut found: Option<(String, usize)> = None;
        for (at, one) in self.words.iter().enumerate() {
            let rest = one.text.strip_prefix("--").and_then(|rest| rest.strip_prefix(flag));
            let value = match rest {
                Some("") => self.words.get(at + 1).map(|next| (next.text.clone(), at + 1)),
                Some(rest) => rest.strip_prefix('=').map(|value| (value.to_owned(), at)),
                None => None,
            };
            let Some((value, holds)) = value else { continue };
            let place = Place::of(&self.source, one.span.clone());
            if let Some((_, first)) = &found {
                let first = Place::of(&self.source, self.words[*first].span.clone());
                let refusal = Diagnostic::error("api-server-twice", place, format!("--{flag} stands twice here"))
                    .hint("put all into one")
                    .related(first, "it stands here first");
                return Err(Box::new(refusal));
            }
            if value.contains('$') {
                let said = format!("the value of --{flag} contains a variable, which only the node can resolve");
                return Err(refused("api-server-variable", place, said, "write the value itself"));
            }
            found = Some((value, holds));
        }
        Ok(found)
    }

    /// What a word becomes: its quotes and whatever stands beside the value stay.
    fn edit(&self, at: usize, value: &str, then: &str) -> Outcome<(Range<usize>, String)> {
        let span = self.words[at].span.clone();
        let now = &self.source.text[span.clone()];
        if value.is_empty() || now.matches(value).count() != 1 {
            let said = "this value does not stand in the file as the program gets it";
            let place = Place::of(&self.source, span);
            return Err(refused("api-server-form", place, said, "write it without escapes, in one line"));
        }
        Ok((span, now.replacen(value, then, 1)))
    }
}

fn pod_command(source: Source) -> Outcome<Command> {
    let root = yaml::parse_foreign(&source)?;
    let at = |node: &Node| Place::of(&source, node.span.clone());
    if text_at(&root, &["kind"]) != Some("Pod") {
        let next = "name the API server's manifest in the kubelet's folder, with `kind: Pod`";
        return Err(refused("api-server-kind", at(&root), "this is not the manifest of a pod", next));
    }
    let all = containers(&root);
    let [only] = all[..] else {
        let said = "this pod has not exactly one container, and it is not certain which of them is the API server";
        return Err(refused("api-server-containers", at(&root), said, "give the API server a pod of its own"));
    };
    let mut words = Vec::new();
    for key in ["command", "args"] {
        if let Some(node) = child(only, key) {
            words.extend(words_of(&source, node)?);
        }
    }
    let program = words.first().map_or("", |word| word.text.as_str());
    if program.rsplit('/').next() != Some(Program::KubeApiserver.name()) {
        let place = words.first().map_or_else(|| at(only), |word| Place::of(&source, word.span.clone()));
        let said = format!("this container starts {}, not kube-apiserver with its flags", word(program));
        return Err(refused("api-server-wrapper", place, said, "write kube-apiserver and its flags into `command`"));
    }
    Ok(Command { source, words })
}

fn unit_command(files: &[TextFile]) -> Outcome<Command> {
    let sources: Vec<Source> = files.iter().map(|file| Source::new(&file.path, &file.text)).collect();
    let words = container::unit_command(Program::KubeApiserver.name(), &sources)?;
    let place = words.first().map(|word| word.place.clone());
    let source = place.as_ref().and_then(|place| sources.iter().find(|source| source.name == place.file)).cloned();
    let (Some(source), Some(place)) = (source, place) else {
        let nothing = Source::new(Program::KubeApiserver.name(), "");
        let next = "look at `systemctl cat` of the unit";
        return Err(refused("api-server-unit", Place::of(&nothing, 0..0), "this unit starts nothing", next));
    };
    let words: Vec<Word> = words.into_iter().map(|one| Word { text: one.text, span: one.place.span }).collect();
    let program = words.first().map_or("", |word| word.text.as_str());
    if program.rsplit('/').next() != Some(Program::KubeApiserver.name()) {
        let said = format!("this unit starts {}, not kube-apiserver with its flags", word(program));
        return Err(refused("api-server-wrapper", place, said, "let the unit start kube-apiserver itself"));
    }
    Ok(Command { source, words })
}

#[cfg(test)]
mod tests;
