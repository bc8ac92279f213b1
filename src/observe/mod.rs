//! What the masters say: one question per file (a command and a parser), the answers together as an [`Observation`],
//! and what they mean ([`assess`], [`proof`]). Asks nothing itself; `run::look` and `run::examine` do.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::command::clean;
use crate::model::{Cluster, MasterName, Output, ZoneName};

pub mod alarms;
pub mod assess;
pub mod certificates;
pub mod client_urls;
pub mod clock;
pub mod cluster_findings;
pub mod code;
pub mod database;
pub mod disk;
pub mod environment;
pub mod examination;
mod finding;
pub mod fork;
pub mod heard;
pub mod known_before;
pub mod last_log;
pub mod layout;
pub mod log;
mod master_findings;
pub mod members;
pub mod node;
pub mod peers;
pub mod policy;
pub mod proof;
pub mod read;
pub mod records;
pub mod settings;
pub mod settings_place;
pub mod since_proof;
pub mod speed;
pub mod status;
pub mod tools;
pub mod traces;
mod unanswered;
pub mod unit;
mod upcoming;
mod verdict;

pub use certificates::Certificates;
pub use code::Code;
pub use disk::Disk;
pub use examination::{Examination, Examined, StateDirectory};
pub use finding::{Finding, Severity};
pub use known_before::KnownBefore;
pub use log::Log;
pub use node::Node;
pub use peers::{Member, Members};
pub use read::Read;
pub use settings::{Access, Settings};
pub use status::Status;
pub use tools::Tools;
pub use traces::{ClusterRecord, Holder, Traces};
pub use unit::Unit;
pub use verdict::Verdict;

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
}

impl Unclear {
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

/// Everything one master said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub unit: Answer<Unit>,
    /// The env file.
    pub settings: Answer<Settings>,
    pub tools: Answer<Tools>,
    pub disk: Answer<Disk>,
    /// What requorum left there.
    #[serde(rename = "marks")]
    pub traces: Answer<Traces>,
    /// The member's account of itself; an error also when etcd is down.
    pub status: Answer<Status>,
    /// The member list at its peer port; an error also when etcd is down.
    pub members: Answer<Members>,
    /// A linearizable read through it.
    pub read: Answer<Read>,
    /// Peer URLs of masters outside its zone that take a connection from it.
    pub open_peers: Answer<Vec<String>>,
    /// When its certificates end.
    #[serde(default = "certificates::not_asked")]
    pub certificates: Answer<Certificates>,
    /// How far its write-ahead log goes; read where nothing serves.
    #[serde(default = "log::not_asked")]
    pub log: Answer<Log>,
    /// What a run would meet there beside etcd.
    #[serde(default = "node::not_asked")]
    pub node: Answer<Node>,
}

impl Seen {
    /// Whether etcd's process runs there. Not knowing is not no.
    #[must_use]
    pub fn etcd_runs(&self) -> Option<bool> {
        self.unit.as_ref().ok().map(Unit::running)
    }

    /// Whether its etcd answers, names no leader, and let no linearizable read through. Not knowing is no.
    #[must_use]
    pub fn has_no_leader(&self) -> bool {
        self.status.as_ref().is_ok_and(|status| status.leader.is_none()) && matches!(self.read, Ok(Read::Failed(_)))
    }

    /// Whether the member names a leader now. It may be stale.
    #[must_use]
    pub fn names_leader(&self) -> bool {
        self.status.as_ref().is_ok_and(|status| status.leader.is_some())
    }

    /// Whether a quorum stands behind it.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.read == Ok(Read::Answered)
    }

    /// The database's size, from the member or else from the disk; none where there is no database.
    #[must_use]
    pub fn db_bytes(&self) -> Option<u64> {
        let status = self.status.as_ref().map(|status| status.db_bytes).ok();
        status.or_else(|| self.disk.as_ref().map(|disk| disk.db_bytes).ok()).filter(|bytes| *bytes > 0)
    }

    /// The database's size and its quota, where there is one.
    #[must_use]
    pub fn db_of_quota(&self) -> Option<(u64, u64)> {
        self.db_bytes().zip(self.settings.as_ref().ok()?.quota_bytes())
    }

    /// The cluster it belongs to, from either port.
    #[must_use]
    pub fn cluster(&self) -> Option<crate::model::ClusterId> {
        self.status
            .as_ref()
            .map(|status| status.cluster)
            .ok()
            .or_else(|| self.members.as_ref().ok().map(|members| members.cluster))
    }
}

/// What became of asking one master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contact {
    /// It answered over SSH.
    Answers(Box<Seen>),
    /// Nothing answered: dark, not proved dead.
    Silent(String),
    /// Something answered that we may not talk to (host key, login, sudo).
    Refused(String),
}

impl Contact {
    /// What it said, where it answered.
    #[must_use]
    pub fn seen(&self) -> Option<&Seen> {
        match self {
            Self::Answers(seen) => Some(seen),
            Self::Silent(_) | Self::Refused(_) => None,
        }
    }
}

/// What all masters said at about one time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub masters: BTreeMap<MasterName, Contact>,
    /// Whether quorum was proved lost; absent while nobody tried.
    pub proof: Option<proof::Outcome>,
    /// What this bastion knows from before.
    #[serde(default, rename = "kept", skip_serializing_if = "KnownBefore::is_empty")]
    pub known_before: KnownBefore,
}

impl Observation {
    /// What a master said, where it answered.
    #[must_use]
    pub fn seen(&self, master: &MasterName) -> Option<&Seen> {
        self.masters.get(master).and_then(Contact::seen)
    }

    /// Takes a proof's outcome and the last thing each witness said: what it had applied then must still be the last.
    pub fn take_proof(&mut self, outcome: proof::Outcome, samples: BTreeMap<MasterName, proof::Sample>) {
        self.proof = Some(outcome);
        for (name, sample) in samples {
            if let (Some(Contact::Answers(seen)), Ok(status)) = (self.masters.get_mut(&name), sample.status) {
                seen.status = Ok(status);
            }
        }
    }

    /// How a survivor stood at the end of a proof by counting.
    #[must_use]
    pub fn stand(&self, master: &MasterName) -> Option<&proof::count::Stand> {
        match &self.proof {
            Some(proof::Outcome::Counted { stands, .. }) => stands.get(master),
            _ => None,
        }
    }

    /// Whether any master of a zone answered.
    #[must_use]
    pub fn zone_answers(&self, cluster: &Cluster, zone: &ZoneName) -> bool {
        cluster.zones.get(zone).is_some_and(|zone| zone.masters.keys().any(|name| self.seen(name).is_some()))
    }

    /// The same without the locks that `are_known`: a lock of one's own, for example, is nothing to find.
    #[must_use]
    pub fn without_locks(mut self, are_known: impl Fn(&Holder) -> bool) -> Self {
        for contact in self.masters.values_mut() {
            if let Contact::Answers(seen) = contact
                && let Ok(traces) = &mut seen.traces
            {
                traces.lock.take_if(|lock| are_known(lock));
            }
        }
        self
    }

    /// Every lock that was seen: where, whose, and for how many seconds it was not renewed.
    pub fn locks(&self) -> impl Iterator<Item = (&MasterName, &Holder, Option<u64>)> {
        self.answering().filter_map(|(name, seen)| {
            let traces = seen.traces.as_ref().ok()?;
            Some((name, traces.lock.as_ref()?, traces.unrenewed_s))
        })
    }

    /// The directories with data that runs have moved aside, by master.
    #[must_use]
    pub fn old_data(&self) -> BTreeMap<MasterName, BTreeSet<String>> {
        let kept = self.answering().filter_map(|(name, seen)| Some((name, &seen.traces.as_ref().ok()?.old_data)));
        kept.filter(|(_, kept)| !kept.is_empty()).map(|(name, kept)| (name.clone(), kept.clone())).collect()
    }

    /// Every master that answered.
    pub fn answering(&self) -> impl Iterator<Item = (&MasterName, &Seen)> {
        self.masters.iter().filter_map(|(name, contact)| contact.seen().map(|seen| (name, seen)))
    }
}

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
