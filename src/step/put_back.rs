//! Put back: a survivor's own data, env file and record return to their places, and its own etcd starts. The way back
//! from an `initiate_dr` that replaced them and started nothing.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{AbsPath, Command, Master, Output, RunId, UnitName};
use crate::observe::traces::{RECORD, fence_marker};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, run_dir};

/// Puts one survivor back as it was before that run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    pub unit: UnitName,
    /// The data directory.
    pub data_dir: AbsPath,
    pub env_file: AbsPath,
    /// The run that is taken back.
    pub undoes: RunId,
}

const SCRIPT: Script = Script { name: "put back", text: include_str!("scripts/put-back.sh") };

impl PutBack {
    /// For this master.
    #[must_use]
    pub fn of(master: &Master, undoes: &RunId) -> Self {
        let etcd = &master.etcd;
        Self {
            unit: etcd.unit.clone(),
            data_dir: etcd.data_dir.clone(),
            env_file: etcd.env_file.clone(),
            undoes: undoes.clone(),
        }
    }

    /// The command that does it.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::script(SCRIPT)
            .args([self.unit.as_str(), self.data_dir.as_str(), self.env_file.as_str(), self.undoes.as_str()])
            .args([fence_marker(&self.unit), RECORD.to_owned(), run_dir(&self.undoes)])
            .args([self.env_file.retired(&self.undoes), self.data_dir.retired(&self.undoes)])
            .arg(self.data_dir.retired_within(&self.undoes))
    }
}

impl Kind for PutBack {
    fn title(&self) -> String {
        format!("put back what run {} replaced, and start {}", self.undoes, self.unit)
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::once(self.command())]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![
            Effect::StopsEtcd { by_force: false },
            Effect::MovesData,
            Effect::LiftsFence(&self.unit),
            Effect::StartsOwnData,
        ]
    }

    fn undo(&self) -> Undo {
        Undo::PointOfNoReturn("its own etcd takes part in its own cluster again".to_owned())
    }
}
