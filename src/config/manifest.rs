//! The manifest of etcd as a static pod: its flags, and the identity in them rewritten. Does not know where it lies.
//!
//! A kubelet reads it as Kubernetes does, and gives the container the words of `command` and `args`. kubeadm writes each
//! flag as `- --name=value`. What is rewritten is the span of one word, so all else stays byte for byte.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::diagnostic::{Diagnostic, Place, Source, word};
use crate::model::yaml::{self, Kind, Node};

use super::flags::{self, Flag, Value};
use super::pod::{Word, child, text_at, words_of};
use super::{Identity, OWNED, Outcome, refused};

/// A manifest as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    source: Source,
    /// The container's words after the program's name.
    words: Vec<Word>,
    flags: Vec<Flag>,
    values: BTreeMap<String, String>,
    /// Whether the master's directory that the pod is given is the data directory itself.
    data_is_volume: bool,
}

/// Variables beside which a flag would be fatal, or which decide what a member is.
const DECISIVE: [&str; 5] = ["name", "data-dir", "wal-dir", "config-file", "force-new-cluster"];

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// When it is no pod with one container that runs etcd with its flags, or when it is not certain what etcd is given.
    pub fn parse(source: Source) -> Outcome<Self> {
        let root = yaml::parse_foreign(&source)?;
        let at = |node: &Node| Place::of(&source, node.span.clone());
        if text_at(&root, &["kind"]) != Some("Pod") {
            return Err(refused(
                "manifest-kind",
                at(&root),
                "this is not the manifest of a pod",
                "name etcd's manifest in the kubelet's folder, with `kind: Pod`",
            ));
        }
        let containers = child(&root, "spec").and_then(|spec| child(spec, "containers"));
        let container = match containers.map(|node| (node, &node.kind)) {
            Some((_, Kind::List(items))) if items.len() == 1 => &items[0],
            Some((node, _)) => {
                return Err(refused(
                    "manifest-containers",
                    at(node),
                    "this pod has not exactly one container, and it is not certain which of them is etcd",
                    "give etcd a pod of its own",
                ));
            }
            None => {
                let next = "it needs `spec.containers`, as kubeadm writes it";
                return Err(refused("manifest-containers", at(&root), "this pod has no containers", next));
            }
        };
        let mut words = Vec::new();
        for key in ["command", "args"] {
            if let Some(node) = child(container, key) {
                words.extend(words_of(&source, node)?);
            }
        }
        let program = words.first().map_or("", |word| word.text.as_str());
        if program.rsplit('/').next() != Some("etcd") {
            let place = words.first().map_or_else(|| at(container), |word| Place::of(&source, word.span.clone()));
            let said = format!("this container starts {}, not etcd with its flags", self::word(program));
            return Err(refused("manifest-wrapper", place, said, "write etcd and its flags into `command`"));
        }
        words.remove(0);
        let mut manifest = Self { source, words, flags: Vec::new(), values: BTreeMap::new(), data_is_volume: false };
        manifest.read(container, &root)?;
        Ok(manifest)
    }

    /// The values by flag.
    #[must_use]
    pub const fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    fn read(&mut self, container: &Node, root: &Node) -> Outcome<()> {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        self.flags = flags::read(&words).map_err(|(at, why)| {
            let said = format!("{}: {why}", word(&self.words[at].text));
            refused("manifest-flag", self.place(at), said, "write each flag as `- --name=value`")
        })?;
        for flag in &self.flags {
            let value = match flag.value {
                Value::Joined(from) => self.words[flag.at].text[from..].to_owned(),
                Value::Next => self.words[flag.at + 1].text.clone(),
                Value::Bare => "true".to_owned(),
            };
            // The kubelet puts a variable's value there.
            if value.contains("$(") && !flag.name.starts_with("log-") {
                let said = format!("the value of --{} contains `$(`, which only the node can resolve", flag.name);
                return Err(refused("manifest-variable", self.place(flag.at), said, "write the value itself"));
            }
            self.values.insert(flag.name.clone(), flags::value(&flag.name, &value));
        }
        if let Some(flag) = self.flags.iter().find(|flag| flag.name == "config-file") {
            let said = "a pod whose etcd has a config file is not handled here";
            return Err(refused("manifest-config-file", self.place(flag.at), said, "write its settings as flags"));
        }
        self.environment(container)?;
        self.mounts(container, root)
    }

    /// What the container's environment sets. A flag beside its variable is fatal (etcd `pkg/flags`).
    fn environment(&mut self, container: &Node) -> Outcome<()> {
        if let Some(from) = child(container, "envFrom") {
            let said = "this container takes variables from elsewhere (`envFrom`), settings of etcd perhaps among them";
            return Err(refused("manifest-variable", self.of(from), said, "write them out as flags"));
        }
        let Some(Node { kind: Kind::List(variables), .. }) = child(container, "env") else { return Ok(()) };
        // Of a variable that stands twice the kubelet takes the last.
        let mut said = BTreeMap::new();
        for variable in variables {
            let Some(flag) = text_at(variable, &["name"]).and_then(flags::of_variable) else { continue };
            if OWNED.contains(&flag.as_str()) || DECISIVE.contains(&flag.as_str()) || flags::is_discovery(&flag) {
                let said = format!("this variable sets --{flag}, which is read among the flags here");
                return Err(refused(
                    "manifest-variable",
                    self.of(variable),
                    said,
                    format!("write it as `- --{flag}=…`"),
                ));
            }
            match text_at(variable, &["value"]) {
                Some(value) if !value.contains("$(") => drop(said.insert(flag.clone(), flags::value(&flag, value))),
                None if child(variable, "valueFrom").is_none() => {}
                _ => {
                    let said = format!("the value of --{flag} stands elsewhere, and only the kubelet knows it");
                    return Err(refused("manifest-variable", self.of(variable), said, "write the value itself"));
                }
            }
        }
        for (flag, value) in said {
            self.values.entry(flag).or_insert(value);
        }
        Ok(())
    }

    /// Data and log must lie where the pod sees them: what is restored and moved is the master's directory.
    fn mounts(&mut self, container: &Node, root: &Node) -> Outcome<()> {
        let empty = Vec::new();
        let list = |node: Option<&Node>| match node.map(|node| &node.kind) {
            Some(Kind::List(items)) => items.clone(),
            _ => empty.clone(),
        };
        let volumes = list(child(root, "spec").and_then(|spec| child(spec, "volumes")));
        let mounts = list(child(container, "volumeMounts"));
        for flag in ["data-dir", "wal-dir"] {
            let Some(dir) = self.values.get(flag).filter(|dir| !dir.is_empty()) else { continue };
            let holds = |path: &str| *dir == path || dir.starts_with(&format!("{}/", path.trim_end_matches('/')));
            let mount = mounts.iter().filter_map(|mount| Some((mount, text_at(mount, &["mountPath"])?)));
            let Some((mount, path)) = mount.filter(|(_, path)| holds(path)).max_by_key(|(_, path)| path.len()) else {
                let said = format!("{} lies within the container: it would be lost with it", word(dir));
                return Err(refused(
                    "manifest-mount",
                    self.of(container),
                    said,
                    "mount it from the master (`hostPath`)",
                ));
            };
            let name = text_at(mount, &["name"]);
            let volume = volumes.iter().find(|volume| text_at(volume, &["name"]) == name);
            let host = volume.and_then(|volume| text_at(volume, &["hostPath", "path"]));
            if host.map(|host| host.trim_end_matches('/')) != Some(path.trim_end_matches('/')) {
                let said = format!("the pod sees {} where it does not lie on the master", word(path));
                let next = "mount the master's directory under the same path";
                return Err(refused("manifest-mount", self.of(mount), said, next));
            }
            let whole = dir.trim_end_matches('/') == path.trim_end_matches('/');
            if whole && flag == "wal-dir" {
                let said = format!("{} is a mount point for the pod: etcd cannot make a new log there", word(dir));
                let next = "mount the directory above it, and let `--wal-dir` name one inside";
                return Err(refused("manifest-mount", self.of(mount), said, next));
            }
            self.data_is_volume |= whole && flag == "data-dir";
        }
        Ok(())
    }

    /// Whether its data directory is this one, and a volume itself.
    pub(super) fn is_volume(&self, dir: &str) -> bool {
        let data_dir = self.values.get("data-dir").map(|data| data.trim_end_matches('/'));
        self.data_is_volume && data_dir == Some(dir)
    }

    fn place(&self, at: usize) -> Place {
        Place::of(&self.source, self.words[at].span.clone())
    }

    fn of(&self, node: &Node) -> Place {
        Place::of(&self.source, node.span.clone())
    }

    /// The whole text with this identity, and every other byte as it was.
    ///
    /// # Errors
    /// When a value cannot be written, or what stands there now cannot be replaced with certainty.
    pub fn with_identity(&self, identity: &Identity) -> Outcome<String> {
        if let Some(name) = identity.unwritable() {
            let said = format!("the new value of --{name} is empty, or holds a control character");
            return Err(refused("manifest-value", Place::of(&self.source, 0..0), said, "look where it comes from"));
        }
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut missing = Vec::new();
        for (name, value) in identity.settings() {
            match self.owned(name)? {
                Some(flag) => edits.push(self.edit(flag, name, value)?),
                None => missing.push(format!("--{name}={value}")),
            }
        }
        if !missing.is_empty() {
            edits.push(self.added(&missing)?);
        }
        edits.sort_by_key(|(span, _)| (span.start, span.end));
        let mut text = self.source.text.clone();
        for (span, written) in edits.into_iter().rev() {
            text.replace_range(span, &written);
        }
        self.compared(text, identity)
    }

    /// The one place in which a setting that is rewritten stands.
    fn owned(&self, name: &str) -> Outcome<Option<&Flag>> {
        let mut found = self.flags.iter().filter(|flag| flag.name == name);
        let Some(first) = found.next() else { return Ok(None) };
        if let Some(second) = found.next() {
            let said = format!("--{name} stands twice in this manifest");
            let refusal = Diagnostic::error("manifest-twice", self.place(second.at), said)
                .hint("keep the one that is meant: etcd takes the last")
                .related(self.place(first.at), "it stands here first");
            return Err(Box::new(refusal));
        }
        Ok(Some(first))
    }

    /// What a flag's word becomes.
    fn edit(&self, flag: &Flag, name: &str, value: &str) -> Outcome<(Range<usize>, String)> {
        let (at, text) = match flag.value {
            Value::Next => (flag.at + 1, value.to_owned()),
            Value::Joined(_) | Value::Bare => (flag.at, format!("--{name}={value}")),
        };
        let span = self.words[at].span.clone();
        let now = &self.source.text[span.clone()];
        // The span of a word with an anchor or a tag begins behind it.
        let before = self.source.text[..span.start].rsplit('\n').next().unwrap_or_default();
        let marked = before.contains(['&', '*', '!']) || now.starts_with(['&', '*', '!', '|', '>']);
        if marked || now.contains('\n') {
            let said = format!("--{name} has an anchor, an alias or a tag, or stands in several lines");
            return Err(refused("manifest-form", self.place(at), said, format!("write it as `- --{name}=VALUE`")));
        }
        Ok((span, quoted(&text, now)))
    }

    /// The lines that are added: after that of the member list, or else after the last word.
    fn added(&self, missing: &[String]) -> Outcome<(Range<usize>, String)> {
        let list = self.flags.iter().find(|flag| flag.name == OWNED[0]);
        let at = list.map_or(self.words.len().saturating_sub(1), |flag| match flag.value {
            Value::Next => flag.at + 1,
            Value::Joined(_) | Value::Bare => flag.at,
        });
        let not_here = |place: Place| {
            let said = "flags are to be added after this, and its list is not written with one word a line";
            refused("manifest-form", place, said, "write `command` with one flag a line: `- --name=value`")
        };
        let Some(last) = self.words.get(at) else { return Err(not_here(Place::of(&self.source, 0..0))) };
        let text = &self.source.text;
        let line = text[..last.span.start].rfind('\n').map_or(0, |at| at + 1);
        let begin = &text[line..last.span.start];
        let end = text[last.span.end..].find('\n').map_or(text.len(), |at| last.span.end + at);
        let after = text[last.span.end..end].trim();
        if begin.trim() != "-" || !(after.is_empty() || after.starts_with('#')) {
            return Err(not_here(self.place(at)));
        }
        let ending = if text[..end].ends_with('\r') { "\r\n" } else { "\n" };
        let end = if ending == "\r\n" { end - 1 } else { end };
        let lines: String = missing.iter().map(|word| format!("{ending}{begin}{}", quoted(word, ""))).collect();
        Ok((end..end, lines))
    }

    /// The new text, read again: it says the identity, and all else as before.
    fn compared(&self, text: String, identity: &Identity) -> Outcome<String> {
        let after = Self::parse(Source::new(self.source.name.clone(), text))?;
        if identity.is_all_that_differs(&self.values, &after.values) {
            return Ok(after.source.text);
        }
        Err(refused(
            "manifest-rewrite",
            Place::of(&self.source, 0..0),
            "the manifest, once rewritten, would not say what it should",
            "write each flag as `- --name=value`, one a line",
        ))
    }
}

/// A word as YAML, quoted as what stands there `now` is, and otherwise only where it is needed.
fn quoted(text: &str, now: &str) -> String {
    if now.starts_with('"') {
        return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    let plain = text.starts_with(|c: char| c == '-' || c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/:=,@+-[]".contains(c))
        && !text.ends_with(':');
    if now.starts_with('\'') || !plain {
        return format!("'{}'", text.replace('\'', "''"));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests;
