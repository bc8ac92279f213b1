# shellcheck shell=sh disable=SC2034,SC2154
# The control plane's programs as processes of this master. One in a pod of somebody's has a network of its own, and is not
# meant: a static pod of the control plane has the master's.
#
# `find_component NAME` sets `pids`. A process's name has fifteen characters at most.
host_net=$(readlink /proc/1/ns/net)
find_component() {
  pids=
  for component_at in /proc/[0-9]*; do
    { read -r component_name <"$component_at/comm"; } 2>/dev/null || continue
    case $1 in "$component_name"*) ;; *) continue ;; esac
    case $(readlink "$component_at/exe" 2>/dev/null) in */"$1" | */"$1 (deleted)") ;; *) continue ;; esac
    [ "$(readlink "$component_at/ns/net" 2>/dev/null)" = "$host_net" ] || continue
    pids="$pids ${component_at#/proc/}"
  done
  pids=${pids# }
}
kubelet_pid() {
  for component_at in /proc/[0-9]*; do
    { read -r component_name <"$component_at/comm"; } 2>/dev/null || continue
    [ "$component_name" != kubelet ] || { echo "${component_at#/proc/}"; return 0; }
  done
  return 1
}
kubelet_runs() { kubelet_pid >/dev/null; }
# A part of the control plane is told as NAME=PLACE: its program, and its manifest's path or its unit's name. After `part`,
# with `state` as the directory of requorum's own files:
part() {
  name=${1%%=*} place=${1#*=}
  marker=$state/parked-$name held=$state/held/${place##*/} drop_in=/etc/systemd/system/$place.service.d/50-requorum-park.conf
}
by_kubelet() { case $place in /*) true ;; *) false ;; esac; }
# Whether a kubelet has a directory of `name`'s static pod: one whose UID is a hash, without a hyphen.
has_pod() {
  for pod_at in /var/lib/kubelet/pods/*/containers/"$name"; do
    case $pod_at in /var/lib/kubelet/pods/*-*/*) ;; *) [ ! -e "$pod_at" ] || return 0 ;; esac
  done
  return 1
}
# `forgot FILE`: the kubelet began after the file was written, so that it has not seen what was gone by then.
forgot() {
  forgot_pid=$(kubelet_pid) || return 1
  forgot_ticks=$(sed 's/^.*) //' "/proc/$forgot_pid/stat" 2>/dev/null | cut -d ' ' -f 20)
  read -r forgot_up _ </proc/uptime
  [ -n "$forgot_ticks" ] && [ $((${forgot_up%%.*} - forgot_ticks / 100)) -ge 0 ] || return 1
  [ $(($(date +%s) - (${forgot_up%%.*} - forgot_ticks / 100))) -gt $(($(stat -c %Z "$1" 2>/dev/null || date +%s) + 1)) ]
}
