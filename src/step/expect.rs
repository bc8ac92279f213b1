//! Expect: no leader is seen on this survivor, and, once the snapshot is taken, nothing has been applied since.

use serde::{Deserialize, Serialize};

use crate::model::{Command, MasterName, Output};
use crate::observe::{status, unit};

use super::{Act, Facts, Judgement, Kind, Undo};

/// A survivor still has no leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaderless {
    /// Which.
    pub master: MasterName,
    /// Asks it: `endpoint status`, or `systemctl show` where the client port never opened or etcd is down.
    pub ask: Command,
    /// Whether `ask` is `endpoint status`.
    pub by_status: bool,
    /// Whether its applied index must be the one it had before the snapshot.
    pub unmoved: bool,
}

impl Kind for Leaderless {
    fn title(&self) -> String {
        if self.unmoved { "still no leader, nothing applied since the snapshot" } else { "no leader" }.to_owned()
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::ask(self.ask.clone())]
    }

    fn judge(&self, _act: usize, output: &Output, facts: &Facts) -> Judgement {
        if !self.by_status {
            return match unit::parse(output) {
                Ok(unit) if unit.active_state == "active" => {
                    Judgement::Stop("etcd has become ready: it found a leader; the zone is coming back".into())
                }
                Ok(_) => Judgement::done("etcd is not ready, so it has no leader"),
                Err(why) => Judgement::Stop(why.to_string()),
            };
        }
        let status = match status::parse(output) {
            Ok(status) => status,
            Err(why) => return Judgement::Stop(why.to_string()),
        };
        if let Some(leader) = status.leader {
            return Judgement::Stop(format!(
                "{leader} leads again: the zone is coming back, and writes it acknowledged since would vanish"
            ));
        }
        match facts.applied.get(&self.master) {
            Some(&before) if self.unmoved && before != status.applied => Judgement::Stop(format!(
                "it applied entries {before} to {} since the snapshot: those writes would vanish",
                status.applied
            )),
            _ => Judgement::done(format!("no leader, applied index {}", status.applied)),
        }
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
