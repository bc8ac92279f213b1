# shellcheck shell=sh
# A removal whose answer was lost is refused the second time; the list tells that it happened.
set -u
id=$1; shift
# Promoted since the plan was made, it would be a voter: it is removed only where the list shows it as a learner. etcdctl's
# JSON has IDs in decimal digits, no braces within an entry, and says `isLearner` of learners only.
listed=$("$@" member list -w json) || exit 1
case $listed in *'"members":['*) ;; *) echo "the member list cannot be read: $listed" >&2; exit 1 ;; esac
entry=$(printf '%s' "$listed" | tr '{' '\n' | grep "\"ID\":$(printf %u "0x$id")[,}]")
case $entry in
'') printf '%s\n' "$listed"; exit 75 ;;
*'"isLearner":true'*) ;;
*) echo "member $id votes by now: it was not removed" >&2; exit 76 ;;
esac
"$@" member remove "$id" && exit 0
"$@" member list -w json && exit 75
exit 1
