# shellcheck shell=sh
# Also where it runs: a stop that is still queued gives way to the start.
set -u
[ ! -e "$2" ] || { echo "etcd is fenced ($2): it would not start" >&2; exit 1; }
systemctl reset-failed "$1.service" 2>/dev/null || true
systemctl start --no-block "$1.service" || exit 1
echo "done: its start was begun"
