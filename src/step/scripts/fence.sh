# shellcheck shell=sh disable=SC2034,SC2154,SC2174
set -eu
unit=$1 marker=$2 held_by=$3 reason=$4 last_revision=${5-}
umask 022
[ -d "${marker%/*}" ] || mkdir -m 700 "${marker%/*}"
durable() { sync "$held_by" "${held_by%/*}" "$marker" "${marker%/*}"; }
# A survivor's fence is of the run that replaces its data, whoever fenced it before: that it is there says that this run has not
# started etcd since.
own() {
  case $reason in *' of a survivor run '*) ;; *) return 0 ;; esac
  [ "$(head -n 1 "$marker")" != "$reason" ] || return 0
  { printf '%s\n' "$reason"; grep '^last_revision=' "$marker" || :; } >"$marker.new"
  sync "$marker.new"
  mv -f "$marker.new" "$marker"
}
look MainPID
if [ -e "$marker" ] && [ "$MainPID" = 0 ] && holds "$marker" "$held_by"; then
  own; durable; echo "found: fenced before"; exit 0
fi
[ "$MainPID" = 0 ] || { echo "etcd still runs as process $MainPID: stop it first" >&2; exit 1; }
holds "$marker" "$held_by" || make_hold "$marker" "$held_by"
holds "$marker" "$held_by" || { echo "$held_by takes no effect: no fence" >&2; exit 1; }
if [ -e "$marker" ]; then own; else printf '%s\n' "$reason" >"$marker"; fi
[ -z "$last_revision" ] || printf '%s\n' "$last_revision" >>"$marker"
durable
# Nothing may have slipped in between the look and the marker.
look MainPID
[ "$MainPID" = 0 ] || { echo "etcd started as process $MainPID while it was being fenced" >&2; exit 1; }
echo "done: etcd cannot start here until $marker is gone"
