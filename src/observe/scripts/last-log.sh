# shellcheck shell=sh disable=SC2034
set -u
unit=$1
last_lines | cut -c1-2000
