//! Keep the tools: copy etcd's programs out of the image of a running static pod, for once it has ended nobody finds them.

use serde::{Deserialize, Serialize};

use crate::model::{Command, Output, Supervisor};
use crate::observe::supervised::{Supervised, supervised};
use crate::observe::tools::KEPT;

use super::{Act, Effect, Facts, Judgement, Kind, Undo};

/// Takes `etcd`, `etcdctl` and `etcdutl` out of the pod's own root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepTools {
    pub supervisor: Supervisor,
}

const SCRIPT: Supervised = supervised!("keep tools", "scripts/keep-tools.sh");

/// Keeps them.
#[must_use]
pub fn command(supervisor: &Supervisor) -> Command {
    SCRIPT.act(supervisor).arg(KEPT)
}

impl Kind for KeepTools {
    fn title(&self) -> String {
        format!("keep the programs of the image in {KEPT}")
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::once(command(&self.supervisor))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::KeepsTools]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
