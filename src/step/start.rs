//! Start: lift the fence and start etcd on a master, only on the data that this run prepared, without waiting for
//! systemd's notification.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{AbsPath, Output, RunId, Supervisor, WalDir};
use crate::observe::supervised::{Supervised, supervised};
use crate::observe::{Access, peers};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, run_dir};

/// What the data directory must be before etcd may start on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Onto {
    /// The directory this run restored, with its done-marker: leftovers of a killed restore look healthy and take no write.
    Restored,
    /// An empty directory that this run retired: old data would ignore every new setting.
    Emptied,
}

/// Starts a unit. Its fence is lifted at the last moment: an unfenced etcd could start by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
    /// The data directory.
    pub data_dir: AbsPath,
    /// Where the write-ahead log lies, where that is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_dir: Option<WalDir>,
    pub run: RunId,
    /// What the directory must be.
    pub onto: Onto,
    /// The survivor whose peer port is waited for. At its start etcd asks its peers for a hash of their data (kubespray
    /// switches that on); it gets no answer from one that asks at the same time, and waits for its request time-out, 15 s.
    /// A port that nobody opened yet refuses at once, so that the first one starts; it answers the second one's question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Access>,
}

/// The first one serves its peers within half a second. Whoever waits longer is started all the same: it costs time only.
const FIRST_SERVES: Duration = Duration::from_secs(5);

const SCRIPT: Supervised = supervised!("start", "scripts/start.sh");

impl Start {
    /// The directory of the log that must be this run's, or empty; none where the data's own mark or emptiness tells.
    fn wal(&self) -> String {
        match (&self.wal_dir, self.onto) {
            (Some(WalDir::Set(path)), Onto::Restored | Onto::Emptied) => path.to_string(),
            (own @ Some(WalDir::Linked { .. }), Onto::Restored) => WalDir::read_at(own.as_ref(), &self.data_dir),
            (Some(WalDir::Linked { .. }), Onto::Emptied) | (Some(WalDir::Within(_)) | None, _) => String::new(),
        }
    }
}

impl Kind for Start {
    fn title(&self) -> String {
        format!("start {}", self.supervisor)
    }

    fn acts(&self) -> Vec<Act> {
        let onto = match self.onto {
            Onto::Restored => "restored",
            Onto::Emptied => "emptied",
        };
        let command = SCRIPT
            .command(&self.supervisor)
            .arg(self.data_dir.as_str())
            .arg(run_dir(&self.run))
            .arg(onto)
            .arg(self.supervisor.fence_marker())
            .arg(self.wal())
            .deadline(Duration::from_secs(20) + self.supervisor.slack());
        let wait = |peer: &Access| Act::ask(peers::await_command(peer, FIRST_SERVES));
        self.after.iter().map(wait).chain([Act::once(command)]).collect()
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn log_of(&self) -> Option<&Supervisor> {
        Some(&self.supervisor)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::LiftsFence(&self.supervisor), Effect::StartsEtcd(self.onto)]
    }

    fn undo(&self) -> Undo {
        match self.onto {
            Onto::Restored => Undo::PointOfNoReturn(
                "once the new cluster acknowledges a write, going back to the old data would lose it".into(),
            ),
            Onto::Emptied => Undo::ByHand(format!(
                "while it is a learner still: stop {} there, and remove the learner from the member list",
                self.supervisor
            )),
        }
    }
}
