//! Clear leases: the leases by which lost API servers stand among the endpoints of Kubernetes' own service are removed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Output};
use crate::observe::settings::Access;
use crate::observe::status::etcdctl;

use super::{Act, Effect, Facts, Judgement, Kind, Undo};

/// Removes the keys of these addresses and no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearLeases {
    /// What stands before each address: `/registry/masterleases`.
    pub keys: String,
    pub addresses: Vec<String>,
    /// Where etcdctl lies.
    pub etcdctl: String,
    /// The member's client port.
    pub access: Access,
}

const TIMEOUT: Duration = Duration::from_secs(5);

const SCRIPT: Script = Script { name: "clear leases", text: include_str!("scripts/clear-leases.sh") };

impl Kind for ClearLeases {
    fn title(&self) -> String {
        format!("remove the leases of the lost API servers ({})", self.addresses.join(", "))
    }

    fn acts(&self) -> Vec<Act> {
        let command = Command::script(SCRIPT).args([self.keys.clone(), self.addresses.len().to_string()]);
        let command = command.args(self.addresses.clone()).then(etcdctl(&self.etcdctl, &self.access, TIMEOUT));
        let longest = TIMEOUT * u32::try_from(self.addresses.len() + 1).unwrap_or(u32::MAX);
        vec![Act::once(command.deadline(longest))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::RemovesLeases]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
