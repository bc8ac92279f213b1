//! What an etcd member keeps on its disk, as a value: IDs, members, keys, and how far it has got. Knows nothing about
//! machines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::model::identity::{bootstrap_cluster_id, bootstrap_member_id};
use crate::model::{ClusterId, MemberId, Token};

/// A member as the member list has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Empty until it has started.
    pub(super) name: String,
    pub(super) peer_url: String,
    /// Empty until it has published itself.
    pub(super) client_url: String,
    pub(super) learner: bool,
}

/// A key's value and the revision that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) revision: u64,
}

/// The applied state: what a snapshot copies, written as JSON into the files of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Image {
    pub(super) cluster: ClusterId,
    pub(super) member: MemberId,
    pub(super) members: BTreeMap<MemberId, Entry>,
    pub(super) term: u64,
    pub(super) applied: u64,
    pub(super) revision: u64,
    pub(super) compacted: u64,
    pub(super) no_space: bool,
    /// For whom a CORRUPT alarm was raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) corrupt: Option<MemberId>,
    pub(super) keys: BTreeMap<String, Value>,
}

/// `backend-batch-interval`: so long an applied entry may be in the write-ahead log only.
const BATCH: Duration = Duration::from_millis(100);

/// Stands for the SHA-256 at a snapshot's end.
pub(super) const HASH: &[u8] = b"\n# hash\n";

/// A data directory that holds a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Data {
    /// Stands for device and inode of `member`; every directory that was ever made has its own.
    pub(super) inode: u64,
    pub(super) image: Image,
    /// Where `member/wal` points, where it is a link.
    pub(super) link: Option<String>,
    /// What it comes to with the entries that only its write-ahead log has, for it does not know them to be committed.
    pub(super) ahead: Option<Image>,
    /// What the database file had when the last entry came, and when that was: the rest is only in the write-ahead
    /// log for a moment.
    pub(super) flushed: u64,
    pub(super) changed: Option<Instant>,
    /// Whether its write-ahead log cannot be read.
    pub(super) damaged: bool,
    /// Whether a restore made it, so that only a matching mark makes it fit to start on.
    pub(super) restored: bool,
    /// Whether the restore came to its end.
    pub(super) whole: bool,
}

/// `name=url,…` as etcd's settings and flags have it.
pub(super) fn pairs(list: &str) -> Vec<(String, String)> {
    list.split(',').filter_map(|pair| pair.split_once('=')).map(|(name, url)| (name.into(), url.into())).collect()
}

impl Image {
    /// A cluster of these members from nothing, as one of them sees it.
    pub(super) fn bootstrap(list: &[(String, String)], token: &Token, own_url: &str) -> Self {
        let id = |url: &str| bootstrap_member_id(&[url.to_owned()], token);
        let ids: Vec<MemberId> = list.iter().map(|(_, url)| id(url)).collect();
        let entry = |(name, url): &(String, String)| {
            let entry = Entry { name: name.clone(), peer_url: url.clone(), client_url: String::new(), learner: false };
            (id(url), entry)
        };
        Self {
            cluster: bootstrap_cluster_id(&ids),
            member: id(own_url),
            members: list.iter().map(entry).collect(),
            term: 1,
            applied: list.len() as u64,
            revision: 1,
            compacted: 0,
            no_space: false,
            corrupt: None,
            keys: BTreeMap::new(),
        }
    }

    /// What `snapshot restore` makes of this image: the same keys, new members, revisions raised by `bump`.
    pub(super) fn restored(&self, list: &[(String, String)], token: &Token, own_url: &str, bump: u64) -> Self {
        let fresh = Self::bootstrap(list, token, own_url);
        let revision = (self.last_key() + bump).max(1);
        Self {
            revision,
            compacted: if bump > 0 { revision } else { self.compacted },
            no_space: self.no_space,
            corrupt: self.corrupt,
            keys: self.keys.clone(),
            ..fresh
        }
    }

    /// The revision that etcd's tool tells: that of the last key, none in a store as etcd begins it.
    pub(super) fn last_key(&self) -> u64 {
        if self.revision <= 1 { 0 } else { self.revision }
    }

    pub(super) fn voters(&self) -> BTreeSet<MemberId> {
        self.members.iter().filter(|(_, entry)| !entry.learner).map(|(id, _)| *id).collect()
    }

    pub(super) fn by_peer_url(&self, url: &str) -> Option<(MemberId, &Entry)> {
        self.members.iter().find(|(_, entry)| entry.peer_url == url).map(|(id, entry)| (*id, entry))
    }

    /// Takes over everything but who it is.
    pub(super) fn catch_up(&mut self, other: &Self) {
        *self = Self { member: self.member, ..other.clone() };
    }

    /// A number that is equal where the data is: what `hashkv` gives.
    pub(super) fn hash(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for (key, value) in &self.keys {
            for byte in key.bytes().chain(value.text.bytes()) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        hash & 0xffff_ffff
    }

    /// The bare database file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// A snapshot file: the database with a hash at its end.
    pub(super) fn to_snapshot(&self) -> Vec<u8> {
        [self.to_bytes(), HASH.to_vec()].concat()
    }

    /// Reads a database or a snapshot file; nothing where it is damaged.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes.strip_suffix(HASH).unwrap_or(bytes)).ok()
    }
}

impl Data {
    /// A directory that holds this, all of it in the database.
    pub(super) fn new(inode: u64, image: Image) -> Self {
        let flushed = image.revision;
        Self {
            inode,
            image,
            link: None,
            ahead: None,
            flushed,
            changed: None,
            damaged: false,
            restored: false,
            whole: true,
        }
    }

    /// One entry more in its log, which nobody has acknowledged.
    pub(super) fn propose(&mut self) {
        let mut logged = self.logged().clone();
        logged.applied += 1;
        self.ahead = Some(logged);
    }

    /// The first entry of a leader's term, in its log and nowhere else: it has applied nothing of that term.
    pub(super) fn begin_term(&mut self) {
        self.propose();
        self.ahead.iter_mut().for_each(|logged| logged.term += 1);
    }

    /// What its log comes to.
    pub(super) fn logged(&self) -> &Image {
        self.ahead.as_ref().unwrap_or(&self.image)
    }

    /// Takes over what the leader has, applied.
    pub(super) fn follow(&mut self, newest: &Image) {
        self.touch();
        self.ahead = None;
        self.image.catch_up(newest);
    }

    /// The database file: without what only the write-ahead log has.
    pub(super) fn database(&self) -> Image {
        let mut image = self.image.clone();
        if self.changed.is_some_and(|changed| Instant::now() >= changed + BATCH) {
            return image;
        }
        image.keys.retain(|_, value| value.revision <= self.flushed);
        image.revision = image.revision.min(self.flushed.max(1));
        image
    }

    /// An entry is about to be applied.
    pub(super) fn touch(&mut self) {
        self.settle();
        self.changed = Some(Instant::now());
    }

    /// What time has put into the database file.
    pub(super) fn settle(&mut self) {
        if self.changed.is_some_and(|changed| Instant::now() >= changed + BATCH) {
            self.flush();
        }
    }

    /// A graceful end puts everything into the database file.
    pub(super) fn flush(&mut self) {
        self.flushed = self.image.revision;
        self.changed = None;
    }
}
