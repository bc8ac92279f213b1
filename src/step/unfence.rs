//! Unfence: remove the marker, so that etcd on a master can start again. The drop-in stays; without its marker it does
//! nothing.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Output, UnitName};
use crate::observe::traces::fence_marker;

use super::{Act, Effect, Facts, Judgement, Kind, Undo, fence};

/// Lifts a fence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfence {
    pub unit: UnitName,
}

const SCRIPT: Script = Script { name: "unfence", text: include_str!("scripts/unfence.sh") };

impl Kind for Unfence {
    fn title(&self) -> String {
        format!("unfence {}", self.unit)
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::once(Command::script(SCRIPT).arg(fence_marker(&self.unit)))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::LiftsFence(&self.unit)]
    }

    fn undo(&self) -> Undo {
        let reason = "fenced again by requorum".to_owned();
        Undo::Steps(vec![fence::Fence { unit: self.unit.clone(), reason, asked: None }.into()])
    }
}
