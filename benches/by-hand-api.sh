#!/bin/bash
# initiate-dr of a master with an API server by hand: what an operator would run as root on the survivor itself, straight
# through, for comparison. It says when etcd acknowledged a write; when the API server does, its clients tell.
set -eu
url=$1 name=$2 peer=$3
manifests=/etc/kubernetes/manifests
control_plane=(kube-apiserver kube-controller-manager kube-scheduler)
set -a
. /etc/etcd.env
set +a
mkdir -p /root/held
for program in "${control_plane[@]}"; do mv "$manifests/$program.yaml" /root/held; done
pkill -KILL -f '^kube-(apiserver|controller-manager|scheduler) '
etcdctl snapshot save /root/by-hand.db >/dev/null 2>&1
timeout 0.5 systemctl stop etcd || { systemctl kill -s KILL etcd; systemctl stop etcd; }
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
sed -i "s|--etcd-servers=.*|--etcd-servers=${peer%:*}:2379|" /root/held/kube-apiserver.yaml
until curl -sf -o /dev/null -m 1 --cacert "$ETCDCTL_CACERT" --cert "$ETCDCTL_CERT" --key "$ETCDCTL_KEY" "$url/version"; do sleep 0.03; done
etcdctl put by-hand done >/dev/null
echo "etcd=$(date +%s.%N)"
for program in "${control_plane[@]}"; do mv "/root/held/$program.yaml" "$manifests"; done
