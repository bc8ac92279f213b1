# The lab that all parts measure on: made anew for each opponent, its zone lost, and figures noted.
# shellcheck shell=bash disable=SC2034,SC2154 # benches/run and the other parts share these

LAB=${BENCH_LAB:-bench}
STATE=/var/lib/requorum-lab/$LAB
export REQUORUM_STATE=$STATE/bastion
export REQUORUM_INVENTORY=$STATE/inventory.yaml

lab() { "$HERE/lab/lab" "$1" --name "$LAB" "${@:2}"; }
requorum() { lab bastion "$PROGRAM" "$@"; }
finish() { lab down >/dev/null 2>&1 || true; }

# note ROW WHO SECONDS: one figure. All figures of a row and an opponent make one cell of the table.
note() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$RESULTS/figures"; }

# note_all ROW WHO < "key=seconds …": the row's name is followed by what the key means.
note_all() {
    local row=$1 who=$2 pair
    # shellcheck disable=SC2013 # words are wanted
    for pair in $(cat); do note "$row: ${MEANS[${pair%%=*}]}" "$who" "${pair#*=}"; done
}

declare -A MEANS=(
    [command]='from the command to the acknowledged write'
    [consent]='from consent to the acknowledged write'
    [own]='from consent, less the election'
    [joins]='from the first member added to the last'
    [voter]='to the last voter'
    [port]='to the last client port'
)

# fresh ZONES ETCD [OPTION…]: a healthy cluster with a key in it.
fresh() {
    finish
    ZONES=$1 FIRST=${1%%+*}
    lab up --zones "$1" --etcd "$2" "${@:3}" >/dev/null 2>&1
    lab etcdctl m1 put key value >/dev/null
}

# The masters of zone 1 and of zone 2, and where each is.
lost() { seq -f 'm%g' 1 "$FIRST"; }
survivors() { seq -f 'm%g' $((FIRST + 1)) $((FIRST + ${ZONES#*+})); }
address() {
    local number=${1#m}
    if ((number <= FIRST)); then echo "10.77.1.1$number"; else echo "10.77.2.1$((number - FIRST))"; fi
}

# bereft ZONES ETCD [watched|large]: zone1 of a fresh cluster is off, and no survivor names a leader any more.
bereft() {
    local node
    fresh "$1" "$2"
    if [[ ${3-} == large ]]; then fill; fi
    if [[ ${3-} == watched ]]; then for node in $(survivors); do watch_on "$node"; done; fi
    power_lost
}

power_lost() {
    local node
    lab power-off zone1 >/dev/null 2>&1
    for node in $(survivors); do
        until lab etcdctl "$node" endpoint status -w json | grep -q 'no leader'; do sleep 0.3; done
    done
}

# One who waits for a lock holds a watch that does not end with the leader.
WATCH='set -a; . /etc/etcd.env
setsid etcdctl lock held sleep 6000 </dev/null >/dev/null 2>&1 &
until etcdctl get held --prefix --keys-only | grep -q held; do sleep 0.1; done
setsid etcdctl lock held </dev/null >/dev/null 2>&1 &
sleep 0.5'

watch_on() { lab console "$1" "sudo bash -c $(printf %q "$WATCH")"; }

# When the first survivor's etcd was started, in seconds; the election is from there to the acknowledged write.
started() {
    local node
    for node in $(survivors); do
        date -d "$(lab console "$node" 'systemctl show -p ExecMainStartTimestamp --value --timestamp=us+utc etcd')" +%s.%N
    done | sort -n | head -n 1
}

zone_is_back() {
    local node
    lab power-on zone1 >/dev/null 2>&1
    for node in $(lost); do
        until lab console "$node" 'systemctl is-active etcd || systemctl show -p SubState --value etcd' 2>/dev/null |
            grep -qE '^(active|start|auto-restart)'; do sleep 0.3; done
    done
    if ((FIRST > ${ZONES#*+})); then
        until lab etcdctl m1 --command-timeout=2s put stale x >/dev/null 2>&1; do sleep 0.3; done
    fi
}

newest_journal() {
    local all=("$REQUORUM_STATE"/runs/*/journal.jsonl)
    # shellcheck disable=SC2012 # names of runs are plain
    ls -t "${all[@]}" | head -n 1
}

from_journal() { "$HERE/benches/parts/journal.py" "$(newest_journal)" "$@"; }
