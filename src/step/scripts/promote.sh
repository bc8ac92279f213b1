# shellcheck shell=sh
# A promotion whose answer was lost is refused the second time; the list tells that it happened.
set -u
id=$1; shift
"$@" member promote "$id" && { echo promoted; exit 0; }
"$@" member list -w json && exit 75
exit 1
