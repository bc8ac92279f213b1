# shellcheck shell=sh disable=SC2034,SC2154
# What the running etcd was started with, and where the data is that it has open. Of its words and variables only those that
# are compared are told: others may be secrets.
set -u
unit=$1 data=$2
those='name data-dir wal-dir config-file listen-peer-urls listen-client-urls advertise-client-urls initial-advertise-peer-urls'
# A pod has paths of its own: what it has open is told by the master's path, where that is the same file.
told() {
  fd=${2%% *} path=${2#* }
  [ -n "$fd" ] || return 0
  if [ "$at/fd/$fd" -ef "$path" ]; then path=$(readlink -m "$path"); else path="$path (which is not there now)"; fi
  case $path in *.wal) path=${path%/*} ;; esac
  echo "$1=$path"
}
one() { printf '%s\n' "$open" | sed -n 's|^.* \([0-9][0-9]*\) -> \(/.*'"$1"'\)$|\1 \2|p' | tail -n 1; }
read_process() {
  program=$(readlink "$at/exe") && words=$(tr '\0\n' '\n ' <"$at/cmdline") &&
    variables=$(tr '\0\n' '\n ' <"$at/environ") || return 1
  # A connection that ends meanwhile is an error to `ls`, and one of thousands.
  open=$(ls -l "$at/fd" 2>/dev/null)
  [ -n "$open" ] || return 1
  files=$(
    told open_db "$(one '/member/snap/db')"
    told open_wal "$(one '\.wal')"
    told open_db "$(one '/member/snap/db (deleted)')"
    told open_wal "$(one '\.wal (deleted)')"
  )
  # Of one that has ended meanwhile no file is there any more.
  [ -e "$at/exe" ]
}
real=$(readlink -m "$data") || exit 1
# One that ends meanwhile is another, or none, a moment later: systemd starts one again that has no quorum, over and over.
for try in 1 2 3 4 5; do
  look MainPID || exit 1
  [ "$MainPID" != 0 ] || { echo pid=0; exit 0; }
  at=/proc/$MainPID
  if read_process; then break; fi
  [ "$try" != 5 ] && [ ! -e "$at/exe" ] || { echo "process $MainPID cannot be looked at, or ends again and again" >&2; exit 1; }
  sleep 0.1
done
printf '%s\n' "pid=$MainPID" "program=$program" "data=$real"
printf '%s\n' "$words" | awk -v told=" $those " '
  NR == 1 { next }
  name != "" { print "flag=" name "=" $0; name = ""; next }
  /^--?[a-z]/ {
    sub(/^--?/, ""); at = index($0, "="); flag = at ? substr($0, 1, at - 1) : $0
    if (!index(told, " " flag " ")) next
    if (at) print "flag=" $0; else name = flag
  }'
printf '%s\n' "$variables" | awk -v told=" $those " '
  /^ETCD_[A-Z_]+=/ {
    at = index($0, "="); flag = tolower(substr($0, 6, at - 6)); gsub("_", "-", flag)
    if (index(told, " " flag " ")) print "variable=" flag "=" substr($0, at + 1)
  }'
[ -z "$files" ] || printf '%s\n' "$files"
exit 0
