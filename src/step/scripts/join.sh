# shellcheck shell=sh
# When the answer to an add was lost the list tells whether it happened; error texts do not.
set -u
name=$1 urls=$2; shift 2
"$@" member add "$name" --learner "--peer-urls=$urls" -w json && exit 0
"$@" member list -w json && exit 75
exit 1
