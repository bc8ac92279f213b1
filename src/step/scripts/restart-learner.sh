# shellcheck shell=sh disable=SC2034
set -u
unit=$1 url=$2; shift 2
if listens "$url" && "$@" endpoint status >/dev/null 2>&1; then echo "found: its client port answers"; exit 0; fi
# --no-block also cancels the start job that still waits for the notification.
begin_again || exit 1
echo "done: learner restarted once"
