# shellcheck shell=sh
set -eu
[ ! -e "$2" ] || { echo "it is fenced" >&2; exit 1; }
systemctl reset-failed "$1.service" 2>/dev/null || true
systemctl start --no-block "$1.service"
