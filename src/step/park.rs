//! Park: the API server of a master and what works through it are kept from running, and end at once. They serve nothing until
//! they are put back, also after a reboot.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Component, Output};
use crate::observe::supervised::prelude;
use crate::observe::traces::STATE;

use super::{Act, Effect, Facts, Judgement, Kind, Undo, serve_api};

/// Parks an API server. An etcd with one attached takes fifteen seconds to stop; and one that is left to itself reads from
/// whatever answers at the servers of its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Park {
    /// The API server first.
    pub components: Vec<Component>,
    /// Who parks them, for the markers' text.
    pub reason: String,
}

const SCRIPT: Script = Script {
    name: "park",
    text: concat!(
        prelude!("/src/observe/scripts/prelude/systemd.sh"),
        prelude!("/src/observe/scripts/prelude/components.sh"),
        prelude!("/src/observe/scripts/prelude/held.sh"),
        include_str!("scripts/park.sh")
    ),
};

/// The programs in a sentence.
pub(super) fn named(components: &[Component]) -> String {
    let names: Vec<String> = components.iter().map(ToString::to_string).collect();
    match &names[..] {
        [] => String::new(),
        [one] => format!("the {one}"),
        [others @ .., last] => format!("the {} and the {last}", others.join(", the ")),
    }
}

impl Kind for Park {
    fn title(&self) -> String {
        format!("park {}", named(&self.components))
    }

    fn acts(&self) -> Vec<Act> {
        let command = Command::script(SCRIPT).args([STATE, self.reason.as_str()]);
        // The script waits for their kubelet up to 30 s, and ten for each unit.
        vec![Act::once(command.args(self.components.iter().map(Component::word)).deadline(Duration::from_secs(120)))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ParksApiServer(&self.components)]
    }

    fn undo(&self) -> Undo {
        Undo::Steps(vec![serve_api::ServeApi::only_put_back(self.components.clone()).into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Program, StartedBy, UnitName};

    #[test]
    fn what_is_parked_is_named() {
        let unit = |program: Program| Component { program, by: StartedBy::Unit(UnitName::new("x").unwrap()) };
        let all = Program::ALL.map(unit);
        assert_eq!(named(&all[..1]), "the API server");
        assert_eq!(named(&all), "the API server, the controller manager and the scheduler");
    }
}
