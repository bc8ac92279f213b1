//! A snapshot file of the bastion as a value: what was read of it. Reads nothing, and judges nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::observe::database::Ends;

use super::existing_snapshot::SnapshotOrigin;

/// A snapshot file of the bastion, as read there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFile {
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Whether etcd's own hash stands at its end and is right; a copied database has none.
    pub hash: TrailingHash,
    /// Which of the IDs asked for occur in it: the members of the cluster it comes from.
    pub member_ids: BTreeSet<String>,
    /// The runs of this bastion that took it of this cluster or used it, as their journals say; the earliest first.
    #[serde(default)]
    pub origins: Vec<SnapshotOrigin>,
    /// Where the database in it ends, or why that cannot be read.
    #[serde(default = "not_read")]
    pub ends: Result<Ends, String>,
    /// When the file was last written, where the bastion says it.
    #[serde(default)]
    pub written: Option<jiff::Timestamp>,
}

/// What a file's value says that was written before this was read.
fn not_read() -> Result<Ends, String> {
    Err(crate::observe::NOT_ASKED.to_owned())
}

/// The state of the SHA-256 that etcd puts at a snapshot's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrailingHash {
    /// There and right.
    Right,
    /// Not there: the size is that of a bare database.
    Absent,
    /// There and wrong, or the file is cut off.
    Wrong,
}
