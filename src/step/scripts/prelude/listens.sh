# shellcheck shell=sh disable=SC2016
# `listens URL` is whether something takes a connection there. It asks for nothing: a
# client port may speak gRPC only (`ETCD_LISTEN_CLIENT_HTTP_URLS`), and an etcdctl that is refused waits a second.
listens() {
  at=${1#*://}; at=${at%%/*}; host=${at%:*}; host=${host#[}; host=${host%]}
  timeout 0.5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "$host" "${at##*:}" 2>/dev/null
}
