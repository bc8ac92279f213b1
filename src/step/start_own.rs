//! Start own: etcd on a master is started on the data that it had before, without waiting for it. Knows nothing of what
//! lies in its data directory; the steps before it do.

use serde::{Deserialize, Serialize};

use crate::model::{Output, Supervisor};
use crate::observe::supervised::{Supervised, supervised};

use super::{Act, Effect, Facts, Judgement, Kind, Undo};

/// Takes a [`super::stop::Stop`] back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartOwn {
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
}

const SCRIPT: Supervised = supervised!("start own", "scripts/start-own.sh");

impl Kind for StartOwn {
    fn title(&self) -> String {
        format!("start {} on its own data", self.supervisor)
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::once(SCRIPT.act(&self.supervisor).arg(self.supervisor.fence_marker()))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn log_of(&self) -> Option<&Supervisor> {
        Some(&self.supervisor)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::StartsOwnData]
    }

    fn undo(&self) -> Undo {
        Undo::PointOfNoReturn("its own etcd takes part in its own cluster again".to_owned())
    }
}
