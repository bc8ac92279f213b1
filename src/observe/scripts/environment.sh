# shellcheck shell=sh
set -u
[ -e "$1" ] || exit 0
head -c 100 "$1" || exit 1
