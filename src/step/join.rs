//! Join: add a returned master to the member list as a learner, which costs no quorum while it catches up.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::{Script, clean};
use crate::model::{Command, MasterName, MemberId, Output};
use crate::observe::settings::Access;
use crate::observe::status::etcdctl;

use super::{Act, Effect, Fact, Facts, Judgement, Kind, Undo};

/// Adds a learner, asked at a serving member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The master that joins.
    pub joiner: MasterName,
    /// The name its member will have.
    pub name: String,
    pub peer_urls: Vec<String>,
    /// Every peer URL of the member list as planned, the joiner's among them.
    pub expected: BTreeSet<String>,
    /// Where etcdctl lies on the serving member.
    pub etcdctl: String,
    /// The serving member's client port.
    pub access: Access,
    /// How long `unhealthy cluster` is waited out: etcd takes the next member 5 s after the last one connected.
    pub limit: Duration,
}

const ADD_TIMEOUT: Duration = Duration::from_secs(5);

const SCRIPT: Script = Script { name: "join", text: include_str!("scripts/join.sh") };

/// A member list in etcdctl's JSON: decimal IDs, zero values left out.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(default)]
    member: Option<Entry>,
    #[serde(default)]
    pub(super) members: Vec<Entry>,
}

impl Listed {
    /// The list that a script printed last, where it did.
    pub(super) fn last_of(output: &Output) -> Option<Self> {
        serde_json::from_str(output.stdout.lines().last()?).ok()
    }
}

/// One entry.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "ID")]
    pub(super) id: u64,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default, rename = "peerURLs")]
    pub(super) peer_urls: Vec<String>,
    #[serde(default, rename = "isLearner")]
    pub(super) learner: bool,
}

impl Join {
    fn urls_of(members: &[Entry]) -> BTreeSet<String> {
        members.iter().flat_map(|member| member.peer_urls.iter().cloned()).collect()
    }

    fn added(&self, output: &Output) -> Judgement {
        let listed: Listed = match serde_json::from_str(output.stdout.trim()) {
            Ok(listed) => listed,
            Err(e) => return Judgement::Stop(format!("the answer to `member add` cannot be read: {e}")),
        };
        let Some(member) = listed.member else {
            return Judgement::Stop("the answer to `member add` names no member".into());
        };
        let urls = Self::urls_of(&listed.members);
        if urls != self.expected {
            let list = |urls: &BTreeSet<String>| clean(&urls.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
            return Judgement::Stop(format!(
                "the member list is {}, but {} was planned",
                list(&urls),
                list(&self.expected)
            ));
        }
        let id = MemberId(member.id);
        Judgement::Done(format!("learner {id}"), vec![Fact::MemberId(self.joiner.clone(), id)])
    }

    fn refused(&self, output: &Output) -> Judgement {
        let Some(listed) = Listed::last_of(output) else {
            return Judgement::Again(output.complaint());
        };
        match listed.members.iter().find(|member| member.peer_urls.iter().any(|url| self.peer_urls.contains(url))) {
            // The add went through and its answer was lost. Our joiner has not been started in this step.
            Some(entry)
                if entry.learner && entry.name.is_empty() && Self::urls_of(&listed.members) == self.expected =>
            {
                let id = MemberId(entry.id);
                Judgement::FoundDone(
                    format!("learner {id} is listed already"),
                    vec![Fact::MemberId(self.joiner.clone(), id)],
                )
            }
            Some(entry) => Judgement::Stop(format!(
                "member {:x} with this peer URL is listed already and is not the empty learner that was planned",
                entry.id
            )),
            None if listed.members.iter().any(|member| member.learner) => Judgement::Stop(
                "another learner is in the member list, and etcd accepts one at a time: promote or remove it".into(),
            ),
            None => Judgement::Again(format!(
                "etcd accepts the next member 5 s after the last one connected ({})",
                output.complaint().trim_start_matches("exit 75: ")
            )),
        }
    }
}

impl Kind for Join {
    fn title(&self) -> String {
        format!("add {} as learner {}", self.joiner, self.name)
    }

    fn acts(&self) -> Vec<Act> {
        let command = Command::script(SCRIPT).arg(self.name.clone()).arg(self.peer_urls.join(","));
        let command = command.then(etcdctl(&self.etcdctl, &self.access, ADD_TIMEOUT)).deadline(ADD_TIMEOUT * 3);
        vec![Act::once(command).for_up_to(self.limit)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        match output.status {
            0 => self.added(output),
            75 => self.refused(output),
            _ => Judgement::Again(output.complaint()),
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::AddsLearner(&self.joiner)]
    }

    fn undo(&self) -> Undo {
        Undo::ByHand(format!("while it is a learner still: etcdctl member remove <member id of {}>", self.joiner))
    }
}
