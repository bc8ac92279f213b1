# shellcheck shell=sh disable=SC2034
set -eu
unit=$1
[ ! -e "$2" ] || { echo "it is fenced" >&2; exit 1; }
begin
