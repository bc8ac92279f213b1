//! Write the list: the etcd servers that an API server knows are others, in its manifest where that is held, or in its unit.
//! Two kinds: write it, and give the previous one back.

use serde::{Deserialize, Serialize};

use crate::config::Form;
use crate::config::api_server::EtcdServers;
use crate::model::command::Script;
use crate::model::{AbsPath, Output, RunId};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, return_file, undo, write};

/// Writes the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteList {
    /// The file, where no kubelet runs what lies there.
    pub path: AbsPath,
    pub form: Form,
    /// Its text when the plan was made; anything else at run time stops the run.
    pub before: String,
    /// Its text afterwards.
    pub after: String,
    /// The servers that go, those that stay and come.
    pub removed: Vec<String>,
    pub etcd: EtcdServers,
    pub run: RunId,
}

const SCRIPT: Script = Script { name: "write list", text: include_str!("scripts/write.sh") };

impl Kind for WriteList {
    fn title(&self) -> String {
        let one = |(resource, servers): &(String, Vec<String>)| format!("; for {resource}: {}", servers.join(", "));
        let overrides: String = self.etcd.overrides.iter().map(one).collect();
        format!("let the API server know these etcd servers: {}{overrides}", self.etcd.servers.join(", "))
    }

    fn acts(&self) -> Vec<Act> {
        let command = write::command(SCRIPT, &self.path, (&self.before, &self.after), &self.run);
        [Act::once(command)].into_iter().chain(write::reload(self.form)).collect()
    }

    fn judge(&self, act: usize, output: &Output, _facts: &Facts) -> Judgement {
        write::judge(self.form, act, output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::WritesList(self)]
    }

    fn undo(&self) -> Undo {
        let (path, form, run) = (self.path.clone(), self.form, self.run.clone());
        Undo::Steps(vec![ReturnList { path, form, run }.into()])
    }
}

/// Takes a [`WriteList`] back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnList {
    pub path: AbsPath,
    pub form: Form,
    /// The run that wrote it.
    pub run: RunId,
}

impl Kind for ReturnList {
    fn title(&self) -> String {
        format!("return {} to {}", self.path.retired(&self.run), self.path)
    }

    fn acts(&self) -> Vec<Act> {
        return_file::acts(&self.path, self.form, &self.run)
    }

    fn judge(&self, act: usize, output: &Output, _facts: &Facts) -> Judgement {
        write::judge(self.form, act, output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ReturnsList(&self.run)]
    }

    fn undo(&self) -> Undo {
        Undo::PointOfNoReturn(undo::GIVEN_UP.to_owned())
    }
}
