//! Retire: move a data directory aside under the run's name, and put what was restored in its place; nothing is
//! deleted.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{AbsPath, Command, MasterName, Output, RunId, UnitName};
use crate::observe::traces::fence_marker;

use super::restore::fresh_dir;
use super::start::Onto;
use super::{Act, Effect, Fact, Facts, Judgement, Kind, Undo, run_dir};

/// Moves the data directory aside by one rename; the restored one takes its place, or an empty one with the same owner,
/// mode and label. A mount point cannot be renamed: there `member` is moved into a directory inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retire {
    /// Which master.
    pub master: MasterName,
    /// Its unit, which must be down and fenced.
    pub unit: UnitName,
    /// The data directory.
    pub data_dir: AbsPath,
    /// Whether it is a mount point.
    pub mount_point: bool,
    /// What takes its place.
    pub onto: Onto,
    pub run: RunId,
}

const SCRIPT: Script = Script {
    name: "retire",
    text: concat!(include_str!("scripts/prelude/look.sh"), include_str!("scripts/retire.sh")),
};

impl Retire {
    /// Where the old data goes.
    #[must_use]
    pub fn aside(&self) -> String {
        if self.mount_point { self.data_dir.retired_within(&self.run) } else { self.data_dir.retired(&self.run) }
    }
}

impl Kind for Retire {
    fn title(&self) -> String {
        let then = match self.onto {
            Onto::Restored => "; what was restored takes its place",
            Onto::Emptied => "",
        };
        format!("retire {} to {}{then}", self.data_dir, self.aside())
    }

    fn acts(&self) -> Vec<Act> {
        let command = Command::script(SCRIPT)
            .args([self.unit.as_str(), self.data_dir.as_str()])
            .arg(self.aside())
            .arg(if self.mount_point { "yes" } else { "no" })
            .arg(fence_marker(&self.unit))
            .arg(run_dir(&self.run))
            .arg(match self.onto {
                Onto::Restored => fresh_dir(&self.data_dir, self.mount_point, &self.run),
                Onto::Emptied => String::new(),
            });
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        let retired = || vec![Fact::Retired(self.master.clone(), self.aside())];
        match Judgement::spoken(output) {
            Judgement::Done(note, _) if note == self.aside() => Judgement::Done(format!("moved to {note}"), retired()),
            Judgement::FoundDone(note, _) => Judgement::FoundDone(format!("was moved to {note}"), retired()),
            other => other,
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::MovesData]
    }

    fn undo(&self) -> Undo {
        let member = if self.mount_point { "/member" } else { "" };
        let (data, aside, run) = (&self.data_dir, self.aside(), &self.run);
        let clear = match self.onto {
            Onto::Restored => format!("mv -T {data}{member} {data}{member}.not-used-{run}"),
            Onto::Emptied if self.mount_point => "true".to_owned(),
            Onto::Emptied => format!("rmdir {data} 2>/dev/null"),
        };
        // Nothing was moved where the old data is not aside.
        Undo::ByHand(format!(
            "with etcd down: [ ! -e {aside}{member} ] || {{ {clear}; mv -T {aside}{member} {data}{member}; }}"
        ))
    }
}
