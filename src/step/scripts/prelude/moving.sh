# shellcheck shell=sh
# `moving SECONDS COMMAND...` runs what reads and writes a database, which takes as long as it
# takes. While it reads or writes, an empty line every other second says so; where it has not
# for so long, it is ended. A quarter of a megabyte counts: a client that only tries again and again reads some bytes too.
exec 3>&2
moving() {
  moving_still=$1; shift
  "$@" 3>&- &
  moving_pid=$!
  (
    exec >/dev/null 2>&1
    stood=0 was=0
    while sleep 2 3>&-; do
      now=0
      while read -r what bytes; do case $what in rchar:|wchar:) now=$((now + bytes)) ;; esac; done <"/proc/$moving_pid/io" || exit
      if [ $((now - was)) -ge 262144 ]; then stood=0 was=$now; echo >&3; else stood=$((stood + 2)); fi
      [ "$stood" -lt "$moving_still" ] || { kill -KILL "$moving_pid"; exit; }
    done
  ) &
  moving_seen=$!
  moving_ended=0
  wait "$moving_pid" || moving_ended=$?
  kill "$moving_seen" 2>/dev/null || :
  [ "$moving_ended" != 137 ] || { echo "$1 was killed: it neither read nor wrote for $moving_still s, or the kernel had no memory for it" >&3; exit 1; }
  return "$moving_ended"
}
