# shellcheck shell=sh disable=SC2154,SC2174
set -eu
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
echo "done: wrote $drop_in"
