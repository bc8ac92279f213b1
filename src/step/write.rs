//! Write: replace a file atomically by one that was rendered in the plan. Owner, mode and label are kept, and the
//! previous file is retired.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Form;
use crate::model::command::Script;
use crate::model::digest::sha256;
use crate::model::{AbsPath, Command, Output, RunId};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, return_file};

/// Replaces a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The file.
    pub path: AbsPath,
    /// The package's file that it is made a copy of first, where it is not there: systemd takes one in `/etc` instead of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<AbsPath>,
    /// How it writes settings down.
    #[serde(default, skip_serializing_if = "Form::is_env_file")]
    pub form: Form,
    /// Variables that flags of the unit take the cluster from, by flag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Its text when the plan was made; anything else at run time stops the run.
    pub before: String,
    /// Its text afterwards.
    pub after: String,
    pub run: RunId,
}

const SCRIPT: Script = Script { name: "write", text: include_str!("scripts/write.sh") };

impl Kind for Write {
    fn title(&self) -> String {
        match &self.copy_of {
            None => format!("write {}", self.path),
            Some(package) => format!("write {}, a copy of {package}", self.path),
        }
    }

    fn acts(&self) -> Vec<Act> {
        let command = command(SCRIPT, &self.path, (&self.before, &self.after), &self.run);
        let command = command.args(self.copy_of.as_ref().map(AbsPath::as_str));
        [Act::once(command)].into_iter().chain(reload(self.form)).collect()
    }

    fn judge(&self, act: usize, output: &Output, _facts: &Facts) -> Judgement {
        judge(self.form, act, output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::WritesFile(self)]
    }

    fn undo(&self) -> Undo {
        let back = return_file::ReturnFile { path: self.path.clone(), form: self.form, run: self.run.clone() };
        Undo::Steps(vec![back.into()])
    }
}

/// The command that puts one text in the other's place.
pub(super) fn command(script: Script, path: &AbsPath, (before, after): (&str, &str), run: &RunId) -> Command {
    Command::script(script)
        .arg(path.as_str())
        .args([before, after].map(|text| sha256(text.as_bytes())))
        .arg(path.retired(run))
        .stdin(after.as_bytes().to_vec())
}

/// systemd reads a unit's file when it is told to; a start before that would be one with the old flags.
pub(super) fn reload(form: Form) -> Option<Act> {
    (form == Form::UnitFlags).then(|| Act::once(Command::new("systemctl").arg("daemon-reload")))
}

/// What the answers of a file's change and of the reload after it mean. Killed between the two, the change is found and
/// systemd is told again.
pub(super) fn judge(form: Form, act: usize, output: &Output) -> Judgement {
    match (act, Judgement::spoken(output)) {
        (0, Judgement::FoundDone(note, facts)) if form == Form::UnitFlags => Judgement::Done(note, facts),
        (0, judged) => judged,
        _ if output.ok() => Judgement::done("systemd has read it"),
        _ => Judgement::Stop(output.complaint()),
    }
}
