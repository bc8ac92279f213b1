# shellcheck shell=sh
set -u
dir=${1%/*}
find_tool() { if [ -x "$dir/$1" ]; then echo "$dir/$1"; else command -v "$1" || true; fi; }
etcd=$(find_tool etcd)
# A script around a container is not etcd: to ask its version starts one.
case $(head -c 2 "$etcd" 2>/dev/null) in '#!') echo "script=$etcd"; etcd= ;; esac
programs "$etcd" "$(find_tool etcdctl)" "$(find_tool etcdutl)"
others
exit 0
