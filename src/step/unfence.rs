//! Unfence: remove the marker, so that etcd on a master can start again. The drop-in stays; without its marker it does
//! nothing.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Component, Output, Supervisor};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, fence};

/// Lifts a fence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfence {
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
    /// What stays parked there: nothing is started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<Component>,
}

impl Unfence {
    /// Where nothing is parked, or where it is put back by another step.
    #[must_use]
    pub const fn of(supervisor: Supervisor) -> Self {
        Self { supervisor, parked: Vec::new() }
    }
}

const SCRIPT: Script = Script { name: "unfence", text: include_str!("scripts/unfence.sh") };

impl Kind for Unfence {
    fn title(&self) -> String {
        format!("unfence {}", self.supervisor)
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::once(Command::script(SCRIPT).arg(self.supervisor.fence_marker()))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        let left = (!self.parked.is_empty()).then_some(Effect::LeavesParked(&self.parked));
        [Effect::LiftsFence(&self.supervisor)].into_iter().chain(left).collect()
    }

    fn undo(&self) -> Undo {
        let reason = "fenced again by requorum".to_owned();
        Undo::Steps(vec![fence::Fence { supervisor: self.supervisor.clone(), reason, asked: None }.into()])
    }
}
