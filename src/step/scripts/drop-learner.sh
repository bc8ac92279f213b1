# shellcheck shell=sh
# A removal whose answer was lost is refused the second time; the list tells that it happened.
set -u
id=$1; shift
# Promoted since the plan was made, it would be a voter. The list's last word says whether it is a learner.
case $("$@" member list 2>/dev/null | grep "^$id, ") in
""|*", true") ;;
*) echo "member $id votes by now: it was not removed" >&2; exit 76 ;;
esac
"$@" member remove "$id" && exit 0
"$@" member list -w json && exit 75
exit 1
