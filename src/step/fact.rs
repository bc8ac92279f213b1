//! What a run learns on its way, as values that later steps and the report need. Knows no step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{MasterName, MemberId, Placeholder};
use crate::observe::traces::LastRevision;

/// Something learnt while running that later steps need. Journalled, so that a replay knows it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The verified snapshot.
    Snapshot(SnapshotFact),
    /// The ID that `member add` gave.
    MemberId(MasterName, MemberId),
    /// The revision to compare members at.
    Revision(u64),
    /// A member's hash at that revision: of the data, and the revision it is compacted to.
    Hash(MasterName, u64, u64),
    /// The revision of the first acknowledged write.
    FirstWrite(u64),
    /// Where a master's old data lies.
    Retired(MasterName, String),
    /// Where its log lies, where that is elsewhere.
    RetiredWal(MasterName, String),
    /// How far a master's etcd was before it was stopped for a fence.
    LastRevision(MasterName, LastRevision),
    /// No node that a run had cordoned is so any more.
    Uncordoned,
}

/// A snapshot file as verified on the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFact {
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The store's revision in it: where the new cluster leaves the old.
    pub revision: u64,
    /// The tool's hash of its contents; not of a copied database, which is checked once it is restored.
    pub hash: Option<u64>,
    /// How many keys it holds, as the tool counts them.
    pub keys: Option<u64>,
}

/// All facts of a run so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub snapshot: Option<SnapshotFact>,
    pub member_ids: BTreeMap<MasterName, MemberId>,
    /// To compare at.
    pub revision: Option<u64>,
    /// By master: hash and compact revision.
    pub hashes: BTreeMap<MasterName, (u64, u64)>,
    /// Of the first acknowledged write.
    pub first_write: Option<u64>,
    /// Where old data lies.
    pub retired: BTreeMap<MasterName, String>,
    /// Where its log lies, where that is elsewhere.
    pub retired_wals: BTreeMap<MasterName, String>,
    /// Of those that are stopped for a fence.
    pub last_revisions: BTreeMap<MasterName, LastRevision>,
    /// Whether no node is cordoned any more.
    pub uncordoned: bool,
}

/// What a script is told where no node is cordoned any more.
const UNCORDONED: &str = "uncordoned";

impl Facts {
    /// Adds one.
    pub fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Snapshot(snapshot) => self.snapshot = Some(snapshot),
            Fact::MemberId(master, id) => {
                self.member_ids.insert(master, id);
            }
            Fact::Revision(revision) => self.revision = Some(revision),
            Fact::Hash(master, hash, compacted) => {
                self.hashes.insert(master, (hash, compacted));
            }
            Fact::FirstWrite(revision) => self.first_write = Some(self.first_write.unwrap_or(revision).min(revision)),
            Fact::Retired(master, path) => {
                self.retired.insert(master, path);
            }
            Fact::RetiredWal(master, path) => {
                self.retired_wals.insert(master, path);
            }
            Fact::LastRevision(master, said) => {
                self.last_revisions.insert(master, said);
            }
            Fact::Uncordoned => self.uncordoned = true,
        }
    }

    /// the text for a placeholder, once known.
    #[must_use]
    pub fn word(&self, placeholder: &Placeholder) -> Option<String> {
        match placeholder {
            Placeholder::MemberId(master) => self.member_ids.get(master).map(ToString::to_string),
            Placeholder::Revision => self.revision.map(|revision| revision.to_string()),
            Placeholder::ForkRevision => self.snapshot.as_ref().map(|snapshot| snapshot.revision.to_string()),
            Placeholder::SnapshotSize => self.snapshot.as_ref().map(|snapshot| snapshot.bytes.to_string()),
            // It is asked once, and may have said nothing.
            Placeholder::LastRevision(master) => {
                Some(self.last_revisions.get(master).map(ToString::to_string).unwrap_or_default())
            }
            // What could not be done ends no run.
            Placeholder::Uncordoned => Some(if self.uncordoned { UNCORDONED.to_owned() } else { String::new() }),
            Placeholder::SnapshotHash => self.snapshot.as_ref().map(|snapshot| snapshot.sha256.clone()),
        }
    }
}
