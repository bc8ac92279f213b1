# shellcheck shell=sh disable=SC2034,SC2015,SC2154
# A unit whose condition fails "starts" with exit 0 and does nothing, so its state is what counts.
set -u
unit=$1 data=$2 marks=$3 onto=$4 marker=$5 wal=$6
lift() { [ ! -e "$marker" ] || { rm -f "$marker" && sync "${marker%/*}"; } || exit 1; }
ask() { look MainPID ActiveState ConditionResult ConditionTimestampMonotonic || exit 1; }
ask
if [ "$MainPID" != 0 ]; then lift; echo "found: it runs"; exit 0; fi
case $onto in
restored)
  [ -s "$marks/restored" ] && [ -d "$data/member" ] &&
    [ "$(cat "$marks/restored" 2>/dev/null)" = "$(stat -c %d:%i "$data/member" 2>/dev/null)" ] || {
    echo "$data is not what this run restored (no matching mark in $marks): not started" >&2; exit 1; }
  if [ -n "$wal" ]; then
    [ -s "$marks/restored-wal" ] && [ "$(cat "$marks/restored-wal")" = "$(stat -L -c %d:%i "$wal" 2>/dev/null)" ] || {
      echo "$wal is not the log that this run restored (no matching mark in $marks): not started" >&2; exit 1; }
  fi ;;
emptied)
  [ -e "$marks/retired" ] && [ -d "$data" ] && [ ! -e "$data/member" ] || {
    echo "$data is not the empty directory this run left: not started" >&2; exit 1; }
  if [ -n "$wal" ]; then
    said=$(ls -A "$wal") && [ -z "$said" ] || {
      echo "$wal is not the empty directory this run left: not started" >&2; exit 1; }
  fi ;;
esac
if loose && ! cmp -s "$manifest" "$held"; then
  echo "$manifest is there already, and is not what this run wrote ($held): not started" >&2; exit 1
fi
before_begin || exit 1
lift
before=$ConditionTimestampMonotonic end=$(($(date +%s) + start_limit))
begin || exit 1
while [ "$(date +%s)" -lt $end ]; do
  ask
  [ "$MainPID" != 0 ] && { echo "done: started as process $MainPID"; exit 0; }
  refused "$before" && {
    echo "systemd did not start it: a condition is not met, and it is not the fence, which was lifted" >&2; exit 1; }
  [ "$ActiveState" != failed ] || begin
  sleep 0.01
done
echo "it has no process $start_limit s after its start; it is $ActiveState" >&2
exit 1
