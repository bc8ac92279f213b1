//! Snapshot: save the survivor's data, keep the file there, and verify it before anything is stopped.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::{LONGEST, Script};
use crate::model::{AbsPath, Command, Output, RunId, Supervisor, WalDir};
use crate::observe::log::End;
use crate::observe::settings::Access;
use crate::observe::status::{self, etcdctl};
use crate::observe::supervised::{Supervised, supervised};

use super::{Act, Doing, Effect, Fact, Facts, Judgement, Kind, SnapshotFact, Undo, replay, run_dir, snapshot_path};

/// Where the snapshot comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From the running survivor: everything applied, without quorum, as long as etcd was not restarted since the loss.
    Live {
        /// Where etcdctl lies.
        etcdctl: String,
        /// The survivor's client port.
        access: Access,
        /// The data directory, where its database is so large that its file is copied: etcd only begins to send it, which
        /// commits all it has applied, and the copy counts if no transaction was committed since
        /// (`decisions/0011`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        copied: Option<AbsPath>,
    },
    /// A copy of the database after a clean stop. etcd flushes it every 100 ms and when it ends; during the proof,
    /// which takes longer than two election timeouts, nothing is applied.
    StoppedCopy {
        /// The data directory.
        data_dir: AbsPath,
        /// What starts its etcd, which must be down.
        #[serde(rename = "unit")]
        supervisor: Supervisor,
    },
    /// The database with what only its write-ahead log has: an etcd is started on a copy of the stopped data, alone in a
    /// network of its own, and its database is taken once it has applied everything. It needs no clean end.
    Replay {
        /// The data directory, which is only read.
        data_dir: AbsPath,
        /// Where its log lies, where that is elsewhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wal_dir: Option<WalDir>,
        /// What starts its etcd, which must be down.
        #[serde(rename = "unit")]
        supervisor: Supervisor,
        /// The etcd that the unit starts.
        etcd: String,
        /// Where etcdctl lies.
        etcdctl: String,
        /// Where the log must end: what it had when the plan was made.
        end: End,
    },
    /// A file of the bastion.
    File {
        path: String,
        /// Its size in bytes.
        bytes: u64,
        /// Its SHA-256.
        sha256: String,
        /// The revision of the survivor that the file must reach, where the survivor could say it.
        at_least: Option<u64>,
    },
}

/// Takes and verifies a snapshot on the seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Where it comes from.
    pub source: Source,
    /// The tool that verifies it: `etcdutl`, or `etcdctl` on 3.4.
    pub tool: String,
    pub run: RunId,
    /// How long it may stand still; grows with the database, which is read once without a word.
    pub limit: Duration,
    /// The database's size when the plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_bytes: Option<u64>,
    /// Whether the cluster is known never to have taken a write: then a snapshot without a key is whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_written: bool,
}

/// The last line is one JSON object: what the tool says, or for a copy what etcd says, and the file's size and hash.
pub const SCRIPT: Script = Script {
    name: "snapshot",
    text: concat!(include_str!("scripts/prelude/moving.sh"), include_str!("scripts/snapshot.sh")),
};

/// The same where it depends on how its etcd has ended.
const OF_STOPPED: Supervised = supervised!("snapshot", "scripts/prelude/moving.sh", "scripts/snapshot.sh");

const RECEIVE: Script = Script { name: "receive", text: include_str!("scripts/receive.sh") };

/// The command that takes a snapshot file on its standard input.
#[must_use]
pub fn receive(run: &RunId) -> Command {
    Command::script(RECEIVE).arg(run_dir(run)).arg(snapshot_path(run)).bulk()
}

/// The file while it is written.
#[must_use]
pub fn coming(run: &RunId) -> String {
    format!("{}.part", snapshot_path(run))
}

impl Snapshot {
    fn take(&self) -> Command {
        let (how, from) = match &self.source {
            Source::Live { copied, .. } => ("live", copied.as_ref().map(database).unwrap_or_default()),
            Source::StoppedCopy { data_dir, .. } => ("copy", database(data_dir)),
            // It lies there already.
            Source::File { .. } | Source::Replay { .. } => ("file", String::new()),
        };
        let script = match &self.source {
            Source::StoppedCopy { supervisor, .. } => OF_STOPPED.of(supervisor),
            Source::Live { .. } | Source::File { .. } | Source::Replay { .. } => SCRIPT,
        };
        let command = Command::script(script).arg(run_dir(&self.run)).arg(snapshot_path(&self.run)).args([
            self.tool.as_str(),
            how,
            from.as_str(),
        ]);
        let command = command.arg(self.limit.as_secs().to_string());
        let command = match &self.source {
            // etcdctl's own limit is no matter of progress.
            Source::Live { etcdctl: path, access, .. } => command.then(etcdctl(path, access, LONGEST)),
            Source::StoppedCopy { supervisor, .. } => command.arg(supervisor.word()),
            Source::File { .. } | Source::Replay { .. } => command,
        };
        command.while_it_moves(self.limit + Duration::from_secs(10))
    }

    fn verified(&self, output: &Output) -> Judgement {
        if !output.ok() {
            return Judgement::Stop(output.complaint());
        }
        let mut fact = match read_verdict(&output.stdout) {
            Ok(fact) => fact,
            Err(why) => return Judgement::Stop(why),
        };
        if fact.revision == 0 && !self.never_written {
            return Judgement::Stop(
                "the snapshot holds no key, and it is not known that this cluster never had one: the data may have been lost \
                 here. Look for it on the other masters, or give a file with --snapshot FILE; if nothing was ever written, \
                 set the cluster up anew"
                    .into(),
            );
        }
        // An empty store is at revision 1; the tool tells the last revision of a key.
        fact.revision = fact.revision.max(1);
        if let Source::File { at_least: Some(needed), .. } = self.source
            && fact.revision < needed
        {
            return Judgement::Stop(format!(
                "the snapshot ends at revision {}, the survivor has {needed}: restoring it would lose writes",
                fact.revision
            ));
        }
        let how =
            fact.hash.map_or_else(|| "copied while nothing was committed".to_owned(), |hash| format!("hash {hash:x}"));
        let note = format!("revision {}, {} bytes, {how}", fact.revision, fact.bytes);
        Judgement::Done(note, vec![Fact::Snapshot(fact)])
    }

    /// The acts before the file is there: what they are depends on the source.
    fn before(&self) -> Option<Act> {
        match &self.source {
            Source::Live { .. } | Source::StoppedCopy { .. } => None,
            Source::Replay { data_dir, wal_dir, supervisor, etcd, etcdctl, .. } => {
                let place = (data_dir, wal_dir.as_ref());
                Some(Act::once(replay::command(supervisor, place, &self.run, etcd, etcdctl, self.limit)))
            }
            Source::File { path, bytes, sha256, .. } => {
                let write = receive(&self.run).arg(bytes.to_string()).arg(sha256.clone()).while_it_moves(self.limit);
                Some(Act::doing(Doing::Send { path: path.clone(), write }).moves(&coming(&self.run), Some(*bytes)))
            }
        }
    }
}

fn database(data_dir: &AbsPath) -> String {
    format!("{data_dir}/member/snap/db")
}

fn read_verdict(stdout: &str) -> Result<SnapshotFact, String> {
    #[derive(Deserialize)]
    struct Said {
        bytes: u64,
        sha256: String,
        status: Option<Tool>,
        member: Option<serde_json::Value>,
    }
    #[derive(Deserialize)]
    struct Tool {
        hash: u64,
        revision: u64,
        #[serde(rename = "totalKey")]
        keys: u64,
    }
    let unread = |why: &dyn std::fmt::Display| format!("the tool's verdict cannot be read: {why}");
    let last = stdout.lines().last().unwrap_or_default();
    let Said { bytes, sha256, status, member } = serde_json::from_str(last).map_err(|e| unread(&e))?;
    match (status, member) {
        (Some(Tool { hash, revision, keys }), _) => {
            Ok(SnapshotFact { bytes, sha256, revision, hash: Some(hash), keys: Some(keys) })
        }
        (None, Some(member)) => {
            let answer = Output { stdout: member.to_string(), ..Output::default() };
            let status = status::parse(&answer).map_err(|why| unread(&why))?;
            Ok(SnapshotFact { bytes, sha256, revision: status.revision, hash: None, keys: None })
        }
        (None, None) => Err(unread(&"it says neither what the tool nor what etcd found")),
    }
}

impl Kind for Snapshot {
    fn title(&self) -> String {
        match &self.source {
            Source::Live { copied: None, .. } => "take a snapshot of the running survivor".to_owned(),
            Source::Live { copied: Some(_), .. } => "copy the running survivor's database".to_owned(),
            Source::StoppedCopy { .. } => "copy the cleanly stopped database".to_owned(),
            Source::Replay { end, .. } => format!("copy the stopped database and replay its log to {end}"),
            Source::File { path, .. } => format!("snapshot from {path}"),
        }
    }

    fn acts(&self) -> Vec<Act> {
        let take = Act::once(self.take()).moves(&coming(&self.run), self.expected_bytes);
        self.before().into_iter().chain([take]).collect()
    }

    fn judge(&self, act: usize, output: &Output, _facts: &Facts) -> Judgement {
        if act + 1 == self.acts().len() { self.verified(output) } else { Judgement::spoken(output) }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::SavesSnapshot(&self.source)]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_of_the_tool_becomes_a_fact() {
        let line =
            r#"{"bytes":20512,"sha256":"ab","status":{"hash":3456789,"revision":12,"totalKey":14,"totalSize":20480}}"#;
        let fact = read_verdict(line).unwrap();
        assert_eq!((fact.revision, fact.bytes, fact.keys), (12, 20512, Some(14)));
        assert!(read_verdict("{}").is_err());
    }
    #[test]
    fn a_snapshot_without_a_key_counts_only_where_there_never_was_one() {
        let line =
            r#"{"bytes":20512,"sha256":"ab","status":{"hash":3456789,"revision":0,"totalKey":0,"totalSize":20480}}"#;
        let output = Output { stdout: line.to_owned(), ..Output::default() };
        let file = Source::File { path: "x".into(), bytes: 20512, sha256: "ab".into(), at_least: Some(1) };
        let of = |never_written| Snapshot {
            source: file.clone(),
            tool: "etcdutl".to_owned(),
            run: RunId::imagined(),
            limit: Duration::from_secs(1),
            expected_bytes: None,
            never_written,
        };
        let Judgement::Done(_, facts) = of(true).verified(&output) else { panic!("it is whole") };
        assert!(matches!(&facts[..], [Fact::Snapshot(fact)] if fact.revision == 1), "{facts:?}");
        let Judgement::Stop(why) = of(false).verified(&output) else { panic!("nobody knows where the keys are") };
        assert!(why.contains("--snapshot FILE"), "{why}");
    }
}
