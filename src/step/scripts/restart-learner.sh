# shellcheck shell=sh
set -u
unit=$1.service url=$2; shift 2
if listens "$url" && "$@" endpoint status >/dev/null 2>&1; then echo "found: its client port answers"; exit 0; fi
# --no-block also cancels the start job that still waits for the notification.
systemctl restart --no-block "$unit" || exit 1
echo "done: learner restarted once"
