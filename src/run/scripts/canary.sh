# shellcheck shell=sh disable=SC2154
# It ends when its standard input does: with the session, whatever became of the bastion. While writes fail, each is
# given four times what good ones took of late (at least 0.2 s) and the next follows at once: an attempt that is stuck
# must not hide the moment in which writes work again. The last good one alone tells too little: it is often slow
# because the outage has begun.
#
# What stands before this has `attempt NUMBER BEGUN MS WORD...`, one write, which sets `cluster` and `revision`, and `last WORD...`.
set -u
longest=$1 number=0 failed=0 stop='' took='' limit=$1; shift
trap 'stop=1' TERM
# Whoever listened may be gone; what is written is taken away all the same.
trap '' PIPE
exec 3<&0 </dev/null
( cat <&3 >/dev/null; kill -TERM $$ ) &
while [ -z "$stop" ]; do
  number=$((number + 1)); begun=$(date +%s%N)
  if attempt "$number" "$begun" "$limit" "$@"; then
    ended=$(date +%s%N) limit=$longest failed=0
    now=$(((ended - begun) / 1000000))
    took=$(((3 * ${took:-$now} + now) / 4))
    echo "ok $number $begun $ended $cluster $revision"
    sleep 0.05
  else
    echo "no $number $begun $(date +%s%N)"
    limit=$((${took:-$longest} * 4)) failed=$((failed + 1))
    if [ $limit -lt 200 ]; then limit=200; fi
    # A cluster that serves, and slower than before, must not be cut off for ever.
    if [ $limit -gt "$longest" ] || [ $failed -gt 300 ]; then limit=$longest; fi
  fi
done
last "$@"
