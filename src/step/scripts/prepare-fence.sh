# shellcheck shell=sh disable=SC2034,SC2154
set -eu
unit=$1 marker=$2 held_by=$3
if prepared "$marker" "$held_by"; then echo "found: it is ready to be fenced"; exit 0; fi
prepare "$marker" "$held_by"
prepared "$marker" "$held_by" || { echo "$held_by would take no effect: no fence" >&2; exit 1; }
echo "done: it is ready to be fenced by $held_by"
