//! Start own: etcd on a master is started on the data that it had before, without waiting for it. Knows nothing of what
//! lies in its data directory; the steps before it do.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Output, UnitName};
use crate::observe::traces::fence_marker;

use super::{Act, Effect, Facts, Judgement, Kind, Undo};

/// Takes a [`super::stop::Stop`] back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartOwn {
    pub unit: UnitName,
}

const SCRIPT: Script = Script { name: "start own", text: include_str!("scripts/start-own.sh") };

impl Kind for StartOwn {
    fn title(&self) -> String {
        format!("start {} on its own data", self.unit)
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::once(Command::script(SCRIPT).arg(self.unit.as_str()).arg(fence_marker(&self.unit)))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn log_of(&self) -> Option<&UnitName> {
        Some(&self.unit)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::StartsOwnData]
    }

    fn undo(&self) -> Undo {
        Undo::PointOfNoReturn("its own etcd takes part in its own cluster again".to_owned())
    }
}
