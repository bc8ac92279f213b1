# shellcheck shell=sh
# Nothing is deleted: what the run made is moved aside, once more under its name. The fence goes last.
set -eu
unit=$1.service data=$2 env=$(readlink -f "$3") run=$4 marker=$5 record=$6 kept=$7 aside=$8
pid=$(systemctl show -p MainPID --value "$unit")
did=
swap() { # swap OLD NOW: what lies aside comes back, once
  [ -e "$1" ] || return 0
  [ "$pid" = 0 ] || { echo "etcd runs: its data is not moved" >&2; exit 1; }
  [ ! -e "$2.unused-$run" ] || { echo "$2.unused-$run is there already" >&2; exit 1; }
  if [ -e "$2" ]; then mv -T "$2" "$2.unused-$run"; fi
  mv -T "$1" "$2"; did="$did its own data,"
}
swap "$9" "$data"
swap "${10}/member" "$data/member"
if [ -e "$aside" ]; then
  [ ! -e "$env.unused-$run" ] || { echo "$env.unused-$run is there already" >&2; exit 1; }
  cp -p "$env" "$env.unused-$run"; mv -f "$aside" "$env"; did="$did its env file,"
fi
if [ -f "$record" ] && grep -q "\"run\":\"$run\"" "$record"; then
  mv -T "$record" "$record.unused-$run"
  # What an earlier run had recorded counts again.
  if [ -f "$kept/cluster.json" ]; then cp -p "$kept/cluster.json" "$record"; fi
fi
sync "${data%/*}/" "${env%/*}/" "${record%/*}"
if [ -e "$marker" ]; then rm -f "$marker"; sync "${marker%/*}"; did="$did no fence,"; fi
# Also where it runs: a stop that is still queued gives way to the start.
systemctl reset-failed "$unit" 2>/dev/null || true
systemctl start --no-block "$unit"
echo "done:${did:- nothing had been replaced,} etcd started"
