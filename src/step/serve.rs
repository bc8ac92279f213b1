//! Serve: a write through this member is acknowledged, by the expected cluster. `/health` may say true while every
//! write hangs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::clean;
use crate::model::{ClusterId, Command, Output, Supervisor};
use crate::observe::read::PROBE_KEY;
use crate::observe::settings::Access;
use crate::observe::status::{Header, etcdctl};
use crate::observe::supervised::{Supervised, supervised};

use super::{Act, Effect, Fact, Facts, Judgement, Kind, Undo};

/// Waits for a member to take a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serve {
    /// Its unit, started again where it failed.
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
    /// Where etcdctl lies.
    pub etcdctl: String,
    /// Its client port.
    pub access: Access,
    /// The cluster that must acknowledge the write.
    pub cluster: ClusterId,
    /// What is written to `requorum/probe`.
    pub value: String,
    /// How long it may take: an election, a large database's start.
    pub limit: Duration,
}

/// How long one acknowledged write may take once the port answers; a stretched link adds tens of milliseconds.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);

const SCRIPT: Supervised = supervised!("serve", "scripts/prelude/listens.sh", "scripts/serve.sh");

impl Serve {
    fn command(&self) -> Command {
        let command =
            SCRIPT.command(&self.supervisor).arg(self.access.url.clone()).args([PROBE_KEY, self.value.as_str()]);
        command.then(etcdctl(&self.etcdctl, &self.access, WRITE_TIMEOUT)).deadline(Duration::from_secs(30))
    }
}

impl Kind for Serve {
    fn title(&self) -> String {
        format!("check that cluster {} acknowledges a write", self.cluster)
    }

    fn acts(&self) -> Vec<Act> {
        let act = Act::ask(self.command()).for_up_to(self.limit);
        vec![Act { every: Duration::ZERO, waits: true, ..act }]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        #[derive(Deserialize)]
        struct Put {
            header: Header,
        }
        match output.status {
            0 => {}
            75 => return Judgement::Again(clean(output.complaint().trim_start_matches("exit 75: "))),
            _ => return Judgement::Stop(output.complaint()),
        }
        let put: Put = match serde_json::from_str(output.stdout.trim()) {
            Ok(put) => put,
            Err(e) => return Judgement::Stop(format!("the write's answer cannot be read: {e}")),
        };
        let seen = ClusterId(put.header.cluster_id);
        if seen != self.cluster {
            return Judgement::Stop(format!("it serves cluster {seen}, not {}", self.cluster));
        }
        Judgement::Done(
            format!("write acknowledged at revision {}", put.header.revision),
            vec![Fact::FirstWrite(put.header.revision)],
        )
    }

    fn log_of(&self) -> Option<&Supervisor> {
        Some(&self.supervisor)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ChecksWrite { new: !self.value.is_empty() }]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
