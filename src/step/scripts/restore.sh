# shellcheck shell=sh disable=SC2015,SC2034,SC2154
set -eu
unit=$1 data=$2 fresh=$3 marks=$4 snapshot=$5 bytes=$6 sha=$7 check=$8 bump=$9; shift 9; still=$1; shift
wal=$1 fresh_wal=$2 linked=$3; shift 3
umask 077
for made in "$fresh" "$data"; do
  if [ -s "$marks/restored" ] && [ "$(cat "$marks/restored")" = "$(stat -c %d:%i "$made/member" 2>/dev/null)" ]; then
    echo "found: restored before"; exit 0
  fi
done
[ "$(stat -c %s "$snapshot")" = "$bytes" ] || { echo "$snapshot has changed size" >&2; exit 1; }
if [ "$sha" != - ]; then
  [ "$(sha256sum <"$snapshot")" = "$sha  -" ] || { echo "$snapshot is not the verified one" >&2; exit 1; }
fi
# A killed restore's leftovers; never started, never reused.
put_aside() {
  [ -e "$1" ] || return 0
  n=1; while [ -e "$1.partial-$n" ]; do n=$((n + 1)); done; mv -T "$1" "$1.partial-$n"
}
put_aside "$fresh"
[ -z "$fresh_wal" ] || put_aside "$fresh_wal"
# A tool that meets a damaged page ends with a trace of itself; what it met stands before that.
complaint() { grep -m 1 -E '^(panic: |fatal error: |unexpected fault|Error: )' "$marks/restore.log" || tail -n 1 "$marks/restore.log"; }
moving "$still" "$@" --data-dir="$fresh" >"$marks/restore.log" 2>&1 || { complaint >&2; exit 1; }
[ -f "$fresh/member/snap/db" ] || { echo "the restore left no database" >&2; exit 1; }
# A copied database has no hash of etcd's own: each page of what was made of it is checked instead, and its revision.
revision_of() {
  "$tool" snapshot status "$1" -w json >"$marks/status.json" 2>"$marks/restore.log" || {
    echo "what was restored is damaged: $(complaint)" >&2; exit 1; }
  sed -n 's/.*"revision":\([0-9]*\).*/\1/p' "$marks/status.json"
}
if [ "$check" != - ]; then
  tool=$1
  ends=$(revision_of "$fresh/member/snap/db")
  if [ "$ends" != $((check + bump)) ]; then # A deletion that was the last write leaves nothing once it is compacted.
    copied=$(revision_of "$snapshot")
    [ "$ends" = $((copied + bump)) ] && [ "$copied" -le "$check" ] || {
      echo "what was restored ends at revision $((ends - bump)), and etcd had $check" >&2; exit 1; }
  fi
fi
like() { # like OLD NEW: owner, mode and label, or whom the unit runs as
  if [ -e "$1" ]; then
    chown -R --reference="$1" "$2"; chmod --reference="$1" "$2"
    if command -v chcon >/dev/null; then chcon -R --reference="$1" "$2" 2>/dev/null || true; fi
  else look User Group; chown -R "${User:-root}:$Group" "$2"; fi
  find "$2" -exec sync {} +
  sync "${2%/*}/"
}
if [ -n "$fresh_wal" ]; then
  for file in "$fresh_wal"/*.wal; do [ -e "$file" ] || { echo "the restore left no write-ahead log" >&2; exit 1; }; done
  like "$wal" "$fresh_wal"
  stat -c %d:%i "$fresh_wal" >"$marks/restored-wal"; sync "$marks/restored-wal"
  [ "$linked" = no ] || ln -s "$fresh_wal" "$fresh/member/wal"
fi
like "$data" "$fresh"
# Last: whoever sees this mark finds data and log whole.
stat -c %d:%i "$fresh/member" >"$marks/restored"
sync "$marks/restored" "$marks"
echo "done: restored to $fresh"
