# shellcheck shell=sh disable=SC2034,SC2154,SC2174
set -eu
unit=$1 data=$2 aside=$3 mounted=$4 marker=$5 marks=$6 fresh=$7
look MainPID User Group
[ "$MainPID" = 0 ] || { echo "etcd runs: its data is not moved" >&2; exit 1; }
[ -e "$marker" ] || { echo "etcd is not fenced ($marker is missing): its data is not moved" >&2; exit 1; }
! loose || { echo "$manifest is there again, and its kubelet starts etcd whatever the fence says: its data is not moved" >&2; exit 1; }
[ ! -L "$data" ] || { echo "$data is a symbolic link: its data is not moved" >&2; exit 1; }
umask 077
[ -d "$marks" ] || mkdir -p "$marks"
if [ "$mounted" = yes ]; then old=$data/member kept=$aside/member; else old=$data kept=$aside; fi
ours() { [ -s "$marks/restored" ] && [ "$(cat "$marks/restored")" = "$(stat -c %d:%i "$1/member" 2>/dev/null)" ]; }
holds_data() { [ -e "$data/member" ] || { [ "$mounted" = no ] && [ ! -e "$kept" ] && [ -n "$(ls -A "$data" 2>/dev/null)" ]; }; }
like() {
  chmod --reference="$1" "$data"; chown --reference="$1" "$data"
  if command -v chcon >/dev/null; then chcon --reference="$1" "$data" 2>/dev/null || true; fi
}
# What the unit runs as, where no earlier directory tells whose the new one is.
own() {
  chown "${User:-root}:$Group" "$data"
  if command -v restorecon >/dev/null; then restorecon "$data" 2>/dev/null || true; fi
}
moved=no
if [ -n "$fresh" ] && ours "$data"; then : # Both renames were done.
else
  [ -z "$fresh" ] || ours "$fresh" || { echo "$fresh is not what this run restored: nothing is moved" >&2; exit 1; }
  if holds_data; then
    [ ! -e "$kept" ] || { echo "$kept is there already, and $data has data again" >&2; exit 1; }
    if [ "$mounted" = yes ]; then mkdir -p -m 700 "$aside"; fi
    mv -T "$old" "$kept"; moved=yes
  fi
  if [ -z "$fresh" ]; then
    if [ ! -e "$data" ]; then
      mkdir -p "${data%/*}/"; mkdir -m 700 "$data"
      if [ -e "$aside" ]; then like "$aside"; else own; fi
    fi
  elif [ "$mounted" = yes ]; then mv -T "$fresh/member" "$data/member"; rmdir "$fresh"
  else
    mv -T "$fresh" "$data"
    # Where nothing was there before it has the label of another name.
    if [ ! -e "$aside" ] && command -v restorecon >/dev/null; then restorecon -R "$data" 2>/dev/null || true; fi
  fi
fi
: >"$marks/retired"
if [ "$mounted" = yes ] && [ -e "$aside" ]; then sync "$aside"; fi
sync "$data" "${data%/*}/" "$marks/retired" "$marks"
if [ $moved = yes ]; then echo "done: $aside"
elif [ -e "$kept" ]; then echo "found: $aside"
else echo "done: nothing to retire"; fi
