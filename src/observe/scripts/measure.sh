# shellcheck shell=sh
# It lies where a run's snapshot would, on the same file system, in a directory of its own that goes whatever happens:
# without PIPE in the trap a lost connection would end the shell before it. What a machine's death leaves holds every
# Secret of the cluster, so that the next one says where it is and adds no second.
set -eu
state=$1 data=$2 tool=$3 large=$4; shift 4
umask 077
parent=$state; [ -d "$parent" ] || parent=${state%/*}
for left in "$parent"/.requorum-doctor.*; do
  [ ! -e "$left" ] || { echo "$left is there: another doctor runs, or one died with its machine and left a snapshot in it (remove it)" >&2; exit 1; }
done
bytes=$(stat -c %s "$data/member/snap/db")
free=$(df -P -B1 "$parent" | awk 'NR==2 {print $4}')
[ "$free" -ge $((bytes * 2)) ] || { echo "only $free bytes are free in $parent for a snapshot of $bytes; twice that is asked for" >&2; exit 1; }
dir=$(mktemp -d "$parent/.requorum-doctor.XXXXXX")
trap 'rm -rf "$dir"' EXIT; trap 'exit 1' HUP INT TERM PIPE
begun=$(date +%s%N)
"$@" snapshot save "$dir/snapshot.db" >"$dir/log" 2>&1 || { tail -n 1 "$dir/log" >&2; exit 1; }
sync "$dir/snapshot.db" "$dir"
saved=$(date +%s%N)
"$tool" snapshot status "$dir/snapshot.db" -w json >"$dir/status" 2>"$dir/log" & status=$!
sha256sum <"$dir/snapshot.db" >"$dir/sum"
wait $status || { tail -n 1 "$dir/log" >&2; exit 1; }
verified=$(date +%s%N)
copied=
if [ "$(stat -c %s "$dir/snapshot.db")" -ge "$large" ]; then
  sha256sum <"$dir/snapshot.db" >"$dir/sum" & sum=$!
  cp --reflink=auto "$dir/snapshot.db" "$dir/copy" 2>"$dir/log" || { tail -n 1 "$dir/log" >&2; exit 1; }
  wait $sum
  copied=$(($(date +%s%N) - verified))
fi
bytes=$(stat -c %s "$dir/snapshot.db") verdict=$(cat "$dir/status")
rm -rf "$dir"
echo "status=$verdict"; echo "bytes=$bytes"; echo "save_ns=$((saved - begun))"; echo "verify_ns=$((verified - saved))"
[ -z "$copied" ] || echo "copy_ns=$copied"
