//! Where a site writes down etcd's settings, and what they say, by the names of etcd's own flags. Knows no host and no run.
//!
//! etcd takes a setting from one place only. A flag beside its environment variable is fatal (`pkg/flags/flag.go`), and
//! `--config-file` makes it ignore all flags and variables. So a setting is changed where it stands, and only there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::diagnostic::{Diagnostic, Place};

pub mod api_server;
pub mod config_file;
pub mod container;
pub mod env_file;
pub mod flags;
pub mod manifest;
mod pod;
mod settings_file;
pub mod unit_file;

pub use settings_file::{SettingsFile, TextFile, UnitTexts};

/// How a file writes settings down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `ETCD_NAME=…`, read by systemd's `EnvironmentFile=` or docker's `--env-file`.
    #[default]
    EnvFile,
    /// `--name …`, in `ExecStart=` of a unit or a drop-in.
    UnitFlags,
    /// `LIST=…`, in an env file beside the flags of a unit: `--initial-cluster=${LIST}`, or etcd's own variables.
    UnitEnvFile,
    /// `name: …`, the YAML of `--config-file`.
    ConfigFile,
    /// `- --name=…`, in the command of a static pod's manifest.
    Manifest,
}

impl Form {
    /// What such a file is called.
    #[must_use]
    pub const fn named(self) -> &'static str {
        match self {
            Self::EnvFile | Self::UnitEnvFile => "env file",
            Self::UnitFlags => "unit file",
            Self::ConfigFile => "config file",
            Self::Manifest => "manifest",
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub fn is_env_file(&self) -> bool {
        *self == Self::EnvFile
    }

    /// A setting as such a file names it.
    #[must_use]
    pub fn key(self, flag: &str) -> String {
        match self {
            Self::EnvFile => flags::variable_of(flag),
            Self::UnitFlags | Self::UnitEnvFile | Self::Manifest => format!("--{flag}"),
            Self::ConfigFile => flag.to_owned(),
        }
    }

    /// Where a unit's file of this path is written instead, if it is a package's: systemd takes the file of the same name in
    /// `/etc` and passes over the package's (`systemd.unit(5)`).
    #[must_use]
    pub fn beside_package(self, path: &str) -> Option<String> {
        let name = ["/usr/lib/systemd/system/", "/lib/systemd/system/", "/usr/local/lib/systemd/system/"]
            .iter()
            .find_map(|folder| path.strip_prefix(folder))?;
        (self == Self::UnitFlags).then(|| format!("/etc/systemd/system/{name}"))
    }

    /// The shipped template that rewrites such a file.
    #[must_use]
    pub const fn template(self) -> &'static str {
        match self {
            Self::EnvFile => "etcd.env.j2",
            Self::UnitFlags | Self::UnitEnvFile => "etcd.service.j2",
            Self::ConfigFile => "etcd.conf.yml.j2",
            Self::Manifest => "etcd.yaml.j2",
        }
    }
}

/// Every setting by its flag.
pub type Values = BTreeMap<String, String>;

/// Which cluster a member belongs to: the settings that disaster recovery owns. These alone are rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `NAME=URL` of every member, with commas between.
    pub initial_cluster: String,
    /// `existing`, in everything that is written.
    pub state: String,
    /// The word that tells this cluster from others with the same members.
    pub token: String,
}

impl Identity {
    /// Each by its flag, as [`OWNED`] orders them.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, &str); 3] {
        let [cluster, state, token] = OWNED;
        [(cluster, &self.initial_cluster), (state, &self.state), (token, &self.token)]
    }

    /// Whether a file that said `before` says this identity `after`, and all else as before.
    fn is_all_that_differs(&self, before: &Values, after: &Values) -> bool {
        let others = |values: &Values| {
            values.clone().into_iter().filter(|(flag, _)| !OWNED.contains(&flag.as_str())).collect::<Values>()
        };
        let said = self.settings().iter().all(|(flag, value)| after.get(*flag).is_some_and(|now| now == value));
        said && others(before) == others(after)
    }

    /// The first value with a line break or another control character, which would end or garble what is written.
    fn unwritable(&self) -> Option<&'static str> {
        let bad = |value: &str| value.is_empty() || value.chars().any(char::is_control);
        self.settings().into_iter().find(|(_, value)| bad(value)).map(|(name, _)| name)
    }
}

/// The flags of what is rewritten.
pub const OWNED: [&str; 3] = ["initial-cluster", "initial-cluster-state", "initial-cluster-token"];

/// What was read or written, or the line that stands in the way, why, and what to do.
pub type Outcome<T> = Result<T, Box<Diagnostic>>;

/// Why a file cannot be read or rewritten, and what to do.
fn refused(code: &'static str, place: Place, why: impl AsRef<str>, next: impl AsRef<str>) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(code, place, why).hint(next))
}
