# shellcheck shell=sh
set -u
dir=${1%/*} kept=/var/lib/requorum/tools
find_tool() { if [ -x "$dir/$1" ]; then echo "$dir/$1"; else command -v "$1" || true; fi; }
etcd=$(find_tool etcd)
# A script around a container is not etcd: to ask its version starts one.
case $(head -c 2 "$etcd" 2>/dev/null) in '#!') echo "script=$etcd"; etcd= ;; esac
etcdctl=$(find_tool etcdctl) etcdutl=$(find_tool etcdutl)
# Those that were sent here are taken where its own are missing, or are of another minor version than etcd and these are not.
minor() { sed -n 's/^[a-zA-Z]* [Vv]ersion: \([0-9]*\.[0-9]*\)\..*/\1/p' | head -n 1; }
of() { [ -n "$1" ] && [ -x "$1" ] && "$1" version 2>/dev/null | minor; }
if [ "$dir" != "$kept" ] && [ -x "$kept/etcdctl" ]; then
  runs=; [ -z "$etcd" ] || runs=$("$etcd" --version 2>/dev/null | minor)
  restores=$etcdutl; case $restores$runs in 3.4 | 3.5) restores=$etcdctl ;; esac
  sent=$kept/etcdutl; [ -x "$sent" ] || sent=$kept/etcdctl
  if [ -z "$etcdctl" ] || [ -z "$restores" ] || {
    [ -n "$runs" ] && [ "$(of "$restores")" != "$runs" ] && [ "$(of "$sent")" = "$runs" ]; }
  then etcdctl=$kept/etcdctl etcdutl=; [ ! -x "$kept/etcdutl" ] || etcdutl=$kept/etcdutl
  fi
fi
programs "$etcd" "$etcdctl" "$etcdutl"
others
exit 0
