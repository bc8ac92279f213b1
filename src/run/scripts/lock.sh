# shellcheck shell=sh
# The lock is made whole beside its place and renamed into it, so that nobody ever sees it without its holder.
set -eu
lock=$1 run=$2
umask 077
[ -d "${lock%/*}" ] || mkdir -p "${lock%/*}"
new=$lock.$run
[ ! -e "$new" ] || rm -rf "$new"
mkdir "$new"; cat >"$new/holder.json"; sync "$new/holder.json"
# Renaming onto a directory that is not empty fails, so this is as atomic as mkdir.
if mv -T "$new" "$lock" 2>/dev/null; then sync "${lock%/*}"; echo taken; exit 0; fi
rm -rf "$new"
cat "$lock/holder.json" 2>/dev/null || true
exit 75
