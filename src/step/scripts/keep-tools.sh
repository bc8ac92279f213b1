# shellcheck shell=sh disable=SC2034,SC2154,SC2174
set -eu
unit=$1 kept=$2
look MainPID
[ "$MainPID" != 0 ] || { [ ! -x "$kept/etcdctl" ] || { echo "found: kept before"; exit 0; }
  echo "etcd does not run: its programs cannot be taken out of its image" >&2; exit 1; }
program=$(readlink "/proc/$MainPID/exe")
from=/proc/$MainPID/root${program%/*}
umask 077
mkdir -p -m 700 "$kept"
new=
for tool in etcd etcdctl etcdutl; do
  [ -x "$from/$tool" ] || continue
  cmp -s "$from/$tool" "$kept/$tool" && continue
  cp "$from/$tool" "$kept/$tool.part"; chmod 700 "$kept/$tool.part"; sync "$kept/$tool.part"
  mv -f "$kept/$tool.part" "$kept/$tool"; new=$tool
done
sync "$kept"
[ -x "$kept/etcdctl" ] || { echo "there is no etcdctl in ${program%/*} of the image" >&2; exit 1; }
if [ -n "$new" ]; then echo "done: kept in $kept"; else echo "found: kept before"; fi
