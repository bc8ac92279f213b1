# shellcheck shell=sh disable=SC2154
# `timeout` ends systemctl, not the job: the stop stays queued, so that the killed service is not restarted.
set -u
unit=$1.service grace=$2 force=$3 limit=$4
ask() { look "$unit" MainPID ActiveState || exit 1; }
ask
if [ "$MainPID" = 0 ]; then case $ActiveState in inactive|failed) echo "found: it was not running"; exit 0;; esac; fi
how=gracefully
if ! timeout "$grace" systemctl stop "$unit"; then
  if [ "$force" = no ]; then echo "it did not end within $grace s and must end cleanly here" >&2; exit 1; fi
  how="by force after $grace s"
  systemctl kill -s KILL "$unit"
  timeout "$limit" systemctl stop "$unit"
fi
ask
case $ActiveState in inactive|failed) [ "$MainPID" = 0 ] && { echo "done: ended $how"; exit 0; };; esac
echo "it is $ActiveState with process $MainPID after the stop" >&2
exit 1
