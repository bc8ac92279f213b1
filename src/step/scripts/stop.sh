# shellcheck shell=sh disable=SC2034,SC2154
set -u
unit=$1 grace=$2 force=$3 limit=$4
ask() { look MainPID ActiveState || exit 1; }
ask
if ended; then echo "found: it was not running"; exit 0; fi
how=gracefully
if ! end_within "$grace"; then
  if [ "$force" = no ]; then echo "it did not end within $grace s and must end cleanly here" >&2; exit 1; fi
  how="by force after ${waited:-$grace} s"
  end_at_once "$limit"
fi
ask
ended && { echo "done: ended $how"; exit 0; }
echo "it is $ActiveState with process $MainPID after the stop" >&2
exit 1
