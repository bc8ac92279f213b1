//! Return the record: which cluster is the newest is told again as before a run, whose own record is kept beside it.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::name::unused;
use crate::model::{Command, Output, RecordAt, RunId};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, run_dir, undo};

/// Takes a [`super::record::Record`] back: the record that it kept counts again, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnRecord {
    /// The run that wrote the record.
    pub run: RunId,
    /// The file.
    #[serde(default, skip_serializing_if = "RecordAt::is_main")]
    pub at: RecordAt,
}

const SCRIPT: Script = Script { name: "return record", text: include_str!("scripts/return-record.sh") };

impl Kind for ReturnRecord {
    fn title(&self) -> String {
        format!("return the record from before run {}", self.run)
    }

    fn acts(&self) -> Vec<Act> {
        let at = self.at.to_string();
        let unused = unused(&at, &self.run);
        let command = Command::script(SCRIPT).args([&at, self.run.as_str()]).args([run_dir(&self.run), unused]);
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ReturnsRecord]
    }

    fn undo(&self) -> Undo {
        Undo::PointOfNoReturn(undo::GIVEN_UP.to_owned())
    }
}
