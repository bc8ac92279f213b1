# shellcheck shell=sh
# The record changes by one rename, so that it is one run's or the other's whenever this is cut off.
set -eu
path=$1 run=$2 kept=$3 unused=$4
umask 077
# The first step of `undo`: once the fence is gone, this mark alone tells that etcd is to be started still.
mkdir -p "$kept"; : >"$kept/undone"; sync "$kept/undone" "$kept"
theirs=0
if [ -e "$path" ]; then grep -q "\"written_by\":\"$run\"" "$path" || theirs=$?; else theirs=1; fi
case $theirs in
0) ;;
1) sync "${path%/*}"; echo "found: the record is not that run's"; exit 0 ;;
*) echo "$path cannot be read" >&2; exit 1 ;;
esac
if [ -f "$kept/cluster.json" ]; then
  cp -p "$path" "$unused"; cp -p "$kept/cluster.json" "$path.new"; sync "$unused" "$path.new"
  mv -f "$path.new" "$path"; said="the earlier record counts again"
else
  mv -T "$path" "$unused"; said="there was no earlier record"
fi
sync "${path%/*}"
echo "done: $said; that of the run is $unused"
