# shellcheck shell=sh disable=SC2034,SC2154
# What was parked is put back where it starts by itself. Killed midway, it goes on where it was.
set -u
state=$1; shift
changed=no also=''
# A kubelet that has not done with the pod before starts the next one 10 to 15 s later (its `backOffPeriod`). It removes the
# directory at most 2 s after the pod has ended, and has done with it some tenths of a second after that.
await_gone() {
  has_pod && ! forgot "$marker" || return 0
  gone_until=$(($(date +%s) + 6))
  while has_pod && [ "$(date +%s)" -lt $gone_until ]; do sleep 0.05; done
  if ! has_pod || ! gone_pid=$(kubelet_pid); then sleep 0.4; return 0; fi
  if restart_kubelet "$gone_pid"; then also="; its kubelet, which had not given up the pod before, was restarted"
  else also="; its kubelet has not given up the pod before: restart it by hand if $name does not start"; fi
}
for word do
  part "$word"
  if by_kubelet; then
    if [ -e "$place" ]; then
      [ ! -e "$held" ] || cmp -s "$place" "$held" || {
        echo "$place is there already, and is not what was parked ($held): compare them, and move one of them away" >&2; exit 1; }
    else
      [ -s "$held" ] || { echo "$held is missing: there is no manifest to put back" >&2; exit 1; }
      until=$(($(date +%s) + 15))
      until kubelet_runs; do
        [ "$(date +%s)" -lt $until ] || { echo "no kubelet runs here, and nothing else starts $name: systemctl start kubelet" >&2; exit 1; }
        sleep 0.2
      done
      await_gone
      put_file "$held" "$place" || { echo "$place could not be written" >&2; exit 1; }
      changed=yes
    fi
    # The same text lies where it is run.
    rm -f "$held" "$marker"; sync "$state"
  else
    [ ! -e "$marker" ] || { rm -f "$marker"; sync "$state"; changed=yes; }
    systemctl reset-failed "$place.service" 2>/dev/null
    systemctl start --no-block "$place.service" || exit 1
  fi
done
if [ $changed = yes ]; then echo "done: put back$also"; else echo "found: it is not parked"; fi
