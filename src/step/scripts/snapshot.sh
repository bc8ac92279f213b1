# shellcheck shell=sh disable=SC2034,SC2015,SC2154
set -eu
marks=$1 file=$2 tool=$3 how=$4 from=$5 still=$6; shift 6
umask 077
[ -d "$marks" ] || mkdir -p "$marks"
case $how in
live) moving "$still" "$@" snapshot save "$file" >"$marks/snapshot.log" 2>&1 || { tail -n 1 "$marks/snapshot.log" >&2; exit 1; } ;;
copy)
  unit=$1
  look MainPID
  [ "$MainPID" = 0 ] || { echo "etcd runs: its database is not copied" >&2; exit 1; }
  ended_cleanly || {
    echo "etcd did not end cleanly: its database may lack what only the write-ahead log has" >&2; exit 1; }
  moving "$still" cp "$from" "$file.part"; mv -f "$file.part" "$file" ;;
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
