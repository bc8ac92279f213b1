# shellcheck shell=sh disable=SC2174
# A manifest whose pod must not run lies where no kubelet looks. It is whole in each of the two places before it has its name
# there, also after a loss of power.
hold_file() ( # hold_file MANIFEST HELD
  [ -e "$1" ] || exit 0
  umask 077
  mkdir -p -m 700 "${2%/*}" || exit 1
  if [ -e "$2" ] && ! cmp -s "$1" "$2"; then
    n=1; while [ -e "$2.earlier-$n" ]; do n=$((n + 1)); done
    mv "$2" "$2.earlier-$n" || exit 1
  fi
  cp -p "$1" "$2.part" && sync "$2.part" && mv -f "$2.part" "$2" && sync "${2%/*}" || exit 1
  rm -f "$1" && sync "${1%/*}"
)
put_file() { # put_file HELD MANIFEST
  put_new=${2%/*}/.${2##*/}.requorum
  cp -p "$1" "$put_new" && sync "$put_new" && mv -f "$put_new" "$2" && sync "${2%/*}"
}
# A kubelet that has never had its pods from an API server, as after a boot without a quorum, gives up no pod whose manifest
# goes (its `sourcesReady`), and starts no other of that name before it has. One that is started anew has forgotten it, and
# leaves alone what runs. Only one that is a service of its own: another's unit (RKE2's, an engine's, a pod's) is not ours.
restart_kubelet() { # restart_kubelet PID
  restart_unit=$(sed -n 's|.*/\([^/]*\.service\)$|\1|p' "/proc/$1/cgroup" | head -n 1)
  [ -n "$restart_unit" ] && [ "$(systemctl show -p MainPID --value "$restart_unit")" = "$1" ] || return 1
  timeout 20 systemctl restart "$restart_unit"
}
