#!/bin/bash
# recover by hand: what an operator with root shells on all masters would run, learners restarted once, for comparison.
# usage: by-hand-recover.sh LAB-SCRIPT LAB-NAME SURVIVOR NODE:MEMBER:ADDRESS…; runs where the lab is, over the console.
set -eu
lab=$1 name=$2 survivor=$3
shift 3
on() { "$lab" console --name "$name" "$1" "sudo bash -c $(printf %q "$2")"; }
ctl() { on "$survivor" "set -a; . /etc/etcd.env; etcdctl $1"; }
now() { date +%s.%N; }
token=$(on "$survivor" "sed -n 's/^ETCD_INITIAL_CLUSTER_TOKEN=//p' /etc/etcd.env")
list=$(on "$survivor" "sed -n 's/^ETCD_INITIAL_CLUSTER=//p' /etc/etcd.env")
begun=$(now)
for pair in "$@"; do
    on "${pair%%:*}" 'systemctl kill -s KILL etcd; systemctl stop etcd; mv /var/lib/etcd /var/lib/etcd.old; mkdir -m 700 /var/lib/etcd' &
done
wait
added=()
for pair in "$@"; do
    IFS=: read -r node member ip <<<"$pair"
    list="$list,$member=https://$ip:2380"
    until id=$(ctl "member add $member --learner --peer-urls=https://$ip:2380 -w json" 2>/dev/null | sed -n 's/.*"member":{"ID":\([0-9]*\).*/\1/p') && [ -n "$id" ]; do sleep 0.1; done
    added+=("$(now)")
    on "$node" "sed -i 's|^ETCD_INITIAL_CLUSTER=.*|ETCD_INITIAL_CLUSTER=$list|; s|^ETCD_INITIAL_CLUSTER_TOKEN=.*|ETCD_INITIAL_CLUSTER_TOKEN=$token|; s|^ETCD_INITIAL_CLUSTER_STATE=.*|ETCD_INITIAL_CLUSTER_STATE=existing|' /etc/etcd.env; systemctl start --no-block etcd
set -a; . /etc/etcd.env
until curl --http1.1 -sf -m 1 --cacert \$ETCD_PEER_TRUSTED_CA_FILE --cert \$ETCD_PEER_CERT_FILE --key \$ETCD_PEER_KEY_FILE https://$ip:2380/members | grep -q '$ip:2380\"\],\"isLearner\":true'; do sleep 0.05; done
systemctl restart --no-block etcd"
    until ctl "member promote $(printf '%x' "$id")" >/dev/null 2>&1; do sleep 0.1; done
done
voter=$(now)
for pair in "$@"; do
    on "${pair%%:*}" 'set -a; . /etc/etcd.env; until curl -sf -o /dev/null -m 1 --cacert $ETCDCTL_CACERT --cert $ETCDCTL_CERT --key $ETCDCTL_KEY https://127.0.0.1:2379/version; do sleep 0.03; done'
done
end=$(now)
awk -v begun="$begun" -v first="${added[0]}" -v last="${added[-1]}" -v voter="$voter" -v end="$end" 'BEGIN {
    printf "joins=%.3f voter=%.3f port=%.3f\n", last - first, voter - begun, end - begun }'
