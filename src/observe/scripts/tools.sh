# shellcheck shell=sh
set -u
dir=${1%/*}
find_tool() { if [ -x "$dir/$1" ]; then echo "$dir/$1"; else command -v "$1" || true; fi; }
etcd=$(find_tool etcd); ctl=$(find_tool etcdctl); utl=$(find_tool etcdutl)
# A script around a container is not etcd: to ask its version starts one.
case $(head -c 2 "$etcd" 2>/dev/null) in '#!') echo "script=$etcd"; etcd= ;; esac
[ -n "$etcd" ] && echo "etcd=$("$etcd" --version 2>/dev/null | sed -n 's/^etcd Version: //p')"
[ -n "$ctl" ] && echo "etcdctl=$ctl"
restore=
if [ -n "$utl" ]; then restore=$utl
elif [ -n "$ctl" ]; then
  # From 3.6 it restores no more and answers --help all the same, with that of `snapshot`.
  case $("$ctl" snapshot restore --help 2>&1) in *--data-dir*) restore=$ctl;; esac
fi
if [ -n "$restore" ]; then
  echo "restore=$restore"
  case $("$restore" snapshot restore --help 2>&1) in *--bump-revision*) echo bumps=yes;; esac
fi
for tool in curl openssl; do command -v "$tool" >/dev/null && echo "$tool=yes"; done
for tool in bash systemctl stat sha256sum dd mv sync mktemp df timeout; do
  command -v "$tool" >/dev/null || echo "missing=$tool"
done
exit 0
