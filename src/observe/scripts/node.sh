# shellcheck shell=sh disable=SC2034
# What fstab or a mount unit names is mounted at the next boot, whatever is mounted now. systemd's list of conditions is
# emptied by an empty assignment in a later file.
set -u
dir=$1 unit=$2 env=$3 drop_in=$4 state=$5 properties=$6
said=$(policy "$properties") || exit 1
printf '%s\n' "$said"
case $said in *LoadState=not-found*)
  embedded
  pod=/etc/kubernetes/manifests/etcd.yaml
  [ ! -e "$pod" ] || echo "pod_at=$pod" ;;
esac
for file in $(printf '%s\n' "$said" | sed -n 's/^DropInPaths=//p'); do
  grep -qs '^Condition[A-Za-z]*=[[:space:]]*$' "$file" && echo "resets=$file"
done
for part in member member/wal member/snap; do
  at=$dir/$part
  if [ -L "$at" ]; then echo "link=$part"
  elif [ -d "$at" ]; then
    if [ "$(stat -c %d "$at")" != "$(stat -c %d "$at/..")" ] || mountpoint -q "$at" 2>/dev/null
    then echo "mount=$part"; fi
  fi
done
real=$(readlink -f "$dir" 2>/dev/null) && [ -n "$real" ] || real=$dir
mounted() { awk -v at="$1" '$5 == at { found = 1 } END { exit !found }' /proc/self/mountinfo; }
{ awk '$1 !~ /^#/ && NF >= 3 && $3 != "swap" && $4 !~ /(^|,)noauto(,|$)/ { print $2 }' /etc/fstab
  sed -n 's/^Where=//p' /etc/systemd/system/*.mount; } 2>/dev/null |
while read -r place; do
  place=${place%/}
  [ -n "$place" ] || continue
  for base in "$dir" "$real"; do
    case $place in
    "$base/member" | "$base/member/wal" | "$base/member/snap") echo "mount=${place#"$base"/}" ;;
    esac
    case $base/ in "$place"/*) mounted "$place" || echo "unmounted=$place" ;; esac
  done
done
near() { at=$1; while [ ! -d "$at" ]; do at=${at%/*}; [ -n "$at" ] || at=/; done; echo "$at"; }
for place in "$dir" "${dir%/*}" "${env%/*}" "${drop_in%/*}" "$state"; do
  at=$(near "$place")
  [ -w "$at" ] || echo "read_only=$at"
done
[ ! -e "$env" ] || [ -w "$env" ] || echo "read_only=$env"
exit 0
