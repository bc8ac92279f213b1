#!/bin/bash
# On a master: its etcd gets the data of /root/fill.db, as the cluster that its settings name.
set -eu
set -a
. /etc/etcd.env
set +a
tool=etcdutl
command -v etcdutl >/dev/null || tool=etcdctl
systemctl stop etcd
rm -rf /var/lib/etcd/member
$tool snapshot restore /root/fill.db --data-dir=/var/lib/etcd.filled --name="$ETCD_NAME" \
    --initial-cluster="$ETCD_INITIAL_CLUSTER" --initial-cluster-token="$ETCD_INITIAL_CLUSTER_TOKEN" \
    --initial-advertise-peer-urls="$ETCD_INITIAL_ADVERTISE_PEER_URLS" >/dev/null 2>&1
chown -R --reference=/var/lib/etcd /var/lib/etcd.filled
mv /var/lib/etcd.filled/member /var/lib/etcd/member
rm -r /root/fill.db /var/lib/etcd.filled
sync
systemctl start --no-block etcd
