# shellcheck shell=sh disable=SC2034,SC2154,SC2174
# Nothing is deleted: what the run put there is moved aside first. Killed between two renames, it goes on with the next.
set -eu
unit=$1 data=$2 aside=$3 unused=$4 mounted=$5 marker=$6 marks=$7
wal=$8 wal_aside=$9 wal_unused=${10}
look MainPID
if [ "$mounted" = yes ]; then part=/member; else part=; fi
now=$data$part kept=$aside$part out=$unused$part
made() { [ -s "$marks/restored" ] && [ "$(cat "$marks/restored")" = "$(stat -c %d:%i "$data/member" 2>/dev/null)" ]; }
durable() {
  for changed in "$aside" "$unused"; do if [ "$mounted" = yes ] && [ -e "$changed" ]; then sync "$changed"; fi; done
  sync "$data" "${data%/*}/"
  [ -z "$wal" ] || sync "$wal" "${wal%/*}/"
}
if [ ! -e "$kept" ]; then
  if made || [ ! -e "$data/member" ]; then
    echo "$kept is not there, and $data does not hold the data from before this run" >&2; exit 1
  fi
  durable; echo "found: its own data is in its place"; exit 0
fi
[ "$MainPID" = 0 ] || { echo "etcd runs: its data is not moved" >&2; exit 1; }
[ -e "$marker" ] || { echo "etcd is not fenced ($marker is missing): its data is not moved" >&2; exit 1; }
! loose || { echo "$manifest is there again, and its kubelet starts etcd whatever the fence says: its data is not moved" >&2; exit 1; }
if [ -e "$now" ]; then
  [ ! -e "$out" ] || { echo "$out is there already, and so is $now" >&2; exit 1; }
  if [ "$mounted" = yes ]; then mkdir -p -m 700 "$unused"; fi
  mv -T "$now" "$out"
fi
# Data that is in its place has its own log: the run's leaves before its log, and its own comes after that.
if [ -n "$wal" ]; then
  sync "${data%/*}/"
  if [ "$mounted" = yes ]; then sync "$data"; fi
  if [ -e "$wal_aside" ]; then
    if [ -e "$wal" ]; then
      [ ! -e "$wal_unused" ] || { echo "$wal_unused is there already, and so is $wal" >&2; exit 1; }
      mv -T "$wal" "$wal_unused"
    fi
    mv -T "$wal_aside" "$wal"
  fi
  [ ! -s "$marks/restored-wal" ] || [ "$(cat "$marks/restored-wal")" != "$(stat -c %d:%i "$wal" 2>/dev/null)" ] || {
    echo "$wal_aside is not there, and $wal does not hold the log from before this run" >&2; exit 1; }
  sync "$wal" "${wal%/*}/"
fi
mv -T "$kept" "$now"
if [ "$mounted" = yes ]; then rmdir "$aside" 2>/dev/null || true; fi
durable
echo "done: its own data is in its place again"
