# shellcheck shell=sh
# programs ETCD ETCDCTL ETCDUTL [DIR]: what these can do; an empty word stands for a program that is not there. They are told by
# their paths, or by those that they will have in DIR.
programs() {
  [ -n "$1" ] && echo "etcd=$("$1" --version 2>/dev/null | sed -n 's/^etcd Version: //p')"
  [ -n "$2" ] && echo "etcdctl=${4:-${2%/*}}/${2##*/}"
  restore=
  if [ -n "$3" ]; then restore=$3
  elif [ -n "$2" ]; then
    # From 3.6 it restores no more and answers --help all the same, with that of `snapshot`.
    case $("$2" snapshot restore --help 2>&1) in *--data-dir*) restore=$2;; esac
  fi
  if [ -n "$restore" ]; then
    echo "restore=${4:-${restore%/*}}/${restore##*/}"
    "$restore" version 2>/dev/null | sed -n 's/^etcd[a-z]* version: /restore_version=/p'
    case $("$restore" snapshot restore --help 2>&1) in *--bump-revision*) echo bumps=yes;; esac
  fi
}
# What else a run needs on the master.
others() {
  for tool in curl openssl; do command -v "$tool" >/dev/null && echo "$tool=yes"; done
  for tool in bash systemctl stat sha256sum dd mv sync mktemp df timeout; do
    command -v "$tool" >/dev/null || echo "missing=$tool"
  done
}
