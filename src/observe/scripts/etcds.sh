# shellcheck shell=sh disable=SC2154
# Every etcd of this master, running or not: as a static pod, as a unit, or as something else that runs.
set -u
echo "host=$(uname -n)"
embedded
pod_folders
data_dir_in() { sed -n "s/.*--data-dir[= ]\([^\"'[:space:]]*\).*/\1/p" "$1" | head -n 1; }
is_pod() { [ -f "$1" ] && grep -q -- '--initial-cluster[= ]' "$1" && grep -q -- '--listen-peer-urls' "$1"; }
for folder in $folders; do
  for file in "$folder"/*.yaml "$folder"/*.yml "$folder"/*.manifest; do
    is_pod "$file" || continue
    printf 'pod=%s\t%s\n' "$file" "$(data_dir_in "$file")"
  done
done
for held in /var/lib/requorum/held/*.yaml; do
  is_pod "$held" || continue
  printf 'held=%s\t%s\n' "/etc/kubernetes/manifests/${held##*/}" "$(data_dir_in "$held")"
done
for at in /proc/[0-9]*; do
  { read -r name <"$at/comm"; } 2>/dev/null && [ "$name" = etcd ] || continue
  pid=${at#/proc/}
  unit=$(sed -n 's,.*/\([^/]*\)\.service$,\1,p' "$at/cgroup" 2>/dev/null | head -n 1)
  if [ -n "$unit" ] && [ "$(systemctl show -p MainPID --value "$unit.service" 2>/dev/null)" = "$pid" ]
  then echo "unit=$unit"
  else printf 'process=%s\t%s\n' "$pid" "$(tr '\0' ' ' <"$at/cmdline" 2>/dev/null | head -c 400)"
  fi
done
systemctl list-unit-files --no-legend --no-pager 'etcd*.service' 2>/dev/null |
  sed -n 's/^\([^[:space:]@]*\)\.service[[:space:]].*/unit_file=\1/p'
exit 0
