//! Retire: move a data directory aside under the run's name; nothing is deleted.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{AbsPath, Command, MasterName, Output, RunId, UnitName};
use crate::observe::marks::fence_marker;

use super::{Act, Fact, Facts, Judgement, Kind, Undo, run_dir};

/// Moves the data directory aside by one rename, and leaves an empty one with the same owner, mode and label. A mount
/// point cannot be renamed: there `member` is moved into a directory inside it.
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
    /// The run.
    pub run: RunId,
}

const SCRIPT: Script = Script {
    name: "retire",
    text: r#"set -eu
unit=$1.service data=$2 aside=$3 mounted=$4 marker=$5 marks=$6
[ "$(systemctl show -p MainPID --value "$unit")" = 0 ] || { echo "etcd runs: its data is not moved" >&2; exit 1; }
[ -e "$marker" ] || { echo "etcd is not fenced ($marker is missing): its data is not moved" >&2; exit 1; }
[ ! -L "$data" ] || { echo "$data is a symbolic link: its data is not moved" >&2; exit 1; }
umask 077
mkdir -p "$marks"
mark() { : >"$marks/retired"; sync "$marks/retired" "$marks"; }
if [ "$mounted" = yes ]; then
  if [ -e "$data/member" ]; then
    [ ! -e "$aside/member" ] || { echo "$aside/member is there already" >&2; exit 1; }
    mkdir -p -m 700 "$aside"; mv -T "$data/member" "$aside/member"; sync "$aside" "$data"
    mark; echo "done: $aside"
  elif [ -e "$aside/member" ]; then mark; echo "found: $aside"
  else mark; echo "done: nothing to retire"; fi
  exit 0
fi
# What the unit runs as, where no earlier directory tells whose the new one is.
own() {
  user=$(systemctl show -p User --value "$unit") group=$(systemctl show -p Group --value "$unit")
  chown "${user:-root}:$group" "$data"
  if command -v restorecon >/dev/null; then restorecon "$data" 2>/dev/null || true; fi
}
if [ -d "$aside" ] && [ ! -e "$data" ]; then # The rename was done and nothing after it.
  mkdir -m 700 "$data"; chmod --reference="$aside" "$data"; chown --reference="$aside" "$data"
  mark; echo "found: $aside"; exit 0
fi
if [ -e "$aside" ] && [ ! -e "$data/member" ]; then mark; echo "found: $aside"; exit 0; fi
[ ! -e "$aside" ] || { echo "$aside is there already, and $data has data again" >&2; exit 1; }
if [ ! -e "$data" ]; then mkdir -p "${data%/*}"; mkdir -m 700 "$data"; own; sync "${data%/*}"; mark; echo "done: nothing to retire"; exit 0; fi
if [ -z "$(ls -A "$data")" ]; then mark; echo "done: nothing to retire"; exit 0; fi
mv -T "$data" "$aside"
mkdir -m 700 "$data"; chmod --reference="$aside" "$data"; chown --reference="$aside" "$data"
if command -v chcon >/dev/null; then chcon --reference="$aside" "$data" 2>/dev/null || true; fi
sync "$data" "${data%/*}"
mark; echo "done: $aside"
"#,
};

impl Retire {
    /// Where the old data goes.
    #[must_use]
    pub fn aside(&self) -> String {
        if self.mount_point {
            format!("{}/retired-{}", self.data_dir, self.run)
        } else {
            self.data_dir.beside(&format!(".retired-{}", self.run))
        }
    }
}

impl Kind for Retire {
    fn title(&self) -> String {
        format!("retire {} to {}", self.data_dir, self.aside())
    }

    fn acts(&self) -> Vec<Act> {
        let command = Command::script(SCRIPT)
            .args([self.unit.as_str(), self.data_dir.as_str()])
            .arg(self.aside())
            .arg(if self.mount_point { "yes" } else { "no" })
            .arg(fence_marker(&self.unit))
            .arg(run_dir(&self.run));
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

    fn undo(&self) -> Undo {
        Undo::ByHand(if self.mount_point {
            format!("with etcd down: mv -T {1}/member {0}/member", self.data_dir, self.aside())
        } else {
            format!("with etcd down: rmdir {0} 2>/dev/null; mv -T {1} {0}", self.data_dir, self.aside())
        })
    }
}
