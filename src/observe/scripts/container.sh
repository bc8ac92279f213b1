# shellcheck shell=sh disable=SC2034,SC2154
# As systemd would describe it. The program is the one in the running etcd's own root: it can be run from the master.
set -u
unit=$1 kept=$2
look LoadState ConditionResult || exit 1
ask_docker || exit 1
# docker may start it whatever its unit does.
case $MainPID-$ActiveState in 0-inactive | 0-failed) rests || ActiveState=activating ;; esac
printf '%s\n' "LoadState=$LoadState" "ActiveState=$ActiveState" "MainPID=$MainPID" "ConditionResult=$ConditionResult"
program=$kept/etcd
[ "$MainPID" = 0 ] || program=/proc/$MainPID/root$(readlink "/proc/$MainPID/exe")
[ ! -x "$program" ] || echo "ExecStart={ path=$program ; argv[]=$program ; }"
exit 0
