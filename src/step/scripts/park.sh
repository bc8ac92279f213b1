# shellcheck shell=sh disable=SC2010,SC2034,SC2154,SC2174
# Whatever could start them again goes first; then they are ended at once. Without a quorum an API server serves nothing and
# takes twenty seconds to end by itself.
set -u
state=$1 reason=$2; shift 2
parked() {
  [ -e "$marker" ] || return 1
  if by_kubelet; then [ ! -e "$place" ] && [ -s "$held" ]; else unit=$place; condition_holds "$marker" "$drop_in"; fi
}
mark() (
  umask 022
  [ -d "$state" ] || mkdir -m 700 "$state" || exit 1
  { printf '%s\n' "$reason"; ! by_kubelet || printf 'manifest=%s\n' "$place"; } >"$marker.part" &&
    mv -f "$marker.part" "$marker" && sync "$marker" "$state"
)
hold() {
  [ -e "$marker" ] || mark || return 1
  if by_kubelet; then hold_file "$place" "$held"
  else unit=$place; make_condition "$marker" "$drop_in" && sync "$drop_in"; fi
}
# A pod has ended once its kubelet has given it up: until then it may start the program once more, in the sandbox that is
# there, which is told by the namespace that its processes share.
own=$(readlink /proc/1/ns/ipc) spaces=''
remember() {
  for pid in $pids; do
    space=$(readlink "/proc/$pid/ns/ipc") || continue
    case $space in "$own" | '') ;; *) case $spaces in *"$space"*) ;; *) spaces="$spaces${spaces:+
}$space" ;; esac ;; esac
  done
}
left() {
  [ -n "$spaces" ] && kubelet_runs && ls -l /proc/[0-9]*/ns/ipc 2>/dev/null | grep -qF "$spaces"
}
# One that had died, and waits in its kubelet's back-off, shows no namespace, but has a directory.
waits() { by_kubelet && has_pod; }
# Looked at before the first manifest goes: its kubelet ends what it can at once.
found=yes died=''
for word do
  part "$word"
  find_component "$name"
  parked && [ -z "$pids" ] || found=no
  if [ -n "$pids" ]; then remember; elif waits; then died="$died $word"; fi
done
[ $found = no ] || { echo "found: parked before"; exit 0; }
for word do
  part "$word"
  hold || { echo "$name could not be kept from starting ($place)" >&2; exit 1; }
  if ! by_kubelet; then
    systemctl kill -s KILL "$place.service" 2>/dev/null
    timeout 10 systemctl stop "$place.service" || { echo "$place does not stop" >&2; exit 1; }
  fi
done
end=$(($(date +%s) + 30)) seen=$(date +%s) tried='' anew='' turn=0
while :; do
  busy=
  for word do
    part "$word"; find_component "$name"
    [ -n "$pids" ] || continue
    busy=$name seen=$(date +%s)
    # A kubelet that was started anew clears away no sandbox of before.
    [ -n "$anew" ] || remember
    # One that its kubelet is about to end is left to it for a moment: of one that it finds ended by itself it clears the
    # sandbox away only after its next look, up to a second later.
    [ $turn -ge 4 ] || ! by_kubelet || ! kubelet_runs || continue
    # shellcheck disable=SC2086 # words are wanted
    kill -KILL $pids 2>/dev/null
  done
  turn=$((turn + 1))
  for word in $died; do
    part "$word"
    ! waits || ! kubelet_runs || busy=$name
  done
  [ -n "$busy" ] || ! left || busy="their kubelet has not given up a pod of theirs"
  [ -n "$busy" ] || break
  # The last means: one that is merely slow gives them up within 25 s, and after a restart it needs its API server again.
  if [ -z "$tried" ] && [ $(($(date +%s) - seen)) -ge 25 ] && kubelet=$(kubelet_pid); then
    tried=yes
    if restart_kubelet "$kubelet"; then
      anew=yes spaces='' died='' end=$(($(date +%s) + 30))
      continue
    fi
  fi
  [ "$(date +%s)" -lt "$end" ] || { echo "not ended after 30 s: $busy; restart the kubelet here by hand, then try again" >&2; exit 1; }
  sleep 0.05
done
if [ -n "$anew" ]; then echo "done: parked; their kubelet, which had not given up a pod of theirs after 25 s, was restarted"; else echo "done: parked"; fi
