# shellcheck shell=sh
# Killed midway, it goes on where it was: what the run wrote is whole under its new name before its place is taken.
set -eu
path=$(readlink -f "$1") aside=$2 unused=$3
[ -e "$aside" ] || { sync "${path%/*}"; echo "found: the previous file is in its place"; exit 0; }
if [ ! -e "$unused" ] && [ -e "$path" ]; then
  cp -p "$path" "$unused.part"; sync "$unused.part"; mv -f "$unused.part" "$unused"
fi
mv -f "$aside" "$path"
sync "$path" "${path%/*}" "${aside%/*}"
echo "done: the previous file is in its place; what the run wrote is $unused"
