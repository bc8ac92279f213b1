//! Write: replace a file atomically by one that was rendered in the plan. Owner, mode and label are kept, and the
//! previous file is retired.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::digest::sha256;
use crate::model::{AbsPath, Command, Output, RunId};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, return_file};

/// Replaces a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The file.
    pub path: AbsPath,
    /// Its text when the plan was made; anything else at run time stops the run.
    pub before: String,
    /// Its text afterwards.
    pub after: String,
    pub run: RunId,
}

const SCRIPT: Script = Script { name: "write", text: include_str!("scripts/write.sh") };

impl Kind for Write {
    fn title(&self) -> String {
        format!("write {}", self.path)
    }

    fn acts(&self) -> Vec<Act> {
        let command = Command::script(SCRIPT)
            .arg(self.path.as_str())
            .arg(sha256(self.before.as_bytes()))
            .arg(sha256(self.after.as_bytes()))
            .arg(self.path.retired(&self.run))
            .stdin(self.after.clone().into_bytes());
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::WritesFile(self)]
    }

    fn undo(&self) -> Undo {
        let back = return_file::ReturnFile { path: self.path.clone(), run: self.run.clone() };
        Undo::Steps(vec![back.into()])
    }
}
