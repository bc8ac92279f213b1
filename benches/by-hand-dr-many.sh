#!/bin/bash
# initiate-dr by hand on several survivors: what an operator with root shells on all of them would run, for comparison.
# usage: by-hand-dr-many.sh LAB-SCRIPT LAB-NAME NODE:MEMBER:ADDRESS…; the first one's data are taken.
set -eu
lab=$1 name=$2
shift 2
on() { "$lab" console --name "$name" "$1" "sudo bash -c $(printf %q "$2")"; }
now() { date +%s.%N; }
begun=$(now)
token=by-hand-$(date +%s%N)
seed=${1%%:*} list=
for pair in "$@"; do
    IFS=: read -r node member ip <<<"$pair"
    list="$list${list:+,}$member=https://$ip:2380"
done
on "$seed" 'set -a; . /etc/etcd.env; rm -f /root/by-hand.db; etcdctl snapshot save /root/by-hand.db >/dev/null 2>&1'
for pair in "${@:2}"; do on "$seed" 'cat /root/by-hand.db' | on "${pair%%:*}" 'cat >/root/by-hand.db'; done
# One after the other by one operator would take longer: all at once, as with a terminal that types into each.
for pair in "$@"; do
    IFS=: read -r node member ip <<<"$pair"
    on "$node" "systemctl stop etcd
tool=etcdutl
command -v etcdutl >/dev/null || tool=etcdctl
\$tool snapshot restore /root/by-hand.db --data-dir=/var/lib/etcd.by-hand --name=$member --initial-cluster=$list \
    --initial-cluster-token=$token --initial-advertise-peer-urls=https://$ip:2380 --bump-revision=1000000000 --mark-compacted \
    >/dev/null 2>&1
mv /var/lib/etcd /var/lib/etcd.old-$token
mv /var/lib/etcd.by-hand /var/lib/etcd
sed -i 's|^ETCD_INITIAL_CLUSTER=.*|ETCD_INITIAL_CLUSTER=$list|; s|^ETCD_INITIAL_CLUSTER_TOKEN=.*|ETCD_INITIAL_CLUSTER_TOKEN=$token|; s|^ETCD_INITIAL_CLUSTER_STATE=.*|ETCD_INITIAL_CLUSTER_STATE=existing|' /etc/etcd.env
date +%s.%N >/root/by-hand.started
systemctl start --no-block etcd" &
done
wait
on "$seed" 'set -a; . /etc/etcd.env; until etcdctl --command-timeout=1s put by-hand done >/dev/null 2>&1; do sleep 0.03; done'
end=$(now)
started=$(for pair in "$@"; do on "${pair%%:*}" 'cat /root/by-hand.started'; done | sort -n | head -n 1)
awk -v begun="$begun" -v started="$started" -v end="$end" 'BEGIN {
    printf "command=%.3f consent=%.3f own=%.3f\n", end - begun, end - begun, started - begun }'
