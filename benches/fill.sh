#!/bin/bash
# On a master: writes so many megabytes through its etcd, in keys of 8 KB, 125 at a time.
set -eu
set -a
. /etc/etcd.env
set +a
for ((i = 0; i < $1; i++)); do
    value=$(head -c 6000 /dev/urandom | base64 -w0)
    { echo; for ((j = 0; j < 125; j++)); do echo "put filled/$i/$j $j$value"; done; echo; echo; } | etcdctl txn -i >/dev/null
done
etcdctl snapshot save /root/fill.db >/dev/null 2>&1
