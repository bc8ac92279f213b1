//! The question "which API server is there, and what does it know of etcd?". Whose the servers in its list are, others say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::api_server::{ApiServerFile, ApiServerFlags, program_of};
use crate::config::{Form, TextFile};
use crate::model::command::{Script, clean};
use crate::model::{AbsPath, ApiServerAt, Command, Component, Output, Program, StartedBy, UnitName};

use super::settings_place::{Told, UNIT_FILES, files_told, texts_told};
use super::traces::STATE;
use super::{Answer, Unclear};

/// An API server as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiServer {
    pub component: Component,
    /// What works through it, and is started after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Component>,
    /// The file with its flags, where it lies now.
    pub file: ApiServerFile,
    /// What they say; where that is not certain, the line and why.
    pub flags: Result<ApiServerFlags, String>,
    /// Whether it is kept from starting.
    pub parked: bool,
    /// Whether one of those that are started after it is kept from starting.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_parked: bool,
    /// Who parked them, as that run wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked_by: Option<String>,
    /// Whether a run has rewritten its list of etcd servers before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rewritten: bool,
    /// Whether its process runs.
    pub runs: bool,
    /// Whether it was started, or put in its place, less than a minute ago.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub young: bool,
    /// The same less than half a minute ago, and its process runs: so long it may refuse whom it will let ask.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub just_begun: bool,
    pub health: Health,
}

/// What an API server says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Ready,
    /// It answers otherwise, and how.
    NotReady(String),
    /// Every check passes but those of etcds that single resources have (`--etcd-servers-overrides`), and which.
    ButOverrides(String),
    /// It runs, and does not let its own node ask whether it is ready: the code that it answers.
    Refuses(String),
    /// It does not answer in time: a busy one may do so, and one whose etcd has no quorum does.
    Slow,
    /// Nothing listens.
    Down,
    /// It could not be asked, and why.
    Unknown(String),
    #[default]
    NotAsked,
}

impl Health {
    /// A word or two for a table.
    #[must_use]
    pub fn shown(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady(_) | Self::ButOverrides(_) => "not ready",
            Self::Refuses(_) => "refuses",
            Self::Slow => "slow",
            Self::Down => "down",
            Self::Unknown(_) | Self::NotAsked => "?",
        }
    }
}

impl ApiServer {
    /// The API server and what is started after it.
    #[must_use]
    pub fn components(&self) -> Vec<Component> {
        std::iter::once(self.component.clone()).chain(self.after.iter().cloned()).collect()
    }

    /// Whether any of them is kept from starting.
    #[must_use]
    pub const fn is_held_back(&self) -> bool {
        self.parked || self.after_parked
    }

    /// Where its file lies while it is parked; a unit's stays where it is.
    #[must_use]
    pub fn written_at(&self) -> String {
        self.component.held().unwrap_or_else(|| self.file.path.clone())
    }
}

const WHAT: &str = "looking for the API server";

const SCRIPT: Script = Script {
    name: "api server",
    text: concat!(
        include_str!("scripts/prelude/tell.sh"),
        include_str!("scripts/prelude/folders.sh"),
        include_str!("scripts/prelude/components.sh"),
        include_str!("scripts/api-server.sh")
    ),
};

/// So many checks that fail the script names; there may be more then.
const FAILED_AT_MOST: usize = 5;

const READY: Script = Script { name: "api ready", text: include_str!("scripts/api-ready.sh") };

/// Stands in observations from before it was asked.
pub(super) fn not_asked() -> Answer<Option<ApiServer>> {
    Err(Unclear::text(WHAT, super::NOT_ASKED))
}

#[allow(clippy::ref_option, reason = "serde gives a reference")]
pub(super) fn is_none(found: &Answer<Option<ApiServer>>) -> bool {
    matches!(found, Ok(None))
}

/// Asks for it; nothing where the inventory has none.
#[must_use]
pub fn command(at: &ApiServerAt) -> Option<Command> {
    let units = |own: &str| {
        let others = Program::ALL.into_iter().filter(|program| *program != Program::KubeApiserver);
        others.fold(own.to_owned(), |all, program| format!("{all} {}", program.name()))
    };
    let (manifest, units) = match at {
        ApiServerAt::Nowhere => return None,
        ApiServerAt::Anywhere => (String::new(), units(Program::KubeApiserver.name())),
        ApiServerAt::Manifest(path) => (path.to_string(), units("")),
        ApiServerAt::Unit(unit) => (String::new(), units(unit.as_str())),
    };
    Some(Command::script(SCRIPT).args([manifest.as_str(), STATE, units.trim()]))
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No API server.
    Nothing,
    Pod(Box<ApiServer>),
    /// A unit, whose files are still to be read.
    Unit(UnitName, Parts),
}

/// What was told beside the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    parked: Vec<(String, String)>,
    was: Vec<(String, String)>,
    runs: Vec<String>,
    units: Vec<String>,
    /// The files that a run has written.
    rewritten: Vec<String>,
    young: bool,
    just_begun: bool,
}

/// Reads the answer.
///
/// # Errors
/// When it is not whole, or the API server of the inventory is not there.
pub fn parse(at: &ApiServerAt, output: &Output) -> Answer<Found> {
    let told = texts_told(WHAT, &["manifest", "held", "state"], output)?;
    let Some(state) = told.iter().find(|one| one.kind == "state") else {
        return Err(Unclear::text(WHAT, "the answer is not whole"));
    };
    let parts = Parts::read(&state.file.text);
    let meant = |one: &&Told| match at {
        ApiServerAt::Manifest(path) => one.kind == "held" || one.file.path == path.as_str(),
        ApiServerAt::Anywhere => true,
        ApiServerAt::Unit(_) | ApiServerAt::Nowhere => false,
    };
    let of = |program: Program, kind: &str| -> Vec<&TextFile> {
        let those = told.iter().filter(|one| one.kind == kind);
        let those = those.filter(|one| program != Program::KubeApiserver || meant(one)).map(|one| &one.file);
        those.filter(|file| program_of(&file.path, &file.text) == Some(program)).collect()
    };
    let (here, held) = (of(Program::KubeApiserver, "manifest"), of(Program::KubeApiserver, "held"));
    let (Some(file), parked) = (here.first().or(held.first()), here.is_empty()) else {
        return match parts.unit_of(at) {
            Some(unit) => Ok(Found::Unit(unit, parts)),
            None => missing(at),
        };
    };
    let by = match parked {
        true => parts.home(Program::KubeApiserver, &file.path),
        false => file.path.clone(),
    };
    let by = AbsPath::new(by).map_err(|bad| Unclear::text(WHAT, &bad.to_string()))?;
    let own = ApiServerFile::manifest(&file.path, &file.text);
    let flags = match &here[..] {
        [_, second, ..] => Err(format!(
            "{} and {} both start an API server: whatever lies in the kubelet's folder is run (move one of them away)",
            file.path, second.path
        )),
        _ => own.flags(),
    };
    let after = [Program::KubeControllerManager, Program::KubeScheduler].into_iter().filter_map(|program| {
        let home = of(program, "manifest").first().map(|file| file.path.clone());
        let home = home.or_else(|| of(program, "held").first().map(|file| parts.home(program, &file.path)))?;
        Some(Component { program, by: StartedBy::Manifest(AbsPath::new(home).ok()?) })
    });
    let others = [Program::KubeControllerManager, Program::KubeScheduler];
    let after_parked =
        others.into_iter().any(|program| of(program, "manifest").is_empty() && !of(program, "held").is_empty());
    let component = Component { program: Program::KubeApiserver, by: StartedBy::Manifest(by) };
    Ok(Found::Pod(Box::new(parts.api_server((component, after.collect()), (own, flags), (parked, after_parked)))))
}

fn missing(at: &ApiServerAt) -> Answer<Found> {
    let said = match at {
        ApiServerAt::Anywhere | ApiServerAt::Nowhere => return Ok(Found::Nothing),
        ApiServerAt::Manifest(path) => {
            format!("{path}, which the inventory names, is not there, is not held, or starts no kube-apiserver")
        }
        ApiServerAt::Unit(unit) => format!("systemd knows no unit {unit}, which the inventory names"),
    };
    Err(Unclear::text(WHAT, &format!("{said}: correct `kubernetes` in the inventory")))
}

impl Parts {
    fn read(text: &str) -> Self {
        let mut parts = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let pair = || {
                let (name, rest) = value.split_once(' ').unwrap_or((value, ""));
                (name.to_owned(), clean(rest))
            };
            match key {
                "parked" => parts.parked.push(pair()),
                "was" => parts.was.push(pair()),
                "runs" => parts.runs.push(value.to_owned()),
                "unit" => parts.units.push(value.to_owned()),
                "rewritten" => parts.rewritten.push(clean(value)),
                "young" => parts.young = true,
                "just-begun" => parts.just_begun = true,
                _ => {}
            }
        }
        parts
    }

    fn of(pairs: &[(String, String)], program: Program) -> Option<&str> {
        pairs.iter().find(|(name, _)| name == program.name()).map(|(_, value)| value.as_str())
    }

    /// Where a manifest lay before it was held; where kubeadm puts it, if nobody wrote that down.
    fn home(&self, program: Program, held: &str) -> String {
        let file = held.rsplit('/').next().unwrap_or_default();
        let was = Self::of(&self.was, program).filter(|path| path.ends_with(&format!("/{file}")));
        was.map_or_else(|| format!("/etc/kubernetes/manifests/{file}"), str::to_owned)
    }

    fn unit_of(&self, at: &ApiServerAt) -> Option<UnitName> {
        let wanted = match at {
            ApiServerAt::Unit(unit) => unit.as_str(),
            ApiServerAt::Anywhere => Program::KubeApiserver.name(),
            ApiServerAt::Manifest(_) | ApiServerAt::Nowhere => return None,
        };
        self.units.iter().find(|unit| *unit == wanted).and_then(|unit| UnitName::new(unit.as_str()).ok())
    }

    /// What is the same whatever starts it.
    fn api_server(
        &self,
        (component, after): (Component, Vec<Component>),
        (file, flags): (ApiServerFile, Result<ApiServerFlags, String>),
        (parked, after_parked): (bool, bool),
    ) -> ApiServer {
        let program = component.program;
        let rewritten = self.rewritten.contains(&component.held().unwrap_or_else(|| file.path.clone()));
        ApiServer {
            component,
            after,
            file,
            flags,
            parked,
            after_parked,
            parked_by: self.parked.iter().map(|(_, by)| by).find(|by| !by.is_empty()).cloned(),
            rewritten,
            runs: self.runs.iter().any(|name| name == program.name()),
            young: self.young,
            just_begun: self.just_begun,
            health: Health::NotAsked,
        }
    }
}

/// Asks for a unit's files.
#[must_use]
pub fn unit_command(unit: &UnitName) -> Command {
    Command::script(UNIT_FILES).arg(unit.as_str())
}

/// The API server that a unit starts.
///
/// # Errors
/// When its files could not be read.
pub fn parse_unit(unit: UnitName, parts: &Parts, output: &Output) -> Answer<ApiServer> {
    let told = files_told(output).map_err(|why| Unclear { what: WHAT.to_owned(), ..why })?;
    let files: Vec<TextFile> = told.into_iter().filter(|one| one.kind == "unit").map(|one| one.file).collect();
    let first = files.first().cloned();
    let (file, flags) = match ApiServerFile::unit(files) {
        Ok(file) => (file.clone(), file.flags()),
        Err(why) => {
            let (path, text) = first.map(|file| (file.path, file.text)).unwrap_or_default();
            (ApiServerFile { form: Form::UnitFlags, path, text, unit_files: Vec::new() }, Err(why))
        }
    };
    let after = [Program::KubeControllerManager, Program::KubeScheduler].into_iter().filter_map(|program| {
        let known = parts.units.iter().any(|unit| unit == program.name());
        let unit = UnitName::new(program.name()).ok().filter(|_| known)?;
        Some(Component { program, by: StartedBy::Unit(unit) })
    });
    let marked = |program: Program| parts.parked.iter().any(|(name, _)| name == program.name());
    let after_parked = marked(Program::KubeControllerManager) || marked(Program::KubeScheduler);
    let parked = (marked(Program::KubeApiserver), after_parked);
    let component = Component { program: Program::KubeApiserver, by: StartedBy::Unit(unit) };
    Ok(parts.api_server((component, after.collect()), (file, flags), parked))
}

/// Asks whether it is ready; nothing where it cannot be: it is parked, or where it listens is not known.
#[must_use]
pub fn ready_command(api: &ApiServer, limit_s: u64) -> Option<Command> {
    let flags = api.flags.as_ref().ok().filter(|_| !api.parked)?;
    Some(ready(flags, limit_s, 0))
}

/// The same by its flags; for so many seconds a refusal is no answer, as of one that has just been started.
#[must_use]
pub fn ready(flags: &ApiServerFlags, limit_s: u64, refused_s: u64) -> Command {
    let (cert, key) = flags.client.clone().unwrap_or_default();
    let command = Command::script(READY).args([flags.address.clone(), cert, key]);
    let command = command.args([limit_s.to_string(), refused_s.to_string()]);
    let deadline = command.deadline + Duration::from_secs(refused_s);
    command.deadline(deadline)
}

/// What a refusal says.
#[must_use]
pub fn refuses(code: &str) -> String {
    format!("it answers {code}: it runs, and does not let its own node ask whether it is ready")
}

/// Reads how it is.
#[must_use]
pub fn parse_ready(output: &Output) -> Health {
    if !output.ok() {
        return Health::Unknown(output.complaint());
    }
    let said = |name: &str| output.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    match (said("code"), said("down"), said("slow"), said("why")) {
        (Some("200"), ..) => Health::Ready,
        (Some(code @ ("401" | "403")), ..) => Health::Refuses(code.to_owned()),
        (Some(code), ..) => {
            let failed = output.stdout.lines().filter_map(|line| line.strip_prefix("failed="));
            let failed: Vec<String> = failed.map(clean).collect();
            let but_overrides = (1..FAILED_AT_MOST).contains(&failed.len())
                && failed.iter().all(|check| check.starts_with("etcd-override-"));
            let failed = failed.join(", ");
            let failed = if failed.is_empty() { failed } else { format!(", not ready yet: {failed}") };
            let why = format!("/readyz answers {}{failed}", clean(code));
            if but_overrides { Health::ButOverrides(why) } else { Health::NotReady(why) }
        }
        (_, Some(_), ..) => Health::Down,
        (_, _, Some(_), _) => Health::Slow,
        (.., Some(why)) => Health::Unknown(clean(why)),
        _ => Health::Unknown("the answer is not whole".to_owned()),
    }
}

#[cfg(test)]
mod tests;
