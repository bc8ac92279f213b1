//! The question "how far does its write-ahead log go?", answered from the log's files: etcd need not answer, and
//! nothing is stopped or changed. Knows the files' format and no other member.
//!
//! Raft (§5.4.1 and the log matching property) says which of two logs is more up to date: the one whose last entry has
//! the later term, and if the terms are equal, the longer one. Of several logs of one cluster, the most up-to-date one
//! holds every committed entry that any of them holds. If the leader of its last term is not the leader of the others'
//! last term, it was elected with all that had been committed before. Within one term, one log is a prefix of the
//! other.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{ClusterId, Command, MemberId, Output};

use super::Unclear;

mod base64;
mod wal;

/// Where a log ends. The order is raft's: a later one holds every committed entry that an earlier one holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct End {
    /// The term of its last entry. That of the member may be later.
    pub term: u64,
    /// The last entry's place.
    pub index: u64,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "entry {} of term {}", self.index, self.term)
    }
}

/// A member's write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Whose it is.
    pub member: MemberId,
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Where it ends.
    pub end: End,
    /// Whether what only the log has can be put into a copy of the database there: an etcd is started on the copy, in a
    /// network of its own.
    pub replays: bool,
}

const SCRIPT: Script = Script { name: "log", text: include_str!("scripts/log.sh") };

/// How much of a segment's end is read: the largest request that etcd takes by default, and as much again of what is smaller.
const MOST: u64 = 2 << 20;

/// So many zeros a record may end in.
const LARGEST: usize = 2 << 20;

impl Log {
    /// Whether this member ever followed a leader or was one since its data was restored: a restore writes its entries in
    /// term 1 (`saveWALAndSnap` of etcdutl), and a leader's first act is an entry of its own, later, term.
    #[must_use]
    pub const fn has_had_a_leader(&self) -> bool {
        self.end.term > 1
    }
}

/// Asks about the log in this directory.
#[must_use]
pub fn command(wal_dir: &str) -> Command {
    Command::script(SCRIPT).args([wal_dir.to_owned(), MOST.to_string()])
}

/// Not asked: etcd says itself how far it is, or there is no data.
///
/// # Errors
/// Always: that is the answer.
pub fn not_asked() -> super::Answer<Log> {
    Err(Unclear::text(WHAT, super::NOT_ASKED))
}

const WHAT: &str = "reading the write-ahead log";

/// Reads the ends of the last segments.
///
/// # Errors
/// When there is none, or what came cannot be read to its end: a log that is damaged or is being written says nothing.
pub fn parse(output: &Output) -> Result<Log, Unclear> {
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let replays = output.stdout.lines().any(|line| line == "replays=yes");
    let mut reading = wal::Reading::default();
    for (kind, part) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        if !["head", "part"].contains(&kind) {
            continue;
        }
        let mut words = part.split(' ');
        let (name, at, text) = (words.next(), words.next().and_then(|at| at.parse().ok()), words.next());
        let (Some(name), Some(at), Some(mut bytes)) = (name, at, text.and_then(base64::decode)) else {
            return Err(Unclear::text(WHAT, "what came is cut off"));
        };
        if kind == "head" {
            reading.begins(&bytes);
            continue;
        }
        // A record may end in zeros of its own, which look like those after the last one.
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.resize(bytes.len() + LARGEST, 0);
        reading.take(name, at, wal::Part { bytes: &bytes, used }).map_err(|why| Unclear::text(WHAT, &why))?;
    }
    let (member, cluster, end) = reading.end().map_err(|why| Unclear::text(WHAT, why))?;
    Ok(Log { member: MemberId(member), cluster: ClusterId(cluster), end, replays })
}
