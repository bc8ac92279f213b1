# shellcheck shell=sh disable=SC2010,SC2012,SC2015,SC2034,SC2154,SC2174
# What a kubelet does for etcd as a static pod. `systemd.sh` has the same functions for a unit; `process.sh` and `held.sh` stand
# before this.
# The script that follows has the word for etcd in `unit`, here the manifest's path and the data directory.
#
# Whatever lies in the kubelet's folder is run, except for names that begin with a dot (kubelet, `config/file.go`). So a
# manifest whose pod must not run is held elsewhere, a reboot changes nothing about that, and it comes back by a rename.
pod() {
  manifest=${unit%% *} data_dir=${unit##* }
  held=/var/lib/requorum/held/${manifest##*/}
}
# `look` is asked for systemd's properties and knows those that the scripts use.
look() {
  pod
  ActiveState=inactive SubState='' User=root Group='' ConditionResult=yes ConditionTimestampMonotonic=0
  find_etcd
  if [ "$MainPID" != 0 ]; then
    if opened; then ActiveState=active; else ActiveState=activating; fi
  elif [ -e "$manifest" ]; then ActiveState=activating
  fi
}
# After `look`. What has ended and is not over may be started again.
ended() { [ "$ActiveState" = inactive ] && over; }
# Whether its kubelet has given the pod up. As long as it has not, it may start another etcd in the pod's namespaces, which
# outlive the first. One that is down finds no manifest when it comes back. A static pod's UID is a hash, without a hyphen;
# a pod of somebody's with a container `etcd` has another.
spaces=
over() {
  look
  [ "$MainPID" = 0 ] || return 1
  [ "$KubeletPID" != 0 ] || return 0
  if [ -n "$spaces" ]; then ! ls -l /proc/[0-9]*/ns/ipc 2>/dev/null | grep -qF "$spaces"
  else
    for at in /var/lib/kubelet/pods/*/containers/etcd; do
      case $at in /var/lib/kubelet/pods/*-*/*) ;; *) [ ! -e "$at" ] || return 1 ;; esac
    done
  fi
}
# So many seconds for its process, of which a kubelet needs one or two to see that a manifest is gone, and then as many as a
# busy kubelet takes to give up a pod. One that is down ends nothing.
await_over() {
  await_s=${1%.*}; [ "$await_s" -ge 5 ] || await_s=5
  waited=$await_s await_until=$(($(date +%s) + await_s)) asked=
  until over; do
    if [ "$MainPID" = 0 ]; then await_more=20; else await_more=0; fi
    [ "$(date +%s)" -lt $((await_until + await_more)) ] || {
      [ "$MainPID" != 0 ] || echo "its kubelet has not given its pod up, and may start another etcd" >&2
      return 1; }
    if [ "$MainPID" != 0 ] && [ "$KubeletPID" = 0 ] && [ "$asked" != "$MainPID" ]; then
      asked=$MainPID; kill -TERM "$MainPID"
    fi
    sleep 0.1
  done
}
# Ends it by holding its manifest, and fails where it has not ended after so many seconds.
end_within() {
  look
  if [ "$MainPID" != 0 ]; then
    spaces=$(readlink "/proc/$MainPID/ns/ipc")
    [ "$spaces" != "$(readlink /proc/1/ns/ipc)" ] || spaces=
  fi
  began=$(date +%s) ran=$MainPID
  rm -f "$held.ended"
  was_there=no; [ ! -e "$manifest" ] || was_there=yes
  hold_file "$manifest" "$held" || { echo "its manifest could not be moved to $held" >&2; return 1; }
  await_over "$1" || return 1
  if [ $was_there = yes ] && ! stays_over; then
    { await_over "$1" && stays_over; } || {
      echo "its kubelet starts it again and again, though its manifest is gone" >&2; return 1; }
  fi
  # The kubelet kills what has not ended after the pod's grace, 30 s.
  [ "$ran" = 0 ] || [ $(($(date +%s) - began)) -ge 25 ] || : >"$held.ended"
}
# A kubelet that waits for an API server, to delete or create the pod's mirror, goes on when the manifest is gone: it makes a
# container, and then ends it as one of a removed pod (seen: etcd ran from 0.3 s to 1.3 s after its manifest had gone).
stays_over() {
  for stays_tenth in 1 2 3 4 5 6 7 8 9 10; do
    [ "$KubeletPID" != 0 ] || return 0
    sleep 0.1
    over || return 1
  done
}
end_at_once() {
  look
  [ "$MainPID" = 0 ] || kill -KILL "$MainPID"
  await_over "$1"
}
ended_cleanly() { look; [ -e "$held.ended" ]; }
# A kubelet starts the next pod once the one before is gone, which takes it some seconds. Before that it tells the API server,
# twice where the manifest has changed; one that hangs, on the very etcd that is to be started, keeps it for 34 s each time.
start_limit=150
begin() {
  pod
  [ ! -e "$manifest" ] || return 0
  [ -s "$held" ] || { echo "$held is missing: there is no pod to start" >&2; return 1; }
  rm -f "$held.ended"
  put_file "$held" "$manifest"
}
# It counts a restart as a crash, and waits longer before each.
begin_again() { echo "done: a kubelet would wait after a restart as after a crash: it is left alone"; exit 0; }
refused() { false; }
# So many seconds are given it: one that has died is back after RestartSec, mostly 10 s.
a_kubelet_runs() {
  kubelet_until=$(($(date +%s) + $1))
  while look; [ "$KubeletPID" = 0 ]; do
    [ "$(date +%s)" -lt $kubelet_until ] || { echo "no kubelet runs here, and nothing else starts etcd: systemctl start kubelet" >&2; return 1; }
    sleep 0.2
  done
}
before_begin() { a_kubelet_runs 15; }
# Whether it is started whatever its marker says.
loose() { pod; [ -e "$manifest" ]; }
holds() { pod; [ -s "$2" ] && [ ! -e "$manifest" ]; }
make_hold() { end_within 5; }
prepared() { look; [ "$KubeletPID" != 0 ] && [ -d "${2%/*}" ]; }
prepare() ( a_kubelet_runs 5 || exit 1; umask 077; mkdir -p -m 700 "${2%/*}" )
policy() {
  look
  if [ -e "$manifest" ] || [ -e "$held" ]; then echo LoadState=loaded; else echo LoadState=not-found; fi
  echo "UnitFileState=$(systemctl is-enabled kubelet 2>/dev/null)"
  printf '%s\n' Restart=always RestartUSec=0 TimeoutStopUSec=30s Type=pod User=root "FragmentPath=$manifest" DropInPaths=
  for at in "${manifest%/*}"/*; do
    [ "$at" = "$manifest" ] || ! runs_on_the_data "$at" || echo "second=$at"
  done
}
# Whether a file in its folder is a manifest of another etcd on the same data: a copy that somebody kept beside it, say.
runs_on_the_data() {
  [ -f "$1" ] && grep -qs -e --listen-peer-urls -e --initial-cluster -e ETCD_LISTEN_PEER_URLS -e ETCD_INITIAL_CLUSTER "$1" &&
    tr -cs 'A-Za-z0-9_./-' '\n' <"$1" | grep -qxF -e "$data_dir" -e "$data_dir/"
}
# The runtime puts a time, the stream and a letter before each line.
# Shows the files of the image that the manifest names, in `image`, until the script ends; nothing is started. Where it cannot,
# `why` says so. What containerd has made for it goes by itself after a day, should the script be killed.
open_image() {
  at_manifest=$manifest; [ -e "$at_manifest" ] || at_manifest=$held
  named=$(sed -n 's/^[ -]*image: *//p' "$at_manifest" 2>/dev/null | tr -d "\"'")
  [ -n "$named" ] || { why="$at_manifest names no image"; return 1; }
  command -v ctr >/dev/null || { why="there is no ctr here to open the image $named with"; return 1; }
  image=$(mktemp -d /run/requorum-image.XXXXXX 2>&1) || { why=$image; return 1; }
  trap 'ctr -n k8s.io images unmount --rm "$image" >/dev/null 2>&1; rmdir "$image"' EXIT
  why=$(ctr -n k8s.io images mount "$named" "$image" 2>&1 >/dev/null)
}
in_image() {
  for in_at in "$image/usr/local/bin" "$image/usr/bin" "$image/bin"; do
    [ ! -x "$in_at/$1" ] || { echo "$in_at/$1"; return; }
  done
}
last_lines() {
  pod
  name=${manifest##*/}
  newest=$(ls -t /var/log/pods/*_"${name%.y*ml}"-*/*/*.log 2>/dev/null | head -n 1)
  [ -n "$newest" ] || { echo "its pod has no log in /var/log/pods"; return; }
  tail -n 40 "$newest" | cut -d ' ' -f 4-
}
