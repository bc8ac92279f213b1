//! What only the doctor asks, in addition to the observation that every verb begins with. Judges nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::MasterName;

use super::etcd_holders::{self, EtcdHolders};
use super::{Answer, Observation, clock::Offset, heard::Heard, speed::Speed};

/// What only the doctor asks one master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examined {
    /// Its clock against the bastion's.
    pub clock: Answer<Offset>,
    /// What its member has heard, asked as a proof by counting would.
    pub heard: Answer<Heard>,
    /// Where else etcd's addresses are written down.
    #[serde(default = "etcd_holders::not_put")]
    pub etcd_holders: Answer<EtcdHolders>,
}

/// Where this bastion keeps its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDirectory {
    /// The directory.
    pub place: String,
    /// What may be written on its file system, in bytes.
    pub free_bytes: u64,
    /// Its mode, where it is there yet.
    pub mode: Option<u32>,
    /// Whether this user can write there, or make it.
    pub writable: bool,
}

/// Everything that a diagnosis is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examination {
    /// What every verb asks.
    pub seen: Observation,
    /// What only the doctor asks, of those that answered.
    pub masters: BTreeMap<MasterName, Examined>,
    /// What a snapshot took on those that would be a seed.
    pub speeds: BTreeMap<MasterName, Answer<Speed>>,
    /// How long a dark master is tried: that night the lost zone costs it once.
    pub connect_limit: Duration,
    /// The bastion, where it was looked at.
    #[serde(rename = "desk")]
    pub state_directory: Option<Answer<StateDirectory>>,
}
