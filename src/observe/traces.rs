//! The question "what has requorum left on this master?": fence, lock, and the record of a finished run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::command::{Script, clean};
use crate::model::{AbsPath, ClusterId, Command, Output, RecordAt, RunId, Supervisor, Token};

use super::Unclear;

pub use crate::model::supervisor::STATE;

/// The lock: a directory, since `mkdir` is atomic.
pub const LOCK: &str = "/var/lib/requorum/lock";

/// What an answer is called that holds a record which cannot be read.
pub(crate) const RECORDED: &str = "the record of the newest cluster";

/// What a finished run leaves on every master it served, so that another bastion can go on. What a later requorum adds is passed
/// over, unless it raises the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// The format's version: 2, or 1 where it has no ancestors.
    pub version: u32,
    /// The run that made the cluster.
    pub run: RunId,
    /// The run that wrote this record.
    pub written_by: RunId,
    /// The cluster's ID.
    pub cluster: ClusterId,
    pub token: Token,
    /// The revision at which the new cluster left the old.
    pub fork_revision: u64,
    /// The cluster that was left, the one which that had left, and so on: what tells an old cluster from a new one
    /// when the bastions' clocks do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<ClusterId>,
    /// One more than that of the cluster left.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub generation: u64,
    /// Whether the run saw the cluster take a write. It is recorded before the start too: should the bastion be lost
    /// then, the new cluster can still be told from the old.
    pub finished: bool,
    /// Whether nodes of the lost zone were to be cordoned, and no run has taken that back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cordons: bool,
}

/// The version of a record that is written now.
pub const RECORD_VERSION: u32 = 2;

impl ClusterRecord {
    /// Whether it says what its cluster was made from. Those of version 1 do not.
    #[must_use]
    pub const fn has_line(&self) -> bool {
        self.version >= 2
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_none_yet(generation: &u64) -> bool {
    *generation == 0
}

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub run: String,
    /// The person, as the bastion knows them.
    pub person: String,
    /// The bastion.
    pub host: String,
    pub since: String,
    /// The digest of its plan.
    #[serde(default)]
    pub plan: String,
    /// The token of the cluster it makes: what a second bastion needs to go on.
    #[serde(default)]
    pub token: String,
}

impl Holder {
    /// Who holds it, in words.
    #[must_use]
    pub fn words(&self) -> String {
        clean(&format!("run {} ({} on {} since {})", self.run, self.person, self.host, self.since))
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    /// Whether the fence marker is there.
    pub fenced: bool,
    /// The run that placed it, where its text names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fenced_by: Option<RunId>,
    /// Whether that run placed it on a survivor, whose data is not older than any other's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fenced_survivor: bool,
    /// What its etcd said of itself before it was stopped for that fence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_revision: Option<LastRevision>,
    /// Whether the drop-in that makes it effective is there.
    pub drop_in: bool,
    /// Who holds the lock; `Some` with question marks when the holder's file is not readable.
    pub lock: Option<Holder>,
    /// For how many seconds the lock has not been renewed, by the master's own clock. A run that lives renews it every
    /// 10 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrenewed_s: Option<u64>,
    /// The record of the last finished run.
    pub record: Option<ClusterRecord>,
    /// Whether what lies in the data directory was put there by a run, where it still is that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// The directories with data that runs have moved aside.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub old_data: BTreeSet<String>,
    /// The runs that `undo` has begun to take back here.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub undone: BTreeSet<RunId>,
}

/// How far a member's etcd was before it was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRevision {
    /// The cluster that it was a member of.
    pub cluster: ClusterId,
    pub revision: u64,
}

impl std::fmt::Display for LastRevision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "last_revision={} {}", self.cluster, self.revision)
    }
}

impl LastRevision {
    /// Reads what [`Display`](std::fmt::Display) writes, behind its `=`.
    fn read(text: &str) -> Option<Self> {
        let (cluster, revision) = text.split_once(' ')?;
        Some(Self { cluster: cluster.parse().ok()?, revision: revision.parse().ok()? })
    }
}

/// What a run has made of a data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replaced {
    /// It holds what this run restored: a new cluster's data.
    Restored(RunId),
    /// It is empty: this run has moved the data aside.
    Emptied(RunId),
}

impl Replaced {
    /// The run.
    #[must_use]
    pub const fn by(&self) -> &RunId {
        match self {
            Self::Restored(run) | Self::Emptied(run) => run,
        }
    }
}

impl Traces {
    /// The run whose new cluster was to start here: its own fence is lifted, so that the start may have been sent, and writes
    /// acknowledged since.
    #[must_use]
    pub fn begun(&self) -> Option<&RunId> {
        match self.half_made()? {
            Replaced::Restored(run) if !self.is_held_back_by(run) => Some(run),
            Replaced::Restored(_) | Replaced::Emptied(_) => None,
        }
    }

    /// Whether etcd has not been started since that run replaced the data here: its start lifts its own fence. One that
    /// somebody else placed says nothing of what was before.
    #[must_use]
    pub fn is_held_back_by(&self, run: &RunId) -> bool {
        self.fenced && self.drop_in && self.fenced_survivor && self.fenced_by.as_ref() == Some(run)
    }

    /// What a run replaced and did not finish: etcd must not start on it by anyone's hand but that run's.
    #[must_use]
    pub fn half_made(&self) -> Option<&Replaced> {
        let finished = |run: &RunId| self.record.as_ref().is_some_and(|record| record.finished && record.run == *run);
        self.replaced.as_ref().filter(|replaced| match replaced {
            Replaced::Restored(run) => !finished(run),
            Replaced::Emptied(_) => true,
        })
    }
}

const SCRIPT: Script = Script { name: "marks", text: include_str!("scripts/traces.sh") };

/// Asks for the traces.
#[must_use]
pub fn command(supervisor: &Supervisor, data_dir: &AbsPath, record: &RecordAt) -> Command {
    let command = Command::script(SCRIPT).args([supervisor.fence_marker(), supervisor.held_by()]);
    command.args([LOCK, &record.to_string(), data_dir.as_str()]).args(supervisor.pod().map(|pod| pod.manifest.as_str()))
}

/// Reads `name=value` lines.
///
/// # Errors
/// When the script did not run, or a record is there that this version cannot read: it must not be taken for none.
pub fn parse(output: &Output) -> Result<Traces, Unclear> {
    if !output.ok() {
        return Err(Unclear::failed("looking at /var/lib/requorum", output));
    }
    let mut traces = Traces::default();
    for (name, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        match name {
            "fenced" => traces.fenced = true,
            "fenced_by" => {
                traces.fenced_by = placed_by(value);
                traces.fenced_survivor = value.contains(ON_A_SURVIVOR);
            }
            "last_revision" => traces.last_revision = LastRevision::read(value),
            "drop_in" => traces.drop_in = true,
            "lock" => {
                let unknown = || "?".to_owned();
                traces.lock = Some(serde_json::from_str(value).unwrap_or_else(|_| Holder {
                    run: unknown(),
                    person: unknown(),
                    host: unknown(),
                    since: unknown(),
                    plan: unknown(),
                    token: unknown(),
                }));
            }
            // Of several the last counts: runs are named by their time.
            "restored_by" => traces.replaced = RunId::new(value).ok().map(Replaced::Restored),
            "undone" => traces.undone.extend(RunId::new(value).ok()),
            "emptied_by" => traces.replaced = RunId::new(value).ok().map(Replaced::Emptied),
            "old_data" => {
                traces.old_data.insert(clean(value));
            }
            // A clock that was set back gives a negative age: a moment ago.
            "unrenewed" => traces.unrenewed_s = value.parse::<i64>().ok().map(|age| age.max(0).unsigned_abs()),
            "record" => {
                let record: ClusterRecord = serde_json::from_str(value)
                    .map_err(|e| Unclear::text(RECORDED, &format!("not a record this version can read: {e}")))?;
                if record.version > RECORD_VERSION {
                    let why = format!("a record of version {}; this requorum reads {RECORD_VERSION}", record.version);
                    return Err(Unclear::text(RECORDED, &why));
                }
                traces.record = Some(record);
            }
            _ => {}
        }
    }
    Ok(traces)
}

/// What a fence's marker says: who placed it.
#[must_use]
pub fn fence_text(verb: &str, run: &RunId, person: &str) -> String {
    format!("fenced by requorum {verb} run {run} for {person}")
}

/// What stands behind the verb in the marker of a survivor's fence.
const ON_A_SURVIVOR: &str = " of a survivor run ";

/// What the marker of a fence on a survivor says.
#[must_use]
pub fn survivor_fence_text(verb: &str, run: &RunId, person: &str) -> String {
    format!("fenced by requorum {verb}{ON_A_SURVIVOR}{run} for {person}")
}

/// Who parked an API server, for its marker.
#[must_use]
pub fn parked_text(verb: &str, run: &RunId, person: &str) -> String {
    format!("parked by requorum {verb} run {run} for {person}")
}

/// Whether the marker says that an `initiate-dr` of that name parked it. What another verb parked is not an `undo`'s to put back.
#[must_use]
pub fn is_parked_by_initiate_dr(marker: &str, run: &RunId) -> bool {
    marker.strip_prefix("parked by requorum initiate-dr").and_then(run_in).as_ref() == Some(run)
}

fn placed_by(text: &str) -> Option<RunId> {
    run_in(text.strip_prefix("fenced by requorum ")?)
}

/// The run that a marker names.
fn run_in(text: &str) -> Option<RunId> {
    let (_, run) = text.split_once(" run ")?;
    RunId::new(run.split(' ').next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_record_is_not_taken_for_none() {
        let say = |stdout: &str| parse(&Output { stdout: stdout.into(), ..Output::default() });
        assert_eq!(say("fenced=yes\n").unwrap(), Traces { fenced: true, ..Traces::default() });
        let text = fence_text("fence", &RunId::new("20261123-134443-449f").unwrap(), "op run x for y");
        let traces = say(&format!("fenced=yes\nfenced_by={text}\n")).unwrap();
        assert_eq!(traces.fenced_by.unwrap().to_string(), "20261123-134443-449f");
        assert_eq!(say("fenced=yes\nfenced_by=by hand\n").unwrap(), Traces { fenced: true, ..Traces::default() });
        let left = LastRevision { cluster: ClusterId(0xab), revision: 65 };
        assert_eq!(say(&format!("fenced=yes\n{left}\n")).unwrap().last_revision, Some(left));
        assert_eq!(say("last_revision=soon\n").unwrap().last_revision, None);
        let kept = say("old_data=/a.retired-1\nold_data=/a.retired-2\n").unwrap().old_data;
        assert_eq!(kept.into_iter().collect::<Vec<_>>(), ["/a.retired-1", "/a.retired-2"]);
        assert!(say("record={\"version\":9}\n").is_err());
        let old = r#"{"version":1,"run":"20261123-134443-449f","written_by":"20261123-134443-449f","cluster":"ab","token":"t","fork_revision":7,"finished":true}"#;
        let record = say(&format!("record={old}\n")).unwrap().record.unwrap();
        assert!(!record.has_line() && record.ancestors.is_empty() && record.generation == 0);
        assert_eq!(serde_json::to_string(&record).unwrap(), old, "an old record is written back as it was");
        assert!(say(&format!("record={}\n", old.replace(":1,\"run", ":3,\"run"))).is_err());
        assert_eq!(say("lock=\n").unwrap().lock.unwrap().run, "?");
    }
}
