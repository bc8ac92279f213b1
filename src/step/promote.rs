//! Promote: give the learner its vote as soon as the leader agrees that it is in sync.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{AbsPath, Command, MasterName, Output, Placeholder, WalDir};
use crate::observe::settings::Access;
use crate::observe::status::etcdctl;

use super::{Act, Effect, Facts, Judgement, Kind, Undo, join::Listed};

/// Promotes, asked at a serving member; only the leader's answer counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promote {
    /// Whose member.
    pub joiner: MasterName,
    /// Where etcdctl lies on the serving member.
    pub etcdctl: String,
    /// The serving member's client port.
    pub access: Access,
    /// How long catching up may stand still.
    pub limit: Duration,
    /// Where the joiner's data lies; plans from before its growth was looked at lack it.
    #[serde(default)]
    pub data_dir: Option<AbsPath>,
    /// Where its log lies, where that is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_dir: Option<WalDir>,
}

const PROMOTE_TIMEOUT: Duration = Duration::from_secs(5);

const SCRIPT: Script = Script { name: "promote", text: include_str!("scripts/promote.sh") };

impl Kind for Promote {
    fn title(&self) -> String {
        format!("promote {}", self.joiner)
    }

    fn acts(&self) -> Vec<Act> {
        let command = Command::script(SCRIPT).placeholder(Placeholder::MemberId(self.joiner.clone()));
        let command = command.then(etcdctl(&self.etcdctl, &self.access, PROMOTE_TIMEOUT)).deadline(PROMOTE_TIMEOUT * 3);
        vec![Act::once(command).for_up_to(self.limit).while_grows(
            Some(&self.joiner),
            self.data_dir.as_ref(),
            self.wal_dir.as_ref(),
        )]
    }

    fn judge(&self, _act: usize, output: &Output, facts: &Facts) -> Judgement {
        if output.ok() {
            return Judgement::done("it votes");
        }
        let listed = Listed::last_of(output);
        let entry = listed.and_then(|listed| {
            let id = facts.member_ids.get(&self.joiner)?.0;
            Some(listed.members.into_iter().find(|member| member.id == id))
        });
        match entry {
            Some(Some(entry)) if !entry.learner => Judgement::found("it votes already"),
            Some(None) => Judgement::Stop("the learner is no longer in the member list".into()),
            _ => Judgement::Again(format!("catching up ({})", output.complaint().trim_start_matches("exit 75: "))),
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::Promotes(&self.joiner)]
    }

    fn undo(&self) -> Undo {
        let (remove, joiner) = ("etcdctl member remove", &self.joiner);
        Undo::ByHand(format!(
            "only while every other voter serves (`requorum status`): {remove} <member id of {joiner}>"
        ))
    }
}
