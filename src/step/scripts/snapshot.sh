# shellcheck shell=sh disable=SC2034,SC2015,SC2154
set -eu
marks=$1 file=$2 tool=$3 how=$4 from=$5 still=$6; shift 6
umask 077
[ -d "$marks" ] || mkdir -p "$marks"
# bbolt's two meta pages take turns: `newest FILE` is the page (its 64 bytes) of the last committed transaction.
page() { od -A n -v -t x1 -j "$2" -N 64 "$1" | tr -d ' \n'; }
newest() {
  size=$(od -A n -t u4 -j 24 -N 4 "$1" | tr -d ' ')
  first=$(od -A n -t u8 -j 64 -N 8 "$1" | tr -d ' ') second=$(od -A n -t u8 -j $((size + 64)) -N 8 "$1" | tr -d ' ')
  if [ "$first" -gt "$second" ]; then page "$1" 16; else page "$1" $((size + 16)); fi
}
# A save that is ended once its first page is here: before it sends that, etcd commits all it has applied. The page is of
# the transaction that the save would go on to send.
begun() {
  rm -f "$file.begun.part"
  "$@" snapshot save "$file.begun" >"$marks/begun.log" 2>&1 3>&- &
  saving=$! tries=0
  until [ "$(stat -c %s "$file.begun.part" 2>/dev/null || echo 0)" -ge 4096 ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] && kill -0 $saving 2>/dev/null || break
    sleep 0.05
  done
  kill -KILL $saving 2>/dev/null || :
  wait $saving 2>/dev/null || :
  for head in "$file.begun.part" "$file.begun"; do [ ! -s "$head" ] || page "$head" 16; done
  rm -f "$file.begun.part" "$file.begun"
}
far() { timeout -k 1 5 "$@" endpoint status --write-out=json 2>"$marks/snapshot.log"; }
# What the same words begin with: how far etcd has come.
applied() { printf '%s' "$1" | sed -n 's/.*"revision":\([0-9]*\).*"raftAppliedIndex":\([0-9]*\).*/\1 \2/p'; }
# As long as no later transaction is committed bbolt overwrites no page of this one, whatever else etcd or its death does
# to the file; and where nothing is applied meanwhile it has all. So a copy of the file holds what the save would have.
copied() {
  before=$(far "$@") || return 1
  transaction=$(begun "$@")
  [ ${#transaction} = 128 ] && [ "$(newest "$from")" = "$transaction" ] || return 1
  sha256sum <"$from" >"$marks/snapshot.sum" &
  summing=$!
  # In a shell of its own: where the copy stands still and is ended, etcd may still send what it has in memory.
  (moving "$still" cp --reflink=auto "$from" "$file.part") || { kill $summing; return 2; }
  wait $summing || return 1
  # Looked at last: all that was read above was read before.
  [ "$(newest "$from")" = "$transaction" ] && said=$(far "$@") || return 1
  [ -n "$(applied "$said")" ] && [ "$(applied "$said")" = "$(applied "$before")" ] || return 1
  mv -f "$file.part" "$file"
}
case $how in
live)
  # A database that something is written to all the same, such as by the rest of a compaction, is sent by etcd.
  if [ -n "$from" ] && { copied "$@" || { [ $? = 1 ] && copied "$@"; }; }; then
    sync "$marks"
    sum=$(cat "$marks/snapshot.sum")
    printf '{"bytes":%s,"sha256":"%s","member":%s}\n' "$(stat -c %s "$file")" "${sum%% *}" "$said"
    exit 0
  fi
  rm -f "$file.part"
  # A client would wait for an etcd that died until it is given up.
  [ -z "$from" ] || { echo >&2; far "$@" >/dev/null; } || { echo "etcd does not answer any more" >&2; exit 1; }
  moving "$still" "$@" snapshot save "$file" >"$marks/snapshot.log" 2>&1 || { tail -n 1 "$marks/snapshot.log" >&2; exit 1; } ;;
copy)
  unit=$1
  look MainPID
  [ "$MainPID" = 0 ] || { echo "etcd runs: its database is not copied" >&2; exit 1; }
  ended_cleanly || {
    echo "etcd did not end cleanly: its database may lack what only the write-ahead log has" >&2; exit 1; }
  moving "$still" cp --reflink=auto "$from" "$file.part"; mv -f "$file.part" "$file" ;;
file) ;;
esac
[ -s "$file" ] || { echo "$file is empty" >&2; exit 1; }
sync "$file" "$marks"
# Both read all of the file: side by side they take the time of the slower.
"$tool" snapshot status "$file" -w json >"$marks/status.json" 2>"$marks/status.log" &
status=$!
sum=$(sha256sum <"$file")
wait $status || { tail -n 1 "$marks/status.log" >&2; exit 1; }
printf '{"bytes":%s,"sha256":"%s","status":%s}\n' "$(stat -c %s "$file")" "${sum%% *}" "$(cat "$marks/status.json")"
