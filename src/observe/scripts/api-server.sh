# shellcheck shell=sh disable=SC2154
# The manifests of the control plane's static pods, where their kubelet finds them or where they are held, whether systemd has
# a unit for its API server, who parked which, which of its programs run, and whether the API server began less than a minute
# ago: its process, or where none runs yet the manifest in its place. One that began less than half a minute ago may refuse
# everybody.
set -eu
manifest=$1 state=$2
pod_folders
mentions() { [ -f "$1" ] && grep -Eq 'kube-(apiserver|controller-manager|scheduler)' "$1"; }
tell_small() { [ "$(stat -L -c %s "$2")" -le 65536 ] || { echo "$2 is larger than 64 KiB" >&2; exit 1; }; tell "$1" "$2"; }
if [ -n "$manifest" ] && [ -f "$manifest" ]; then tell_small manifest "$manifest"; fi
for folder in $folders; do
  for file in "$folder"/*; do
    # A name that begins with a dot is no pod.
    [ "$file" != "$manifest" ] || continue
    ! mentions "$file" || tell_small manifest "$file"
  done
done
for file in "$state"/held/*.yaml "$state"/held/*.yml "$state"/held/*.json "$state"/held/*.manifest; do
  ! mentions "$file" || tell_small held "$file"
done
said=
say() { said=$said$1'
'; }
for name in kube-apiserver kube-controller-manager kube-scheduler; do
  find_component "$name"
  [ -z "$pids" ] || say "runs=$name"
  marker=$state/parked-$name
  [ -e "$marker" ] || continue
  say "parked=$name $(head -c 300 "$marker" | head -n 1)"
  say "was=$name $(sed -n 's/^manifest=//p' "$marker" | head -n 1)"
done
find_component kube-apiserver
young='' begun='' manifests=''
for pid in $pids; do
  ticks=$(sed 's/^.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)
  read -r up _ </proc/uptime
  # The kernel tells them by the hundredth of a second, whatever its own clock.
  age=$((${up%%.*} - ${ticks:-0} / 100))
  # In a container whose uptime is its own that is no age.
  [ -z "$ticks" ] || [ $age -lt 0 ] || [ $age -ge 60 ] || young=yes
  [ -z "$ticks" ] || [ $age -lt 0 ] || [ $age -ge 30 ] || begun=yes
done
if [ -z "$pids" ]; then
  for folder in $folders; do manifests="$manifests $folder/*"; done
  for file in $manifests; do
    { [ -f "$file" ] && grep -q kube-apiserver "$file"; } || continue
    [ $(($(date +%s) - $(stat -L -c %Z "$file"))) -ge 60 ] || young=yes
  done
fi
[ -z "$young" ] || say young=yes
[ -z "$begun" ] || say just-begun=yes
# A file that a run has written has the one before it beside it.
written_before() { for earlier in "$1".retired-*; do [ ! -e "$earlier" ] || { say "rewritten=$1"; break; }; done; }
for unit in $3; do
  [ "$(systemctl show -p LoadState --value "$unit.service")" = loaded ] || continue
  say "unit=$unit"
  for file in $(systemctl show -p FragmentPath -p DropInPaths --value "$unit.service"); do written_before "$file"; done
done
for earlier in "$state"/held/*.retired-*; do [ ! -e "$earlier" ] || say "rewritten=${earlier%.retired-*}"; done
tell_text state - - "$said"
