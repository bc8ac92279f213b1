//! The question "what would a run meet on this node that etcd does not report?": how its data directory is set up, what
//! is writable, and what systemd does with the unit by itself. Judges nothing.

use serde::{Deserialize, Serialize};

use crate::model::{Command, Master, Output};

use super::layout::{self, Layout};
use super::other_etcd::{self, OtherEtcd};
use super::policy::{self, PROPERTIES, Policy};
use super::supervised::{Supervised, supervised};
use super::traces::STATE;
use super::{Answer, Unclear};

/// What a run would meet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The data directory's parts, and what can be written.
    pub layout: Layout,
    /// What systemd does with the unit.
    pub policy: Policy,
    /// Another etcd, where this one was not found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherEtcd>,
}

/// Stands in observations from before it was asked.
pub(super) fn not_asked() -> Answer<Node> {
    Err(Unclear::text(WHAT, super::NOT_ASKED))
}

const WHAT: &str = "looking at the node's layout and unit";

const SCRIPT: Supervised =
    supervised!("node", "scripts/prelude/embedded.sh", "scripts/prelude/mounts.sh", "scripts/node.sh");

/// Asks about the node.
#[must_use]
pub fn command(master: &Master) -> Command {
    let etcd = &master.etcd;
    let supervisor = etcd.supervisor();
    let script = Command::script(SCRIPT.of(&supervisor)).args([etcd.data_dir.to_string(), supervisor.word()]);
    script.args([etcd.config.first_read(), supervisor.held_by().as_str(), STATE, PROPERTIES])
}

/// Reads `name=value` lines.
///
/// # Errors
/// When the script did not run or systemd did not answer.
pub fn parse(output: &Output) -> Answer<Node> {
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let (layout, other) = (layout::parse(&output.stdout), other_etcd::parse(&output.stdout));
    Ok(Node { layout, policy: policy::parse(&output.stdout)?, other })
}
