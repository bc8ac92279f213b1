//! Drop a learner: remove the entry that an earlier, interrupted join left in the member list. Learners have no vote.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, MasterName, MemberId, Output};
use crate::observe::settings::Access;
use crate::observe::status::etcdctl;

use super::join::Listed;
use super::{Act, Effect, Facts, Judgement, Kind, Undo};

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

const REMOVE_TIMEOUT: Duration = Duration::from_secs(5);

const SCRIPT: Script = Script { name: "drop learner", text: include_str!("scripts/drop-learner.sh") };

impl Kind for DropLearner {
    fn title(&self) -> String {
        format!("remove the learner {} left by an earlier join of {}", self.id, self.joiner)
    }

    fn acts(&self) -> Vec<Act> {
        let command = Command::script(SCRIPT)
            .arg(self.id.to_string())
            .then(etcdctl(&self.etcdctl, &self.access, REMOVE_TIMEOUT))
            .deadline(REMOVE_TIMEOUT * 3);
        vec![Act::once(command).for_up_to(self.limit)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        if output.ok() {
            return Judgement::done("removed");
        }
        if output.status == 76 {
            return Judgement::Stop(output.complaint());
        }
        match Listed::last_of(output) {
            Some(listed) if listed.members.iter().all(|member| member.id != self.id.0) => {
                Judgement::found("it is not listed any more")
            }
            _ => Judgement::Again(output.complaint()),
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::RemovesLearner]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}

#[cfg(test)]
mod tests;
