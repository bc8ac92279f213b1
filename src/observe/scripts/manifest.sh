# shellcheck shell=sh disable=SC2034,SC2154
# Where it lies now: held, or where the kubelet finds it.
set -eu
unit=$1
pod
[ -f "$manifest" ] || manifest=$held
owner=$(stat -L -c '%U %G %a' "$manifest")
text=$(cat "$manifest"; echo .)
printf '%s\t%s\n%s' "$owner" "$manifest" "${text%.}"
