//! Where a site writes down etcd's settings, and what they say, by the names of etcd's own flags. Knows no host and no run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub mod env_file;
mod settings_file;

pub use settings_file::SettingsFile;

/// How a file writes settings down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `ETCD_NAME=…`, read by systemd's `EnvironmentFile=` or docker's `--env-file`.
    #[default]
    EnvFile,
    /// `--name …`, in `ExecStart=` of a unit or a drop-in.
    UnitFlags,
    /// `name: …`, the YAML of `--config-file`.
    ConfigFile,
}

impl Form {
    /// What such a file is called.
    #[must_use]
    pub const fn named(self) -> &'static str {
        match self {
            Self::EnvFile => "env file",
            Self::UnitFlags => "unit file",
            Self::ConfigFile => "config file",
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    fn is_env_file(&self) -> bool {
        *self == Self::EnvFile
    }

    /// A setting as such a file names it.
    #[must_use]
    pub fn key(self, flag: &str) -> String {
        match self {
            Self::EnvFile => env_key(flag),
            Self::UnitFlags => format!("--{flag}"),
            Self::ConfigFile => flag.to_owned(),
        }
    }

    /// The shipped template that rewrites such a file.
    #[must_use]
    pub const fn template(self) -> &'static str {
        match self {
            Self::EnvFile => "etcd.env.j2",
            Self::UnitFlags => "etcd.service.j2",
            Self::ConfigFile => "etcd.conf.yml.j2",
        }
    }
}

/// The variable that sets a flag (etcd `pkg/flags`, `FlagToEnv`).
#[must_use]
pub fn env_key(flag: &str) -> String {
    format!("ETCD_{}", flag.to_ascii_uppercase().replace('-', "_"))
}

/// The flag that a variable sets; none where it sets none.
#[must_use]
pub fn flag_of(variable: &str) -> Option<String> {
    Some(variable.strip_prefix("ETCD_")?.to_ascii_lowercase().replace('_', "-"))
}

/// Every setting by its flag.
pub type Values = BTreeMap<String, String>;

/// Which cluster a member belongs to: the settings that disaster recovery owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// `name=url,…`
    pub initial_cluster: &'a str,
    /// `existing`, always.
    pub state: &'a str,
    pub token: &'a str,
}

impl<'a> Identity<'a> {
    /// Each by its flag.
    #[must_use]
    pub const fn settings(&self) -> [(&'static str, &'a str); 3] {
        [
            ("initial-cluster", self.initial_cluster),
            ("initial-cluster-state", self.state),
            ("initial-cluster-token", self.token),
        ]
    }
}
