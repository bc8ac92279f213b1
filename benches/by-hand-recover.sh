#!/bin/bash
# recover by hand: what an operator with root shells on all masters would run, learners restarted once, for comparison.
# usage: by-hand-recover.sh LAB-SCRIPT LAB-NAME; runs where the lab is, over the same SSH the lab's operator has.
set -eu
lab=$1 name=$2
on() { "$lab" console --name "$name" "$1" "sudo bash -c $(printf %q "$2")"; }
ctl() { on m3 "set -a; . /etc/etcd.env; etcdctl $1"; }
now() { date +%s.%N; }
token=$(on m3 "sed -n 's/^ETCD_INITIAL_CLUSTER_TOKEN=//p' /etc/etcd.env")
begun=$(now)
on m1 'systemctl kill -s KILL etcd; systemctl stop etcd; mv /var/lib/etcd /var/lib/etcd.old; mkdir -m 700 /var/lib/etcd' &
on m2 'systemctl kill -s KILL etcd; systemctl stop etcd; mv /var/lib/etcd /var/lib/etcd.old; mkdir -m 700 /var/lib/etcd' &
wait
list="etcd3=https://10.77.2.11:2380"
for pair in m1:etcd1:10.77.1.11 m2:etcd2:10.77.1.12; do
    IFS=: read -r node member ip <<<"$pair"
    list="$list,$member=https://$ip:2380"
    until id=$(ctl "member add $member --learner --peer-urls=https://$ip:2380 -w json" 2>/dev/null | sed -n 's/.*"member":{"ID":\([0-9]*\).*/\1/p') && [ -n "$id" ]; do sleep 0.1; done
    on "$node" "sed -i 's|^ETCD_INITIAL_CLUSTER=.*|ETCD_INITIAL_CLUSTER=$list|; s|^ETCD_INITIAL_CLUSTER_TOKEN=.*|ETCD_INITIAL_CLUSTER_TOKEN=$token|; s|^ETCD_INITIAL_CLUSTER_STATE=.*|ETCD_INITIAL_CLUSTER_STATE=existing|' /etc/etcd.env; systemctl start --no-block etcd
set -a; . /etc/etcd.env
until curl --http1.1 -sf -m 1 --cacert \$ETCD_PEER_TRUSTED_CA_FILE --cert \$ETCD_PEER_CERT_FILE --key \$ETCD_PEER_KEY_FILE https://$ip:2380/members | grep -q '$ip:2380\"\],\"isLearner\":true'; do sleep 0.05; done
systemctl restart --no-block etcd"
    until ctl "member promote $(printf '%x' "$id")" >/dev/null 2>&1; do sleep 0.1; done
done
voter=$(now)
for node in m1 m2; do
    on "$node" 'set -a; . /etc/etcd.env; until curl -sf -o /dev/null -m 1 --cacert $ETCDCTL_CACERT --cert $ETCDCTL_CERT --key $ETCDCTL_KEY https://127.0.0.1:2379/version; do sleep 0.03; done'
done
end=$(now)
echo "voter=$(echo "$voter $begun" | awk '{printf "%.3f", $1-$2}') port=$(echo "$end $begun" | awk '{printf "%.3f", $1-$2}')"
