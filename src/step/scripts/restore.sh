# shellcheck shell=sh disable=SC2034,SC2154
set -eu
unit=$1 data=$2 fresh=$3 marks=$4 snapshot=$5 bytes=$6 sha=$7 still=$8; shift 8
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
if [ -e "$fresh" ]; then # A killed restore's leftovers; never started, never reused.
  n=1; while [ -e "$fresh.partial-$n" ]; do n=$((n + 1)); done; mv -T "$fresh" "$fresh.partial-$n"
fi
moving "$still" "$@" --data-dir="$fresh" >"$marks/restore.log" 2>&1 || { tail -n 1 "$marks/restore.log" >&2; exit 1; }
[ -f "$fresh/member/snap/db" ] || { echo "the restore left no database" >&2; exit 1; }
if [ -e "$data" ]; then
  chown -R --reference="$data" "$fresh"; chmod --reference="$data" "$fresh"
  if command -v chcon >/dev/null; then chcon -R --reference="$data" "$fresh" 2>/dev/null || true; fi
else look User Group; chown -R "${User:-root}:$Group" "$fresh"; fi
find "$fresh" -exec sync {} +
stat -c %d:%i "$fresh/member" >"$marks/restored"
sync "$marks/restored" "$marks" "${fresh%/*}/"
echo "done: restored to $fresh"
