# shellcheck shell=sh disable=SC2034
# Also where it runs: a stop that is still queued gives way to the start.
set -u
unit=$1
[ ! -e "$2" ] || { echo "etcd is fenced ($2): it would not start" >&2; exit 1; }
begin || exit 1
echo "done: its start was begun"
