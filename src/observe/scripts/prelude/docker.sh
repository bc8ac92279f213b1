# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# What docker does for etcd in a container that a unit starts by `docker run`. This stands after `systemd.sh` and `process.sh`,
# whose functions count where there is none here. The word for etcd, in `unit`, is the names of the unit and the container, and
# the data directory.
#
# etcd's process is in the container; the unit's own is docker's client, or a shell that runs it. docker starts a container
# again by itself: after a failure, and after the failure that a loss of power is, at boot and whatever condition the unit has.
# So a container that must not run has its restart policy taken back. The unit makes the next one, with a policy of its own.
look() {
  container=${unit#* } container=${container%% *} data_dir=${unit##* }
  show "$@" ActiveState SubState || return 1
  find_etcd
  if [ "$MainPID" != 0 ]; then
    # A start of the unit would remove the container that docker has started again.
    SubState=
    if opened; then ActiveState=active; else ActiveState=activating; fi
  elif [ "$ActiveState" = active ]; then ActiveState=activating
  fi
}
# What docker says of the container: Status (`gone` where there is none), ExitCode, Policy, and Files, where it is written down.
ask_docker() {
  docker_id=$(timeout 10 docker ps --all --quiet --no-trunc --filter "name=^/?$container\$") || {
    echo "docker does not answer: see systemctl status docker" >&2; return 1; }
  Status=gone ExitCode='' Policy=no Files=
  [ -n "$docker_id" ] || return 0
  docker_said=$(timeout 10 docker inspect --format \
    'Status={{.State.Status}} ExitCode={{.State.ExitCode}} Policy={{.HostConfig.RestartPolicy.Name}} Files={{.HostnamePath}}' "$docker_id") || {
    echo "docker does not tell of the container $container" >&2; return 1; }
  for docker_part in $docker_said; do
    case $docker_part in
    Status=*) Status=${docker_part#*=} ;; ExitCode=*) ExitCode=${docker_part#*=} ;;
    Policy=*) Policy=${docker_part#*=} ;; Files=/*) Files=${docker_part#*=} Files=${Files%/*} ;;
    esac
  done
}
# After `ask_docker`: nothing runs in it, and docker is not about to start it.
rests() { case $Status in gone | created | exited | dead) ;; *) return 1 ;; esac; }
left_alone() { case $Policy in no | '') ;; *) return 1 ;; esac; }
# docker starts it no more by itself, also not at boot.
leave_alone() {
  ask_docker || return 1
  left_alone || timeout 10 docker update --restart=no "$docker_id" >/dev/null || {
    echo "docker keeps the restart policy $Policy of the container $container" >&2; return 1; }
  [ ! -e "$Files/hostconfig.json" ] || sync "$Files/hostconfig.json" "$Files"
}
# After `look`. What has ended may be started by nobody but the unit, which is asked here too.
ended() {
  case $ActiveState in inactive | failed) [ "$MainPID" = 0 ] && ask_docker && rests && left_alone ;; *) return 1 ;; esac
}
# etcd itself is asked to end: `docker stop` would kill it after ten seconds.
end_within() {
  look && leave_alone || return 1
  if [ "$MainPID" != 0 ]; then
    kill -TERM "$MainPID"
    # shellcheck disable=SC2016 # expanded by the shell that waits
    timeout "$1" sh -c 'while [ -e "/proc/$1" ]; do sleep 0.02; done' sh "$MainPID" || {
      systemctl stop --no-block "${unit%% *}.service"; return 1; }
  fi
  end_unit 20
}
end_at_once() {
  look || return 1
  [ "$MainPID" = 0 ] || kill -KILL "$MainPID"
  end_unit "$1"
}
# Ends the unit, and whatever else is in the container.
end_unit() {
  timeout "$1" systemctl stop "${unit%% *}.service" || return 1
  end_until=$(($(date +%s) + ${1%.*}))
  until ask_docker && rests; do
    case $Status in running | paused) timeout 10 docker kill "$docker_id" >/dev/null 2>&1 ;; esac
    [ "$(date +%s)" -lt "$end_until" ] || { echo "the container $container is still $Status" >&2; return 1; }
    sleep 0.1
  done
}
# What the unit's own process ended with tells nothing: systemd ends it while the container does.
ended_cleanly() { look && ask_docker && [ "$Status" = exited ] && [ "$ExitCode" = 0 ]; }
# The client asks docker to make a container, and its image may be read for the first time since the boot.
start_limit=30
before_begin() {
  look TimeoutStartUSec && ask_docker || return 1
  [ "$TimeoutStartUSec" != infinity ] || return 0
  { patient || put "$patient" "$wait"; } && systemctl daemon-reload || {
    echo "systemd could not be told to wait for it ($patient)" >&2; return 1; }
}
holds() { look && condition_holds "$1" "$2" && ask_docker && left_alone; }
make_hold() { look && leave_alone && make_condition "$1" "$2"; }
# Finds the files of the image that the container was made of: its layers, the topmost first, as overlay2 keeps them. Nothing is
# started, mounted or copied. Where it cannot, `why` says so.
open_image() {
  why='docker does not answer'
  ask_docker || return 1
  [ -n "$docker_id" ] || { why="the container $container is gone, and names no image any more"; return 1; }
  image=$(timeout 10 docker inspect --format '{{.GraphDriver.Data.LowerDir}}' "$docker_id" 2>/dev/null)
  case $image in /*) ;; *) why="docker does not keep the image of $container in the layers of overlay2"; return 1 ;; esac
}
in_image() {
  in_rest=$image:
  while [ -n "$in_rest" ]; do
    in_layer=${in_rest%%:*} in_rest=${in_rest#*:}
    for in_at in "$in_layer/usr/local/bin" "$in_layer/usr/bin" "$in_layer/bin"; do
      # A link leads to the master's own files from here.
      [ -L "$in_at" ] || [ -L "$in_at/$1" ] || [ ! -x "$in_at/$1" ] || { echo "$in_at/$1"; return; }
    done
  done
}
last_lines() {
  look
  docker logs --tail 40 "$container" 2>&1 || journalctl -u "${unit%% *}.service" -n 40 --no-pager -o cat
}
