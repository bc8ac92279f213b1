//! The question "is there a quorum behind you?": a linearizable read, which a stale leader can never answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Command, Output};

use super::settings::Access;
use super::status::etcdctl;

/// The key that requorum writes to prove that a cluster takes writes. Kubernetes keeps its own below `/registry`.
pub const PROBE_KEY: &str = "requorum/probe";

/// A quorum answers within milliseconds, over a stretched link within tens of them. Without one a read takes all of
/// this.
pub const TIMEOUT: Duration = Duration::from_secs(3);

/// Where nothing is heard of whoever could answer, and where the run looks again, so long is enough.
pub const SHORT_TIMEOUT: Duration = Duration::from_secs(1);

/// What a linearizable read showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// It was answered: there is a quorum.
    Answered,
    /// It failed, and with what words.
    Failed(String),
}

/// Asks for a linearizable read, for as long as `timeout`.
#[must_use]
pub fn command(etcdctl_path: &str, access: &Access, timeout: Duration) -> Command {
    etcdctl(etcdctl_path, access, timeout).args(["get", PROBE_KEY, "--consistency=l", "--keys-only"])
}

/// Reads the exit status: it alone decides.
#[must_use]
pub fn parse(output: &Output) -> Read {
    if output.ok() { Read::Answered } else { Read::Failed(output.complaint()) }
}
