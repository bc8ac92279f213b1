//! Templates: make the text of a file of settings from the node's own file and the cluster that it will belong to. Knows
//! nothing about hosts.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig};
use serde::Serialize;

use crate::config::env_file::{self, EnvFile};
use crate::config::{Form, Identity, SettingsFile};
use crate::model::diagnostic::{Diagnostic, Place, Source, nearest, one_of, word};

/// What a template may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Context {
    /// The master it is rendered for.
    pub node: Node,
    /// The settings of the node's file, by name.
    pub current: BTreeMap<String, String>,
    /// The lines of the node's file.
    pub lines: Vec<Line>,
    /// The node's file with the cluster's settings, and every other byte as it is.
    pub rewritten: String,
    /// The cluster that the node shall belong to.
    pub cluster: Target,
}

/// A master, for a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its name in the inventory.
    pub name: String,
    /// Its etcd's name.
    pub member: String,
    pub zone: String,
    pub address: String,
}

/// A line of the node's file, without its ending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    pub text: String,
    /// The setting's name in an env file; empty for a comment or a blank line, and in files of other forms.
    pub key: String,
}

/// The cluster to belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    pub token: String,
    /// Always [`STATE`].
    pub state: &'static str,
    /// Its members.
    pub initial_cluster: Vec<Peer>,
    /// Its members as etcd wants them: `name=url,…`.
    pub initial_cluster_text: String,
}

/// A member as others reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// The member's name.
    pub name: String,
    /// One of its peer URLs; a member with two stands in the list twice.
    pub peer_url: String,
}

/// What every file says of the cluster's state. With `new`, an empty data directory would become an empty
/// cluster that takes writes.
pub const STATE: &str = "existing";

/// Everything that [`Context`] holds, for hints.
const KNOWN: [&str; 11] = [
    "node.name",
    "node.member",
    "node.zone",
    "node.address",
    "current",
    "lines",
    "rewritten",
    "cluster.token",
    "cluster.state",
    "cluster.initial_cluster",
    "cluster.initial_cluster_text",
];

/// How much work a template may be: the shipped one needs about twenty a line.
const FUEL: u64 = 500_000;
const RECURSION: usize = 50;
/// The largest text rendered; an env file has a few kilobytes.
const MOST_BYTES: usize = 1 << 20;

/// The largest template that is read: the shipped one has a kilobyte. The engine takes time by the square of some: half a
/// minute for 64 KiB of `x~x~x…`.
const MOST_TEMPLATE: usize = 16 << 10;
/// Address space, of which only what is used takes memory: some kilobytes for each byte of a template.
const STACK: usize = 512 << 20;

impl Context {
    /// What a template is given for `node`, whose file is `current`.
    ///
    /// # Errors
    /// Why the cluster's settings cannot be written into that file.
    pub fn new(node: Node, current: &SettingsFile, token: &str, members: Vec<Peer>) -> Result<Self, String> {
        let cluster = Target::new(token, members);
        let rewritten = current.with_identity(&cluster.identity())?;
        let lines = match current.form {
            Form::EnvFile => EnvFile::parse(&current.text).lines().iter().map(Line::of_env_file).collect(),
            Form::UnitFlags | Form::UnitEnvFile | Form::ConfigFile | Form::Manifest => {
                current.text.lines().map(Line::plain).collect()
            }
        };
        Ok(Self { node, current: current.named(), lines, rewritten, cluster })
    }
}

impl Line {
    fn of_env_file(line: &env_file::Line) -> Self {
        let key = line.setting.as_ref().map(|(key, _)| key.clone()).unwrap_or_default();
        Self { text: line.text.trim_end_matches(['\r', '\n']).to_owned(), key }
    }

    fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), key: String::new() }
    }
}

impl Target {
    /// A cluster of these members.
    #[must_use]
    pub fn new(token: &str, members: Vec<Peer>) -> Self {
        let text = members.iter().map(|peer| format!("{}={}", peer.name, peer.peer_url)).collect::<Vec<_>>().join(",");
        Self { token: token.to_owned(), state: STATE, initial_cluster: members, initial_cluster_text: text }
    }

    /// What every rendered file must say of it.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let (initial_cluster, token) = (self.initial_cluster_text.clone(), self.token.clone());
        Identity { initial_cluster, state: self.state.to_owned(), token }
    }
}

/// Renders a template.
///
/// # Errors
/// Where the template is wrong: every name it does not know, or the first other mistake.
pub fn render(name: &str, text: &str, context: &Context) -> Result<String, Vec<Diagnostic>> {
    let source = Source::new(name, text);
    let rendered = deep(&source, || {
        let environment = environment().map_err(|error| vec![diagnostic(&source, &error)])?;
        let template = known_template(&environment, &source)?;
        template.render(minijinja::value::Serde(context)).map_err(|error| vec![diagnostic(&source, &error)])
    })?;
    if rendered.len() > MOST_BYTES {
        let said = format!("the template gives {} bytes; at most {MOST_BYTES} are written", rendered.len());
        return Err(vec![Diagnostic::error("too-large", Place::of(&source, 0..0), said)]);
    }
    Ok(rendered)
}

/// Reads a template without rendering it.
///
/// # Errors
/// As [`render`]'s, but for what shows only with values.
pub fn check(source: &Source) -> Result<(), Vec<Diagnostic>> {
    deep(source, || {
        let environment = environment().map_err(|error| vec![diagnostic(source, &error)])?;
        known_template(&environment, source).map(drop)
    })
}

/// Does what may nest as deep as the template is long, with a stack that is deep enough for that: the engine has no limit
/// of its own for `x.y.y.y…` or `- - - 1`, and a stack that overflows would end the program without a word.
fn deep<T: Send>(
    source: &Source,
    work: impl FnOnce() -> Result<T, Vec<Diagnostic>> + Send,
) -> Result<T, Vec<Diagnostic>> {
    let wrong = |code, why: String| Err(vec![Diagnostic::error(code, Place::of(source, 0..0), why)]);
    let bytes = source.text.len();
    if bytes > MOST_TEMPLATE {
        return wrong("too-large", format!("the template has {bytes} bytes; at most {MOST_TEMPLATE} are read"));
    }
    std::thread::scope(|scope| match std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work) {
        Ok(thread) => thread.join().unwrap_or_else(|_| wrong("bad-template", "it cannot be read as a template".into())),
        Err(error) => wrong("bad-template", format!("there is not enough memory to read it: {error}")),
    })
}

/// A template in which every name is known.
fn known_template<'e, 's: 'e>(
    environment: &'e Environment<'s>,
    source: &'s Source,
) -> Result<minijinja::Template<'e, 's>, Vec<Diagnostic>> {
    let template = environment
        .template_from_named_str(&source.name, &source.text)
        .map_err(|error| vec![diagnostic(source, &error)])?;
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    let unknown = unknown_names(source, &template.undeclared_variables(true), &globals);
    if unknown.is_empty() { Ok(template) } else { Err(unknown) }
}

/// The settings that say who a member is and where its data lies: rendering may not change them.
const KEPT: [&str; 5] = ["name", "initial-advertise-peer-urls", "listen-peer-urls", "data-dir", "wal-dir"];

/// Reads a rendered file back and compares it with what was meant, whatever the template was: `before` is the node's file.
///
/// # Errors
/// The first setting that is not as it must be.
pub fn check_rendered(text: &str, before: &SettingsFile, expected: &Context) -> Result<(), String> {
    if text.contains('\0') {
        return Err("the rendered file holds a NUL character".to_owned());
    }
    let (was, is) = (before.values()?, before.with(text).values()?);
    let kept = KEPT.map(|flag| (flag, was.get(flag).map(String::as_str)));
    let identity = expected.cluster.identity();
    let owned = identity.settings().map(|(flag, value)| (flag, Some(value)));
    for (flag, wanted) in owned.into_iter().chain(kept) {
        let found = is.get(flag).map(String::as_str);
        if found != wanted {
            let shown =
                |value: Option<&str>| value.map_or_else(|| "is not set".to_owned(), |text| format!("is {text:?}"));
            return Err(format!(
                "{} {} in the rendered file, where it {} as meant",
                before.key(flag),
                shown(found),
                shown(wanted)
            ));
        }
    }
    if is.get("name").is_some_and(|name| *name != expected.node.member) {
        return Err(format!("{} is not {:?}, the member's name", before.key("name"), expected.node.member));
    }
    // It would throw every other member out of the list at each start.
    match is.get("force-new-cluster").map(String::as_str) {
        None | Some("" | "false" | "0") => Ok(()),
        Some(_) => Err(format!("{} is set in the rendered file", before.key("force-new-cluster"))),
    }
}

fn environment<'t>() -> Result<Environment<'t>, Error> {
    let mut environment = Environment::new();
    environment
        .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    // Ranges in errors come with it; the values it would show are never printed here.
    environment.set_debug(true);
    // minijinja writes `none` and `True`, and etcd would take them for values.
    environment.set_formatter(|out, state, value| match bool::try_from(value.clone()) {
        _ if value.is_undefined() || value.is_none() => {
            Err(Error::new(ErrorKind::InvalidOperation, "nothing is there to be written"))
        }
        Ok(truth) => Ok(out.write_str(if truth { "true" } else { "false" })?),
        Err(_) => minijinja::escape_formatter(out, state, value),
    });
    environment.add_filter("env_value", env_value);
    Ok(environment)
}

fn env_value(value: &str) -> Result<String, Error> {
    env_file::quoted(value).ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, "the value holds a line break or another control character")
    })
}

/// A mistake for every name that no template is given, found without rendering.
fn unknown_names(source: &Source, used: &HashSet<String>, globals: &BTreeSet<&str>) -> Vec<Diagnostic> {
    let known = |name: &str| {
        globals.contains(name)
            || KNOWN.iter().any(|known| {
                let below = name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
                let above = known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
                below || above
            })
    };
    let searched = without_comments(&source.text);
    let mut found: Vec<_> =
        used.iter().filter(|name| !known(name)).filter_map(|name| Some((place_of(&searched, name)?, name))).collect();
    found.sort();
    found
        .into_iter()
        .map(|(at, name)| {
            let place = Place::of(source, at..at + name.len());
            let said = format!("{} is unknown in a template", word(name));
            Diagnostic::error("unknown-variable", place, said).hint(known_names(name))
        })
        .collect()
}

fn known_names(name: &str) -> String {
    nearest(name, &KNOWN)
        .map_or_else(|| format!("known are {}", one_of(&KNOWN)), |near| format!("did you mean `{near}`?"))
}

/// The text with its comments blanked out, every byte in its place.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{#") {
        let end = rest[start..].find("#}").map_or(rest.len(), |at| start + at + 2);
        kept.push_str(&rest[..start]);
        kept.push_str(&" ".repeat(end - start));
        rest = &rest[end..];
    }
    kept + rest
}

/// Where a name stands by itself.
fn place_of(text: &str, name: &str) -> Option<usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .map(|(at, _)| at)
        .find(|at| !text[..*at].ends_with(|c: char| part(c) || c == '.') && !text[at + name.len()..].starts_with(part))
}

fn diagnostic(source: &Source, error: &Error) -> Diagnostic {
    let place = match (error.range(), error.line()) {
        (Some(range), _) => Place::of(source, range),
        (None, Some(line)) => Place::of_line(source, line),
        (None, None) => Place::of(source, 0..0),
    };
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let found = Diagnostic::error("bad-template", place, format!("{}{detail}", error.kind()));
    match error.kind() {
        ErrorKind::UndefinedError => found.hint(format!("known are {}", one_of(&KNOWN))),
        ErrorKind::OutOfFuel => found.hint("the template loops too long; an env file needs no such work"),
        _ => found,
    }
}

#[cfg(test)]
mod tests;
