# shellcheck shell=sh disable=SC2154,SC2174
set -eu
unit=$1 marker=$2 drop_in=$3 reason=$4 last_revision=${5-}
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
[ -z "$last_revision" ] || printf '%s\n' "$last_revision" >>"$marker"
durable
# Nothing may have slipped in between the look and the marker.
ask
[ "$MainPID" = 0 ] || { echo "etcd started as process $MainPID while it was being fenced" >&2; exit 1; }
echo "done: etcd cannot start here until $marker is gone"
