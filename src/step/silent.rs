//! Silent: no etcd of the zone that is believed lost accepts a connection from this survivor. Asked right before the
//! new cluster's etcd starts, and once more before its first write: a zone may come back at any moment.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Output;
use crate::observe::peers;

use super::{Act, Effect, Facts, Judgement, Kind, Undo};

/// Asked at a survivor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silent {
    /// The peer URLs of every member that the new cluster leaves out, but for those that could not be tried when the plan
    /// was made.
    pub urls: Vec<String>,
    /// Whether the new cluster's etcd runs by now.
    pub started: bool,
}

impl Kind for Silent {
    fn title(&self) -> String {
        "check that no member that was considered dead answers".to_owned()
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::ask(peers::reach_command(&self.urls)).for_up_to(Duration::from_secs(5))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        let open = match peers::parse_reach(output).and_then(peers::Ports::of_all) {
            Ok(open) => open,
            Err(why) => return Judgement::Again(why.to_string()),
        };
        let then = if self.started {
            "the new cluster was already started: two clusters may serve"
        } else {
            "a new cluster started now would be a second one"
        };
        match &open[..] {
            [] if self.urls.is_empty() => Judgement::done("none could be tried when the plan was made"),
            [] => Judgement::done("none answers"),
            urls => Judgement::Stop(format!(
                "{} takes a connection: a member that was considered dead is back, and {then}",
                urls.join(", ")
            )),
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ChecksSilence]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
