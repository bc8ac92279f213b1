//! A question's answer, or why there is none and what to do about it. Knows no question.

use serde::{Deserialize, Serialize};

use crate::model::Output;
use crate::model::command::clean;

use super::denied;

/// A question without a usable answer: not a no, an unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Unclear {
    pub what: String,
    /// What came instead, cleaned.
    pub why: String,
}

impl Unclear {
    /// A command that failed.
    #[must_use]
    pub fn failed(what: &str, output: &Output) -> Self {
        Self { what: what.to_owned(), why: output.complaint() }
    }

    /// An answer that cannot be read.
    #[must_use]
    pub fn text(what: &str, why: &str) -> Self {
        Self { what: what.to_owned(), why: clean(why) }
    }

    /// What stands in an answer's place where a question of etcd was not put: it does not run, say.
    #[must_use]
    pub fn not_put(why: &str) -> Self {
        Self::text(NOT_PUT, why)
    }

    /// Whether the question was asked at all. One that was not has nothing to tell; why it was not is told elsewhere.
    #[must_use]
    pub fn was_asked(&self) -> bool {
        self.what != NOT_PUT && self.why != NOT_ASKED
    }

    /// What to do about it on that master, by its cause.
    #[must_use]
    pub fn next(&self) -> &'static str {
        const CAUSES: [(&[&str], &str); 8] = [
            (&["no certificate"], "put the certificate there in PEM form, as the CA gave it"),
            (&["no such file", "not found", "not installed"], "restore what is missing there, then try again"),
            (
                &["permission denied", "not permitted"],
                "check what denies root access there (SELinux, a remote mount), or log in as a user with access",
            ),
            (
                &["is not a file", "is a directory", "not a directory"],
                "check what is at that path there, and correct it",
            ),
            (
                &["input/output error", "stale file handle", "needs cleaning", "read-only"],
                "fix the disk or mount there; its kernel's log (dmesg) says more",
            ),
            (&["certificate", "x509", "tls"], "compare the certificate's names and dates with the URL it is asked at"),
            (
                &["deadline", "timed out", "refused"],
                "check what hangs or is down there (a dead mount, load, etcd's log), then try again",
            ),
            (&["outcome is unknown", "connection"], "try again; if it persists, check that master's sshd and network"),
        ];
        if denied::word(&self.why).is_some() {
            return denied::NEXT;
        }
        let why = self.why.to_lowercase();
        let cause = CAUSES.iter().find(|(words, _)| words.iter().any(|word| why.contains(word)));
        cause.map_or("fix there what the text names, then try again", |(_, next)| next)
    }

    /// Whether a file is not there, as the system's own words say it; any other failure is not that.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.why.to_lowercase().contains("no such file")
    }
}

const NOT_PUT: &str = "asking etcd";
/// Why there is no answer in an observation from before the question was.
pub(crate) const NOT_ASKED: &str = "it was not asked";

/// A question's answer, or why there is none.
pub type Answer<T> = Result<T, Unclear>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_of_no_answer_has_its_own_way_out() {
        let of = |why: &str| Unclear::text("reading the env file", why);
        assert!(of("exit 1: stat: cannot statx '/etc/etcd.env': No such file or directory").is_missing());
        let mut ways = std::collections::BTreeSet::new();
        for why in [
            "exit 1: cat: /etc/etcd.env: Permission denied",
            "exit 1: cat: /etc/etcd.env: Input/output error",
            "exit 1: /etc/etcd.env is not a file",
            "the outcome is unknown: it did not end within 10s, its deadline",
            "the outcome is unknown: the connection was cut",
            "something else",
        ] {
            assert!(!of(why).is_missing(), "{why}");
            ways.insert(of(why).next());
        }
        assert_eq!(ways.len(), 6, "{ways:?}");
    }
}
