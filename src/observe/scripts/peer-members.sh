# shellcheck shell=sh
set -u
get "$1/members" "$2" "$3" "$4" -i
