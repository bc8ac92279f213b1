# shellcheck shell=sh disable=SC2015,SC2034,SC2154,SC2174
# What systemd does for etcd. `kubelet.sh` has the same functions for a static pod; `docker.sh`, which stands after this file,
# has those that are different for a container. The script that follows has the word for etcd in `unit`: its first part is the
# unit's name, and here it has no other.
#
# `look PROPERTY...` asks systemd once, for each call costs a hundredth of a second, and makes a variable of each property;
# it fails where systemd does not answer.
look() { show "$@"; }
show() {
  look_said=$(IFS=,; systemctl show -p "$*" "${unit%% *}.service") || return 1
  while IFS='=' read -r look_key look_value; do
    case $look_key in ''|*[!A-Za-z]*) ;; *) eval "$look_key=\$look_value" ;; esac
  done <<END
$look_said
END
}
# After `look MainPID ActiveState`: nothing runs, and nothing is about to.
ended() { case $ActiveState in inactive|failed) [ "$MainPID" = 0 ] ;; *) return 1 ;; esac; }
# Ends it, and fails where it has not ended after so many seconds. `timeout` ends systemctl, not the job: the stop stays
# queued, so that the killed service is not restarted.
end_within() { timeout "$1" systemctl stop "${unit%% *}.service"; }
end_at_once() { systemctl kill -s KILL "${unit%% *}.service"; timeout "$1" systemctl stop "${unit%% *}.service"; }
# Whether the end that it had was its own and orderly.
ended_cleanly() {
  look ExecMainExitTimestampMonotonic Result && [ "$ExecMainExitTimestampMonotonic" != 0 ] && [ "$Result" = success ]
}
# Begins a start, and does not wait for it. One that failed is started again at once; RestartSec would cost ten seconds.
start_limit=5
begin() { systemctl reset-failed "${unit%% *}.service" 2>/dev/null || :; systemctl start --no-block "${unit%% *}.service"; }
again='restarted once, '
begin_again() { systemctl restart --no-block "${unit%% *}.service"; }
# After `look MainPID ActiveState ConditionResult ConditionTimestampMonotonic`: whether this start was refused. The answer of
# an earlier start, or of none, says nothing about this one: `$1` is the time of the one before.
refused() {
  [ "$ActiveState" = inactive ] && [ "$ConditionTimestampMonotonic" != "$1" ] && [ "$ConditionResult" = no ]
}
# While a member joins, or has no quorum yet, a start takes as long as it takes: systemd would kill it after 90 s, over and
# over. Last by name, so that it counts; gone at the next boot.
patient() {
  patient=/run/systemd/system/${unit%% *}.service.d/zz-requorum-start.conf
  wait="[Service]
TimeoutStartSec=infinity"
  [ "$(cat "$patient" 2>/dev/null)" = "$wait" ]
}
before_begin() {
  look TimeoutStartUSec || return 1
  [ "$TimeoutStartUSec" != infinity ] || return 0
  { patient || put "$patient" "$wait"; } && systemctl daemon-reload || {
    echo "systemd could not be told to wait for it ($patient)" >&2; return 1; }
}
# Whether it is started whatever its marker says: `holds` has looked that it is not.
loose() { false; }
put() (
  umask 022
  mkdir -p -m 755 "${1%/*}" && printf '%s\n' "$2" >"$1.$$" && mv -f "$1.$$" "$1"
)
# Whether a marker `$1` keeps it from starting by the drop-in `$2`.
holds() { condition_holds "$1" "$2"; }
make_hold() { make_condition "$1" "$2"; }
# Whether it keeps the unit from starting. What systemd has read counts, not what lies on the disk.
condition_holds() {
  hold="[Unit]
ConditionPathExists=!$1"
  [ "$(cat "$2" 2>/dev/null)" = "$hold" ] || return 1
  show NeedDaemonReload DropInPaths || return 1
  [ "$NeedDaemonReload" = no ] || return 1
  case " $DropInPaths " in *" $2 "*) return 0;; esac; return 1
}
make_condition() {
  condition_holds "$1" "$2" || [ "$(cat "$2" 2>/dev/null)" = "$hold" ] || put "$2" "$hold" || return 1
  systemctl daemon-reload
}
# Nothing of it counts before `fence` has seen it and synced it.
prepared() { condition_holds "$1" "$2" && patient; }
prepare() { patient || put "$patient" "$wait" || return 1; make_condition "$1" "$2"; }
# What systemd does with it by itself, by the named properties.
policy() { systemctl show "--property=$1" "${unit%% *}.service"; }
# Its last lines; systemd's own are among them: a file that it could not read, a start that took too long.
last_lines() { journalctl -u "${unit%% *}.service" -n 40 --no-pager -o cat; }
