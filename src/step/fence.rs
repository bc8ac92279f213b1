//! Fence: keep etcd on a master from starting, also after a reboot, until its marker is taken away. Two kinds: make
//! ready, then fence.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Output, UnitName};
use crate::observe::marks::{fence_drop_in, fence_marker};

use super::{Act, Facts, Judgement, Kind, Undo};

/// A drop-in with a condition on a marker file. `systemctl mask` cannot mask a unit that lies in
/// `/etc/systemd/system`, where kubespray puts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The unit.
    pub unit: UnitName,
    /// Who fences, for the marker's text.
    pub reason: String,
}

const SCRIPT: Script = Script {
    name: "fence",
    text: concat!(
        look!(),
        r#"set -eu
unit=$1 marker=$2 drop_in=$3 reason=$4
umask 022
[ -d "${drop_in%/*}" ] || mkdir -p -m 755 "${drop_in%/*}"
[ -d "${marker%/*}" ] || mkdir -m 700 "${marker%/*}"
want="[Unit]
ConditionPathExists=!$marker"
there() { [ "$(cat "$drop_in" 2>/dev/null)" = "$want" ]; }
ask() { look "$unit.service" MainPID NeedDaemonReload DropInPaths; }
# What systemd has read counts, not what lies on the disk.
known() {
  [ "$NeedDaemonReload" = no ] || return 1
  case " $DropInPaths " in *" $drop_in "*) return 0;; esac; return 1
}
ask
durable() { sync "$drop_in" "${drop_in%/*}" "$marker" "${marker%/*}"; }
if [ -e "$marker" ] && [ "$MainPID" = 0 ] && there && known; then durable; echo "found: fenced before"; exit 0; fi
[ "$MainPID" = 0 ] || { echo "etcd still runs as process $MainPID: stop it first" >&2; exit 1; }
if ! there; then
  printf '%s\n' "$want" >"$drop_in.$$"; mv -f "$drop_in.$$" "$drop_in"
  systemctl daemon-reload; ask
elif ! known; then systemctl daemon-reload; ask; fi
known || { echo "systemd does not take $drop_in: no fence" >&2; exit 1; }
[ -e "$marker" ] || printf '%s\n' "$reason" >"$marker"
durable
# Nothing may have slipped in between the look and the marker.
ask
[ "$MainPID" = 0 ] || { echo "etcd started as process $MainPID while it was being fenced" >&2; exit 1; }
echo "done: etcd cannot start here until $marker is gone"
"#
    ),
};

impl Kind for Fence {
    fn title(&self) -> String {
        format!("fence {}", self.unit)
    }

    fn acts(&self) -> Vec<Act> {
        let command = Command::script(SCRIPT)
            .arg(self.unit.as_str())
            .arg(fence_marker(&self.unit))
            .arg(fence_drop_in(&self.unit))
            .arg(self.reason.clone());
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn undo(&self) -> Undo {
        Undo::ByHand(format!("rm {}", fence_marker(&self.unit)))
    }
}

/// Puts the drop-in in place ahead of the fence, while the snapshot is taken: systemd needs a tenth of a second to read
/// it, and without its marker it does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The unit.
    pub unit: UnitName,
}

const GUARD: Script = Script {
    name: "guard",
    text: concat!(
        look!(),
        r#"set -eu
unit=$1 marker=$2 drop_in=$3
patient=/run/systemd/system/$unit.service.d/zz-requorum-start.conf
umask 022
want="[Unit]
ConditionPathExists=!$marker"
wait="[Service]
TimeoutStartSec=infinity"
there() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
put() { mkdir -p -m 755 "${1%/*}"; printf '%s\n' "$2" >"$1.$$"; mv -f "$1.$$" "$1"; }
# What systemd has read counts, not what lies on the disk.
known() {
  look "$unit.service" NeedDaemonReload DropInPaths || return 1
  [ "$NeedDaemonReload" = no ] || return 1
  case " $DropInPaths " in *" $drop_in "*) return 0;; esac; return 1
}
if there "$drop_in" "$want" && there "$patient" "$wait" && known; then echo "found: the drop-in is there"; exit 0; fi
# Nothing counts on it before `fence` has seen it and synced it.
there "$drop_in" "$want" || put "$drop_in" "$want"
# A start that is still without its quorum is not to be killed; gone at the next boot.
there "$patient" "$wait" || put "$patient" "$wait"
systemctl daemon-reload
known || { echo "systemd does not take $drop_in: no fence" >&2; exit 1; }
echo "done: $drop_in"
"#
    ),
};

impl Kind for Guard {
    fn title(&self) -> String {
        format!("make {} ready to be fenced", self.unit)
    }

    fn acts(&self) -> Vec<Act> {
        let command =
            Command::script(GUARD).arg(self.unit.as_str()).arg(fence_marker(&self.unit)).arg(fence_drop_in(&self.unit));
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
