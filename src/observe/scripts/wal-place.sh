# shellcheck shell=sh
# Where the log lies that is not `member/wal` of the data directory: `wal-dir`, or what `member/wal` points to.
set -u
data=$1 dir=$2
if [ -n "$dir" ]; then [ ! -L "$dir" ] || echo symlink=yes
else
  echo linked=yes
  dir=$data/member/wal
  [ -e "$dir" ] || { echo "$dir is a symbolic link to $(readlink "$dir"), and nothing is there" >&2; exit 1; }
fi
# A directory that cannot be looked at is not one that is not there.
said=$(LC_ALL=C stat "$dir" 2>&1) || case $said in *"No such file"*) ;; *) printf '%s\n' "$said" >&2; exit 1 ;; esac
real=$(readlink -m "$dir") && data=$(readlink -m "$data") || exit 1
printf '%s\n' "path=$real" "data=$data"
if [ -d "$real" ]; then
  echo exists=yes
  for file in "$real"/*.wal; do [ ! -e "$file" ] || { echo holds_log=yes; break; }; done
  ! is_mount_point "$real" || echo mount_point=yes
fi
mounts | while read -r place; do
  [ "$place" != "$real" ] || echo mount_point=yes
  waits_over "$real" "$place"
done
for place in "$real" "${real%/*}"; do at=$(near "$place"); [ -w "$at" ] || echo "read_only=$at"; done
echo "free_bytes=$(df -P -B1 "$(near "$real")" | awk 'NR==2 {print $4}')"
exit 0
