# shellcheck shell=sh disable=SC2034,SC2154
# etcd itself reads the log: `--force-new-cluster` takes all of its entries as committed, for the others may have
# acknowledged them. It hears nobody (a network of its own, with nothing in it) and is spoken to by sockets in its own
# directory, so that no old member learns of it. Up to 3.4 a socket's URL must look like host and port. Its settings are
# given here and the environment is empty: nothing of the master's own etcd is taken along.
set -eu
unit=$1 data=$2 marks=$3 file=$4 etcd=$5 ctl=$6 limit=$7 wal=$8
look MainPID
[ "$MainPID" = 0 ] || { echo "etcd runs: its data is not copied" >&2; exit 1; }
umask 077
[ -d "$marks" ] || mkdir -p "$marks"
scratch=$marks/replay
rm -rf "$scratch"
needed=$(du -s -B1 "$data/member/snap" "$wal/." | awk '{ all += $1 } END { print all }') free=$(df -P -B1 "$marks" | awk 'NR==2 {print $4}')
[ "$free" -gt "$needed" ] || { echo "only $free bytes are free in $marks for a copy of $needed bytes" >&2; exit 1; }
etcd_pid=
end() { [ -z "$etcd_pid" ] || kill -KILL "$etcd_pid" 2>/dev/null || true; rm -rf "$scratch"; }
trap end EXIT; trap 'exit 1' HUP INT TERM PIPE
mkdir -p "$scratch/member/wal"
cp -a --reflink=auto --sparse=always "$data/member/snap" "$scratch/member/snap"
# It may lie elsewhere, or behind a link.
cp -a --reflink=auto --sparse=always "$wal/." "$scratch/member/wal"
cd "$scratch"
env -i PATH="$PATH" unshare --net "$etcd" --name=replay --data-dir="$scratch" --force-new-cluster \
  --listen-client-urls=unix://replay:1 --advertise-client-urls=http://localhost:2379 --listen-peer-urls=unix://replay:2 \
  --quota-backend-bytes=1000000000000 >"$marks/replay.log" 2>&1 &
etcd_pid=$!
until=$(($(date +%s) + limit))
while :; do
  # A read that must be up to date is answered once everything is applied. With users it is refused then, and not before.
  said=$(env -i PATH="$PATH" ETCDCTL_API=3 "$ctl" --endpoints=unix://replay:1 --command-timeout=2s \
    get requorum/probe --consistency=l --keys-only 2>&1) && break
  case $said in *'user name is empty'*) break ;; esac
  kill -0 "$etcd_pid" 2>/dev/null || { echo "the etcd that reads the log has ended: $(tail -n 1 "$marks/replay.log")" >&2; exit 1; }
  [ "$(date +%s)" -lt "$until" ] || { echo "the log is not read within $limit s; its etcd says last: $(tail -n 1 "$marks/replay.log")" >&2; exit 1; }
  sleep 0.1
done
# An end by its own will puts everything into the database.
kill -TERM "$etcd_pid"
wait "$etcd_pid" || true
etcd_pid=
sync member/snap/db
mv -f member/snap/db "$file"; sync "$marks"
echo "done: the log's entries are in $file"
