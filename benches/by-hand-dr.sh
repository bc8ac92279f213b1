#!/bin/bash
# initiate-dr by hand: what an operator would run as root on the survivor itself, straight through, for comparison.
set -eu
url=$1 name=$2 peer=$3
set -a
. /etc/etcd.env
set +a
now() { date +%s.%N; }
begun=$(now)
rm -f /root/by-hand.db
etcdctl snapshot save /root/by-hand.db >/dev/null 2>&1
systemctl stop etcd
token=by-hand-$(date +%s%N)
tool=etcdutl
command -v etcdutl >/dev/null || tool=etcdctl
$tool snapshot restore /root/by-hand.db --data-dir=/var/lib/etcd.by-hand --name="$name" --initial-cluster="$name=$peer" \
    --initial-cluster-token="$token" --initial-advertise-peer-urls="$peer" --bump-revision=1000000000 --mark-compacted \
    >/dev/null 2>&1
mv /var/lib/etcd "/var/lib/etcd.old-$token"
mv /var/lib/etcd.by-hand /var/lib/etcd
sed -i "s|^ETCD_INITIAL_CLUSTER=.*|ETCD_INITIAL_CLUSTER=$name=$peer|; s|^ETCD_INITIAL_CLUSTER_TOKEN=.*|ETCD_INITIAL_CLUSTER_TOKEN=$token|; s|^ETCD_INITIAL_CLUSTER_STATE=.*|ETCD_INITIAL_CLUSTER_STATE=existing|" /etc/etcd.env
systemctl start --no-block etcd
until curl -sf -o /dev/null -m 1 --cacert "$ETCDCTL_CACERT" --cert "$ETCDCTL_CERT" --key "$ETCDCTL_KEY" "$url/version"; do sleep 0.03; done
etcdctl put by-hand done >/dev/null
end=$(now)
# The election is from the process's start to the acknowledged write.
started=$(date -d "$(systemctl show -p ExecMainStartTimestamp --value --timestamp=us+utc etcd)" +%s.%N)
awk -v begun="$begun" -v started="$started" -v end="$end" 'BEGIN {
    printf "command=%.3f consent=%.3f own=%.3f\n", end - begun, end - begun, started - begun }'
