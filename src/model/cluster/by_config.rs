//! What the bastion's own OpenSSH configuration adds to how a master is reached. Does not read it.

use serde::{Deserialize, Serialize};

use super::Jump;
use crate::model::name::Address;

/// How the bastion's OpenSSH configuration has a master reached, where an inventory cannot say it or has one value only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ByConfig {
    /// The name or address to connect to, in place of the inventory's.
    pub host: Option<Address>,
    /// Private key files on the bastion; those that are not there are passed over.
    pub identities: Vec<String>,
    /// Files on the bastion with certificates over keys.
    pub certificates: Vec<String>,
    /// The agent on the bastion.
    pub agent: AgentAt,
    /// The known_hosts files on the bastion, in place of the usual ones.
    pub known_hosts: Vec<String>,
    /// A file on the bastion with host keys that are not to be believed.
    pub revoked: Option<String>,
    /// A command on the bastion whose input and output are the connection.
    pub proxy_command: Option<String>,
    /// The hosts to go through, in their order; the command, if there is one, connects to the first.
    pub hops: Vec<Hop>,
    /// The file and line that named the user, where becoming root by sudo was concluded from that.
    pub sudo_by: Option<String>,
}

/// A host to go through, with how the OpenSSH configuration has it reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    pub jump: Jump,
    #[serde(default, skip_serializing_if = "ByConfig::is_empty")]
    pub by_config: ByConfig,
}

/// Where the agent listens.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentAt {
    /// Where `SSH_AUTH_SOCK` says.
    #[default]
    Usual,
    /// None is asked.
    Nowhere,
    /// At this path, from `/` or `~/`.
    Socket(String),
}

impl ByConfig {
    /// Whether it adds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
