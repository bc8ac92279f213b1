//! Drop a learner: take back the entry that an earlier, interrupted join left in the member list. Learners have no vote.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{MasterName, MemberId, Output};
use crate::observe::settings::Access;
use crate::observe::status::etcdctl;

use super::{Act, Facts, Judgement, Kind, Undo};

/// Removes a learner whose master is about to join with an empty directory: etcd would panic on its return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropLearner {
    /// Whose entry it is.
    pub joiner: MasterName,
    /// The entry's ID.
    pub id: MemberId,
    /// Where etcdctl lies on the serving member.
    pub etcdctl: String,
    /// The serving member's client port.
    pub access: Access,
    /// How long it is tried.
    pub limit: Duration,
}

impl Kind for DropLearner {
    fn title(&self) -> String {
        format!("remove the learner {} left by an earlier join of {}", self.id, self.joiner)
    }

    fn acts(&self) -> Vec<Act> {
        let command = etcdctl(&self.etcdctl, &self.access, Duration::from_secs(5))
            .args(["member", "remove"])
            .arg(self.id.to_string());
        vec![Act::once(command).for_up_to(self.limit)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        if output.ok() { Judgement::done("removed") } else { Judgement::Again(output.complaint()) }
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
