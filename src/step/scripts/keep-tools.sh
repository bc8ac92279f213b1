# shellcheck shell=sh disable=SC2034,SC2154,SC2174
set -eu
unit=$1 kept=$2
look
if [ "$MainPID" != 0 ]; then
  program=$(readlink "/proc/$MainPID/exe")
  of_image() { [ ! -x "/proc/$MainPID/root${program%/*}/$1" ] || echo "/proc/$MainPID/root${program%/*}/$1"; }
elif open_image; then of_image() { in_image "$1"; }
# Those of the image that is there now count before what an earlier run has kept.
elif [ -x "$kept/etcdctl" ]; then echo "found: kept before"; exit 0
else
  echo "etcd does not run, and its programs cannot be taken out of its image: $why" >&2; exit 1
fi
umask 077
mkdir -p -m 700 "$kept"
new=
for tool in etcd etcdctl etcdutl; do
  from=$(of_image "$tool")
  [ -n "$from" ] || continue
  cmp -s "$from" "$kept/$tool" && continue
  cp "$from" "$kept/$tool.part"; chmod 700 "$kept/$tool.part"; sync "$kept/$tool.part"
  mv -f "$kept/$tool.part" "$kept/$tool"; new=$tool
done
sync "$kept"
[ -x "$kept/etcdctl" ] || { echo "there is no etcdctl in the image" >&2; exit 1; }
if [ -n "$new" ]; then echo "done: kept in $kept"; else echo "found: kept before"; fi
