# shellcheck shell=sh disable=SC2010,SC2046
# A segment is allocated whole, so that it ends in zeros: where they begin is found by halving. Entries may be as large
# as etcd takes a request, 1.5 MiB unless it was raised; what is sent holds one of those and what comes after it. A segment
# that has just been begun may hold none yet: then the one before it is sent too.
set -u
wal=$1 most=$2
set -- $(cd "$wal" && LC_ALL=C ls | grep -E '^[0-9a-f]{16}-[0-9a-f]{16}\.wal$' | tail -n 2)
[ $# -gt 0 ] || { echo "$wal holds no write-ahead log" >&2; exit 1; }
if unshare --net true 2>/dev/null; then echo replays=yes; fi
used() {
  low=0 high=$(($(stat -c %s "$1") / 4096 + 1))
  while [ $low -lt $high ]; do
    middle=$(((low + high) / 2))
    if [ -n "$(dd if="$1" bs=4096 skip=$middle count=$((high - middle)) status=none | tr -d '\0' | head -c 1 | od -An -tx1)" ]
    then low=$((middle + 1)); else high=$middle; fi
  done
  echo $((low * 4096))
}
part() { echo "$1=$2 $3 $(dd if="$wal/$2" bs=4096 skip=$(($3 / 4096)) count=$((($4 - $3) / 4096)) status=none | base64 -w0)"; }
send() {
  end=$(used "$wal/$1")
  begin=$((end - most)); [ $begin -gt 0 ] || begin=0
  [ $begin = 0 ] || part head "$1" 0 4096
  part part "$1" "$begin" "$end"
}
if [ $# = 2 ]; then
  # Nothing but what every segment begins with, or states without entries.
  [ "$(used "$wal/$2")" -gt 65536 ] || send "$1"
  shift
fi
send "$1"
