//! The question "how does this member see itself?" (`etcdctl endpoint status`). It is answered without quorum, and its
//! `leader` may be up to four election timeouts old: it is never a proof by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{ClusterId, Command, MemberId, Output};

use super::{Unclear, settings::Access};

/// A member's own account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// Its own ID.
    pub member: MemberId,
    /// The last revision it applied.
    pub revision: u64,
    /// The term of the last entry that it applied: its raft term may be later (etcd `server.go`, `setTerm` in `apply`).
    pub term: u64,
    /// The last raft entry it applied.
    pub applied: u64,
    /// The last raft entry it knows to be committed.
    pub index: u64,
    /// Whom it believes to lead; none when it knows of no leader.
    pub leader: Option<MemberId>,
    /// Whether it is a learner.
    pub learner: bool,
    pub version: String,
    /// The database file, in bytes.
    pub db_bytes: u64,
    /// What it complains of: no leader, alarms.
    pub errors: Vec<String>,
}

/// The database has reached its quota: etcd refuses writes.
const NO_SPACE: &str = "NOSPACE";
/// A member's data differs from the others': etcd refuses everything.
const CORRUPT: &str = "CORRUPT";
/// Every alarm there is (`AlarmType` in etcd's API).
pub const ALARMS: [&str; 2] = [NO_SPACE, CORRUPT];

impl Status {
    /// Whether nothing was ever written to its cluster, by its own word: a leader was elected, whose first entry it has
    /// applied (what etcd begins a log with is of term 1), and its store is as etcd begins it.
    #[must_use]
    pub const fn never_written(&self) -> bool {
        self.revision == 1 && self.term > 1 && !self.learner
    }

    /// The active alarms by name. Each member names those of the whole cluster.
    #[must_use]
    pub fn alarms(&self) -> Vec<&'static str> {
        ALARMS.into_iter().filter(|alarm| self.errors.iter().any(|error| error.contains(alarm))).collect()
    }

    /// Whether a NOSPACE alarm is active: it refuses writes, also after a restore.
    #[must_use]
    pub fn no_space(&self) -> bool {
        self.alarms().contains(&NO_SPACE)
    }
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Status")]
    status: Raw,
}

// etcd omits zero values, so that every field but the header may be absent.
#[derive(Deserialize)]
struct Raw {
    header: Header,
    #[serde(default)]
    version: String,
    #[serde(default, rename = "dbSize")]
    db_size: u64,
    #[serde(default)]
    leader: u64,
    #[serde(default, rename = "raftIndex")]
    raft_index: u64,
    #[serde(default, rename = "raftAppliedIndex")]
    raft_applied_index: u64,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default, rename = "isLearner")]
    is_learner: bool,
}

/// The header of every answer of etcd.
#[derive(Deserialize, Debug, Clone)]
pub struct Header {
    #[serde(default)]
    pub cluster_id: u64,
    /// The answering member's ID.
    #[serde(default)]
    pub member_id: u64,
    /// The store's revision.
    #[serde(default)]
    pub revision: u64,
    #[serde(default)]
    pub raft_term: u64,
}

/// `etcdctl` at `path`, talking to `access` only, giving up after `timeout`.
#[must_use]
pub fn etcdctl(path: &str, access: &Access, timeout: Duration) -> Command {
    let command = Command::new(path)
        .arg(format!("--endpoints={}", access.url))
        .arg("--dial-timeout=2s")
        .arg(format!("--command-timeout={}ms", timeout.as_millis()));
    let command = match &access.tls {
        None => command,
        Some(tls) => command
            .arg(format!("--cacert={}", tls.ca))
            .arg(format!("--cert={}", tls.cert))
            .arg(format!("--key={}", tls.key)),
    };
    command.deadline(timeout + Duration::from_secs(5))
}

/// A member answers about itself at once or not at all.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks a member about itself.
#[must_use]
pub fn command(etcdctl_path: &str, access: &Access) -> Command {
    etcdctl(etcdctl_path, access, STATUS_TIMEOUT).args(["endpoint", "status", "--write-out=json"])
}

/// Reads the JSON. An unreachable member gives `[]`, from 3.6 `null`, and exit 1.
///
/// # Errors
/// When the member did not answer or the answer has another shape.
pub fn parse(output: &Output) -> Result<Status, Unclear> {
    if !output.ok() {
        return Err(Unclear::failed("etcdctl endpoint status", output));
    }
    let endpoints: Option<Vec<Endpoint>> = serde_json::from_str(output.stdout.trim())
        .map_err(|e| Unclear::text("etcdctl endpoint status", &e.to_string()))?;
    let Some(Endpoint { status }) = endpoints.into_iter().flatten().next() else {
        return Err(Unclear::text("etcdctl endpoint status", "no endpoint answered"));
    };
    Ok(Status {
        cluster: ClusterId(status.header.cluster_id),
        member: MemberId(status.header.member_id),
        revision: status.header.revision,
        term: status.header.raft_term,
        applied: status.raft_applied_index,
        index: status.raft_index,
        leader: (status.leader != 0).then_some(MemberId(status.leader)),
        learner: status.is_learner,
        version: status.version,
        db_bytes: status.db_size,
        errors: status.errors,
    })
}
