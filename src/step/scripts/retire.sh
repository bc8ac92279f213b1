# shellcheck shell=sh disable=SC2034,SC2154,SC2174
set -eu
unit=$1 data=$2 aside=$3 mounted=$4 marker=$5 marks=$6 fresh=$7
wal=$8 wal_aside=$9 fresh_wal=${10}
look MainPID User Group
[ "$MainPID" = 0 ] || { echo "etcd runs: its data is not moved" >&2; exit 1; }
[ -e "$marker" ] || { echo "etcd is not fenced ($marker is missing): its data is not moved" >&2; exit 1; }
! loose || { echo "$manifest is there again, and its kubelet starts etcd whatever the fence says: its data is not moved" >&2; exit 1; }
for dir in "$data" ${wal:+"$wal"}; do
  [ ! -L "$dir" ] || { echo "$dir is a symbolic link: it is not moved" >&2; exit 1; }
done
umask 077
[ -d "$marks" ] || mkdir -p "$marks"
if [ "$mounted" = yes ]; then old=$data/member kept=$aside/member; else old=$data kept=$aside; fi
ours() { [ -s "$marks/restored" ] && [ "$(cat "$marks/restored")" = "$(stat -c %d:%i "$1/member" 2>/dev/null)" ]; }
holds_data() { [ -e "$data/member" ] || { [ "$mounted" = no ] && [ ! -e "$kept" ] && [ -n "$(ls -A "$data" 2>/dev/null)" ]; }; }
our_wal() { [ -s "$marks/restored-wal" ] && [ "$(cat "$marks/restored-wal")" = "$(stat -c %d:%i "$1" 2>/dev/null)" ]; }
# `empty DIR OLD` makes an empty directory with owner, mode and label of the old one, or as the unit's user has it.
empty() {
  [ ! -e "$1" ] || return 0
  mkdir -p "${1%/*}/"; mkdir -m 700 "$1"
  if [ -e "$2" ]; then
    chmod --reference="$2" "$1"; chown --reference="$2" "$1"
    if command -v chcon >/dev/null; then chcon --reference="$2" "$1" 2>/dev/null || true; fi
  else
    chown "${User:-root}:$Group" "$1"
    if command -v restorecon >/dev/null; then restorecon "$1" 2>/dev/null || true; fi
  fi
}
relabel() { if [ ! -e "$2" ] && command -v restorecon >/dev/null; then restorecon -R "$1" 2>/dev/null || true; fi; }
moved=no
if [ -n "$fresh" ] && ours "$data"; then # Everything was moved.
  [ -z "$wal" ] || our_wal "$wal" || { echo "$wal is not the log that this run restored" >&2; exit 1; }
else
  [ -z "$fresh" ] || ours "$fresh" || { echo "$fresh is not what this run restored: nothing is moved" >&2; exit 1; }
  [ -z "$fresh_wal" ] || our_wal "$fresh_wal" || our_wal "$wal" || {
    echo "$fresh_wal is not what this run restored: nothing is moved" >&2; exit 1; }
  if holds_data; then
    [ ! -e "$kept" ] || { echo "$kept is there already, and $data has data again" >&2; exit 1; }
    if [ "$mounted" = yes ]; then mkdir -p -m 700 "$aside"; fi
    mv -T "$old" "$kept"; moved=yes
  fi
  if [ -n "$wal" ]; then
    # Data that is in its place has its own log, whatever is cut off here: it leaves before its log, and comes after it. The
    # two may lie on two file systems, each of which keeps its own order only.
    if [ "$mounted" = yes ] && [ -e "$aside" ]; then sync "$aside" "$data"; fi
    sync "${data%/*}/"
    if [ -n "$(ls -A "$wal" 2>/dev/null)" ] && ! our_wal "$wal"; then
      [ ! -e "$wal_aside" ] || { echo "$wal_aside is there already, and $wal has a log again" >&2; exit 1; }
      mv -T "$wal" "$wal_aside"
    fi
    if [ -z "$fresh_wal" ]; then empty "$wal" "$wal_aside"
    elif ! our_wal "$wal"; then mv -T "$fresh_wal" "$wal"; relabel "$wal" "$wal_aside"; fi
    sync "$wal" "${wal%/*}/"
  fi
  if [ -z "$fresh" ]; then empty "$data" "$aside"
  elif [ "$mounted" = yes ]; then mv -T "$fresh/member" "$data/member"; rmdir "$fresh"
  else
    mv -T "$fresh" "$data"
    # Where nothing was there before it has the label of another name.
    relabel "$data" "$aside"
  fi
fi
: >"$marks/retired"
if [ "$mounted" = yes ] && [ -e "$aside" ]; then sync "$aside"; fi
sync "$data" "${data%/*}/" "$marks/retired" "$marks"
if [ $moved = yes ]; then echo "done: $aside"
elif [ -e "$kept" ]; then echo "found: $aside"
else echo "done: nothing to retire"; fi
