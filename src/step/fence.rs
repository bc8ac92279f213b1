//! Fence: keep etcd on a master from starting, also after a reboot, until its marker is removed. Two kinds: prepare the
//! fence, then fence.

use serde::{Deserialize, Serialize};

use crate::model::{MasterName, Output, Placeholder, Supervisor};
use crate::observe::supervised::{Supervised, supervised};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, unfence};

/// A drop-in with a condition on a marker file. `systemctl mask` cannot mask a unit that lies in
/// `/etc/systemd/system`, where kubespray puts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
    /// Who fences, for the marker's text.
    pub reason: String,
    /// The master, where its etcd was asked for its last revision, which the marker then tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<MasterName>,
}

const SCRIPT: Supervised = supervised!("fence", "scripts/fence.sh");

impl Kind for Fence {
    fn title(&self) -> String {
        format!("fence {}", self.supervisor)
    }

    fn acts(&self) -> Vec<Act> {
        let command = SCRIPT
            .act(&self.supervisor)
            .arg(self.supervisor.fence_marker())
            .arg(self.supervisor.held_by())
            .arg(self.reason.clone());
        let command = match &self.asked {
            Some(master) => command.placeholder(Placeholder::LastRevision(master.clone())),
            None => command,
        };
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::Fences]
    }

    fn undo(&self) -> Undo {
        Undo::Steps(vec![unfence::Unfence::of(self.supervisor.clone()).into()])
    }
}

/// Puts the drop-in in place ahead of the fence, while the snapshot is taken: systemd needs a tenth of a second to read
/// it, and without its marker it does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareFence {
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
}

const PREPARE: Supervised = supervised!("guard", "scripts/prepare-fence.sh");

impl Kind for PrepareFence {
    fn title(&self) -> String {
        format!("make {} ready to be fenced", self.supervisor)
    }

    fn acts(&self) -> Vec<Act> {
        let command = PREPARE.act(&self.supervisor).arg(self.supervisor.fence_marker()).arg(self.supervisor.held_by());
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::PreparesFence(&self.supervisor)]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
