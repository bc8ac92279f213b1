# shellcheck shell=sh
# `mounts` prints where something is mounted at the next boot, whatever is mounted now: what fstab or a mount unit names.
mounts() {
  { awk '$1 !~ /^#/ && NF >= 3 && $3 != "swap" && $4 !~ /(^|,)noauto(,|$)/ { print $2 }' /etc/fstab
    sed -n 's/^Where=//p' /etc/systemd/system/*.mount; } 2>/dev/null |
  while read -r place; do place=${place%/}; [ -z "$place" ] || printf '%s\n' "$place"; done
}
mounted() { awk -v at="$1" '$5 == at { found = 1 } END { exit !found }' /proc/self/mountinfo; }
# What will cover a directory and does not yet.
waits_over() { case $1/ in "$2"/*) mounted "$2" || echo "unmounted=$2" ;; esac; }
near() { at=$1; while [ ! -d "$at" ]; do at=${at%/*}; [ -n "$at" ] || at=/; done; echo "$at"; }
# A bind mount from the same file system has the same device number.
is_mount_point() { [ "$(stat -c %d "$1")" != "$(stat -c %d "$1/..")" ] || mountpoint -q "$1" 2>/dev/null; }
