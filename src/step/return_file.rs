//! Return a file: the one from before a run takes its place again, and what the run wrote is kept beside it.

use serde::{Deserialize, Serialize};

use crate::config::Form;
use crate::model::command::Script;
use crate::model::{AbsPath, Command, Output, RunId};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, undo, write};

/// Takes a [`super::write::Write`] back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnFile {
    /// The file.
    pub path: AbsPath,
    /// How it writes settings down.
    #[serde(default, skip_serializing_if = "Form::is_env_file")]
    pub form: Form,
    /// The run that wrote it.
    pub run: RunId,
}

const SCRIPT: Script = Script { name: "return file", text: include_str!("scripts/return-file.sh") };

/// Gives the file back that this run has retired.
pub(super) fn acts(path: &AbsPath, form: Form, run: &RunId) -> Vec<Act> {
    let command = Command::script(SCRIPT).arg(path.as_str()).args([path.retired(run), path.unused(run)]);
    [Act::once(command)].into_iter().chain(write::reload(form)).collect()
}

impl Kind for ReturnFile {
    fn title(&self) -> String {
        format!("return {} to {}", self.path.retired(&self.run), self.path)
    }

    fn acts(&self) -> Vec<Act> {
        acts(&self.path, self.form, &self.run)
    }

    fn judge(&self, act: usize, output: &Output, _facts: &Facts) -> Judgement {
        write::judge(self.form, act, output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ReturnsFile]
    }

    fn undo(&self) -> Undo {
        Undo::PointOfNoReturn(undo::GIVEN_UP.to_owned())
    }
}
