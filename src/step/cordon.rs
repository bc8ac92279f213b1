//! Cordon: no pod is placed on the nodes of a lost zone any more; uncordon takes that back. No playbook that is shipped does it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Output, RunId};

use super::{Act, Effect, Fact, Facts, Judgement, Kind, Undo};

/// What is done with the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nodes {
    /// The nodes with one of these addresses, and those of the same `topology.kubernetes.io/zone` where no survivor is in it.
    Cordon {
        /// The addresses of the masters that are no members.
        lost: Vec<String>,
        /// Those of the members.
        kept: Vec<String>,
    },
    /// Those that a run has cordoned, and nobody else.
    Uncordon,
}

/// Does it through the API server of the step's master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cordon {
    pub nodes: Nodes,
    /// Where the API server is asked on its own node.
    pub api: String,
    /// Stands on the nodes, so that it is known who did it.
    pub run: RunId,
}

const SCRIPT: Script = Script { name: "cordon", text: include_str!("scripts/cordon.sh") };

impl Kind for Cordon {
    fn title(&self) -> String {
        match &self.nodes {
            Nodes::Cordon { lost, .. } => format!("cordon the nodes of the lost zone ({})", lost.join(", ")),
            Nodes::Uncordon => "uncordon the nodes that a run has cordoned".to_owned(),
        }
    }

    fn acts(&self) -> Vec<Act> {
        let (word, lost, kept) = match &self.nodes {
            Nodes::Cordon { lost, kept } => ("cordon", lost.as_slice(), kept.as_slice()),
            Nodes::Uncordon => ("uncordon", [].as_slice(), [].as_slice()),
        };
        let command = Command::script(SCRIPT).args([word, self.run.as_str(), self.api.as_str()]);
        let command = command.arg(lost.len().to_string()).args(lost.iter().chain(kept).cloned());
        vec![Act::once(command.deadline(Duration::from_secs(60)))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        let told = Judgement::spoken(output);
        let left = output.stdout.lines().any(|line| line == "left=yes");
        match (&self.nodes, told) {
            (Nodes::Uncordon, Judgement::Done(note, _)) if !left => Judgement::Done(note, vec![Fact::Uncordoned]),
            (Nodes::Uncordon, Judgement::FoundDone(note, _)) => Judgement::FoundDone(note, vec![Fact::Uncordoned]),
            (_, told) => told,
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::CordonsNodes]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
