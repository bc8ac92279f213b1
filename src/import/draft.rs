//! An inventory as far as it is known: what is open says what belongs there. Does not know who told it.

use std::collections::BTreeMap;

/// A value, or that it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What to write; nothing where it is open.
    pub value: Option<String>,
    /// What to say beside it.
    pub note: Option<String>,
}

impl Said {
    /// Known, with nothing to say beside it.
    pub fn known(value: impl Into<String>) -> Self {
        Self { value: Some(value.into()), note: None }
    }

    /// Open, with what belongs there and why it is not known.
    pub fn open(note: impl Into<String>) -> Self {
        Self { value: None, note: Some(note.into()) }
    }
}

/// Settings that a master, its zone or the cluster may have, in the order in which they are written.
pub const SETTINGS: [Key; 9] = [
    ("ssh", "user"),
    ("ssh", "port"),
    ("ssh", "become"),
    ("ssh", "identity"),
    ("ssh", "known_hosts"),
    ("ssh", "jump"),
    ("etcd", "unit"),
    ("etcd", "data_dir"),
    ("etcd", STATIC_POD),
];

/// A setting by its block and its name.
pub type Key = (&'static str, &'static str);

/// Where etcd's settings are, if it is a static pod.
pub const STATIC_POD: &str = "static_pod";

/// A master's settings; what is not among them is left to the default.
pub type Settings = BTreeMap<Key, Said>;

/// A master as far as it is known.
#[derive(Debug, Clone)]
pub struct Master {
    pub name: Said,
    /// Its zone, where it is known.
    pub zone: Option<String>,
    /// Where SSH reaches it.
    pub address: Said,
    /// What is good to know of it.
    pub notes: Vec<String>,
    /// How it is reached, and where its etcd is.
    pub settings: Settings,
}

/// An inventory as far as it is known.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The cluster's name.
    pub cluster: Said,
    /// What kind of cluster it is.
    pub environment: Said,
    /// The masters, in the order in which they were told.
    pub masters: Vec<Master>,
    /// The data directory of etcd-events, where that runs beside this one on all masters.
    pub events: Option<String>,
    /// What a person should know.
    pub remarks: Vec<String>,
}
