//! Record: write on a master what a second bastion would need to tell the new cluster from the old.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Output, Placeholder, RecordAt};
use crate::observe::traces::ClusterRecord;

use super::{Act, Effect, Facts, Judgement, Kind, Undo, return_record, run_dir};

/// Writes the record, such as `/var/lib/requorum/cluster.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The record. Its fork revision is filled in while running when `fork_is_late`.
    pub record: ClusterRecord,
    /// Whether the fork revision is this run's snapshot's.
    pub fork_is_late: bool,
    /// The file.
    #[serde(default, skip_serializing_if = "RecordAt::is_main")]
    pub at: RecordAt,
    /// Whether it says that no node is cordoned any more, and is written only if that is so by then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once_uncordoned: bool,
}

/// Stands for the fork revision until the snapshot is taken; no revision that etcd gives.
const LATE: u64 = u64::MAX;

const SCRIPT: Script = Script { name: "record", text: include_str!("scripts/record.sh") };

impl Kind for Record {
    fn title(&self) -> String {
        let also = if self.once_uncordoned { ", and that no node is cordoned any more" } else { "" };
        format!("record cluster {}{also}", self.record.cluster)
    }

    fn acts(&self) -> Vec<Act> {
        let mut record = self.record.clone();
        if self.fork_is_late {
            record.fork_revision = LATE;
        }
        let text = serde_json::to_vec(&record).unwrap_or_default();
        let command = Command::script(SCRIPT).arg(self.at.to_string());
        let command = if self.fork_is_late {
            command.placeholder(Placeholder::ForkRevision)
        } else {
            command.arg(record.fork_revision.to_string())
        };
        let kept = run_dir(&self.record.written_by);
        let command = command.arg(LATE.to_string()).arg(kept);
        let command = if self.once_uncordoned { command.placeholder(Placeholder::Uncordoned) } else { command };
        vec![Act::once(command.stdin(text))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::Records(&self.record)]
    }

    fn undo(&self) -> Undo {
        Undo::Steps(vec![
            return_record::ReturnRecord { run: self.record.written_by.clone(), at: self.at.clone() }.into(),
        ])
    }
}

#[cfg(test)]
mod tests;
