# shellcheck shell=sh disable=SC2034
# systemd's list of conditions is emptied by an empty assignment in a later file.
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
real=$(readlink -m "$dir" 2>/dev/null) && [ -n "$real" ] || real=$dir
for part in member member/wal member/snap; do
  at=$real/$part
  if [ -L "$at" ]; then echo "link=$part"
  elif [ -d "$at" ] && is_mount_point "$at"; then echo "mount=$part"
  fi
done
mounts | while read -r place; do
  for base in "$dir" "$real"; do
    case $place in
    "$base/member" | "$base/member/wal" | "$base/member/snap") echo "mount=${place#"$base"/}" ;;
    esac
    waits_over "$base" "$place"
  done
done
for place in "$real" "${real%/*}" "${env%/*}" "${drop_in%/*}" "$state"; do
  at=$(near "$place")
  [ -w "$at" ] || echo "read_only=$at"
done
[ ! -e "$env" ] || [ -w "$env" ] || echo "read_only=$env"
exit 0
