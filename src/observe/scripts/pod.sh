# shellcheck shell=sh disable=SC2034,SC2154
# As systemd would describe it. The program is the one in the running etcd's own root: it can be run from the master.
set -u
unit=$1 kept=$2
look
if [ -e "$manifest" ] || [ -e "$held" ]; then echo LoadState=loaded; else echo LoadState=not-found; fi
printf '%s\n' "ActiveState=$ActiveState" "MainPID=$MainPID" ConditionResult=yes
program=$kept/etcd
[ "$MainPID" = 0 ] || program=/proc/$MainPID/root$(readlink "/proc/$MainPID/exe")
{ [ ! -x "$program" ] && [ ! -x "$kept/etcdctl" ]; } || echo "ExecStart={ path=$program ; argv[]=$program ; }"
exit 0
