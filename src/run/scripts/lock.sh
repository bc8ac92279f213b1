# shellcheck shell=sh
# The lock is made whole beside its place and renamed into it, so that nobody ever sees it without its holder.
set -eu
lock=$1 run=$2
umask 077
[ -d "${lock%/*}" ] || mkdir -p "${lock%/*}"
new=$lock.$run
[ ! -e "$new" ] || rm -rf "$new"
mkdir "$new"; cat >"$new/holder.json"
# A connection that is lost meanwhile ends the text early: a lock without its holder could be given back by nobody.
case $(tail -c 1 "$new/holder.json") in '}') ;; *) rm -rf "$new"; echo "the holder did not arrive whole" >&2; exit 1 ;; esac
sync "$new/holder.json"
# Renaming onto a directory that is not empty fails, so this is as atomic as mkdir.
if mv -T "$new" "$lock" 2>/dev/null; then sync "${lock%/*}"; echo taken; exit 0; fi
# Its own, from a try whose answer was lost.
if grep -q "\"run\":\"$run\"" "$lock/holder.json" 2>/dev/null; then rm -rf "$new"; echo taken; exit 0; fi
rm -rf "$new"
cat "$lock/holder.json" 2>/dev/null || true
exit 75
