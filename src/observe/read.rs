//! The question "is there a quorum behind you?": a linearizable read, which a stale leader can never answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Command, Output};

use super::settings::Access;
use super::status::etcdctl;
use super::{Answer, Unclear, denied};

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

/// Reads the exit status: it alone decides between yes and no.
///
/// # Errors
/// When etcd did not let the caller in: that is no answer, and no sign that there is no quorum.
pub fn parse(output: &Output) -> Answer<Read> {
    match denied::of(output) {
        Some(word) => Err(Unclear::text("a linearizable read", word)),
        None if output.ok() => Ok(Read::Answered),
        None => Ok(Read::Failed(output.complaint())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_let_in_has_no_answer() {
        let said = |status, text: &str| parse(&Output { status, stderr: text.to_owned(), ..Output::default() });
        assert_eq!(said(0, ""), Ok(Read::Answered));
        assert!(matches!(said(1, "Error: context deadline exceeded"), Ok(Read::Failed(_))));
        assert!(said(1, "Error: etcdserver: permission denied").is_err_and(|why| why.next() == denied::NEXT));
    }
}
