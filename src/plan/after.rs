//! The cluster that a run leaves: its ID, its token and its members.

use serde::{Deserialize, Serialize};

use crate::model::{ClusterId, MasterName, Token};

/// A member of the cluster as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMember {
    pub master: MasterName,
    /// Its name in etcd.
    pub name: String,
    pub peer_urls: Vec<String>,
}

/// The cluster that a run leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// Its ID.
    pub cluster: ClusterId,
    pub token: Token,
    pub members: Vec<PlannedMember>,
}
