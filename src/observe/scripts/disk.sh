# shellcheck shell=sh
set -u
dir=$1 state=$2
# A directory that cannot be looked at is not one that is not there.
said=$(LC_ALL=C stat "$dir" 2>&1) || case $said in *"No such file"*) ;; *) printf '%s\n' "$said" >&2; exit 1 ;; esac
if [ -L "$dir" ]; then
  echo symlink=yes
  dir=$(readlink -m "$dir") || exit 1
  echo "real=$dir"
fi
if [ -d "$dir" ]; then
  echo exists=yes
  echo "owner=$(stat -c '%U %G %a' "$dir")"
  [ -d "$dir/member" ] && echo has_member=yes
  [ -L "$dir/member/wal" ] && echo wal_link=yes
  here=$(stat -c %d "$dir") above=$(stat -c %d "$dir/..")
  # A bind mount from the same file system has the same device number.
  if [ "$here" != "$above" ] || mountpoint -q "$dir" 2>/dev/null; then echo mount_point=yes; fi
  [ -f "$dir/member/snap/db" ] && echo "db_bytes=$(stat -c %s "$dir/member/snap/db")"
fi
near() { at=$1; while [ ! -d "$at" ]; do at=${at%/*}; [ -n "$at" ] || at=/; done; echo "$at"; }
echo "free_bytes=$(df -P -B1 "$(near "$dir")" | awk 'NR==2 {print $4}')"
echo "free_state_bytes=$(df -P -B1 "$(near "$state")" | awk 'NR==2 {print $4}')"
exit 0
