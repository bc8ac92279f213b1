# shellcheck shell=sh disable=SC2015,SC2154,SC2174
# A unit whose condition fails "starts" with exit 0 and does nothing, so its state is what counts. One whose start
# failed is started again at once; RestartSec would cost ten seconds.
set -u
unit=$1.service data=$2 marks=$3 onto=$4 marker=$5
# While a member joins, or has no quorum yet, a start takes as long as it takes: systemd would kill it after 90 s, over and
# over. Last by name, so that it counts; gone at the next boot.
patient=/run/systemd/system/$unit.d/zz-requorum-start.conf
be_patient() {
  [ "$TimeoutStartUSec" != infinity ] || return 0
  umask 022
  mkdir -p -m 755 "${patient%/*}" && printf '[Service]\nTimeoutStartSec=infinity\n' >"$patient" && systemctl daemon-reload
}
lift() { [ ! -e "$marker" ] || { rm -f "$marker" && sync "${marker%/*}"; } || exit 1; }
ask() { look "$unit" MainPID ActiveState ConditionResult ConditionTimestampMonotonic TimeoutStartUSec || exit 1; }
ask
if [ "$MainPID" != 0 ]; then lift; echo "found: it runs"; exit 0; fi
case $onto in
restored)
  [ -s "$marks/restored" ] && [ -d "$data/member" ] &&
    [ "$(cat "$marks/restored" 2>/dev/null)" = "$(stat -c %d:%i "$data/member" 2>/dev/null)" ] || {
    echo "$data is not what this run restored (no matching mark in $marks): not started" >&2; exit 1; } ;;
emptied)
  [ -e "$marks/retired" ] && [ -d "$data" ] && [ ! -e "$data/member" ] || {
    echo "$data is not the empty directory this run left: not started" >&2; exit 1; } ;;
esac
be_patient || { echo "systemd could not be told to wait for it ($patient)" >&2; exit 1; }
lift
tries=0 before=$ConditionTimestampMonotonic
systemctl start --no-block "$unit" || exit 1
while [ $tries -lt 200 ]; do
  tries=$((tries + 1))
  ask
  [ "$MainPID" != 0 ] && { echo "done: started as process $MainPID"; exit 0; }
  case $ActiveState in
  failed) systemctl reset-failed "$unit"; systemctl start --no-block "$unit" ;;
  # The answer of an earlier start, or of none, says nothing about this one.
  inactive) [ "$ConditionTimestampMonotonic" != "$before" ] && [ "$ConditionResult" = no ] && {
    echo "systemd did not start it: a condition is not met, and it is not the fence, which was lifted" >&2; exit 1; } ;;
  esac
  sleep 0.01
done
echo "it has no process 5 s after its start; it is $ActiveState" >&2
exit 1
