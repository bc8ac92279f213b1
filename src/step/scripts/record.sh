# shellcheck shell=sh
set -eu
path=$1 fork=$2 late=$3 kept=$4
umask 077
mkdir -p "${path%/*}" "$kept"
# What was recorded before is kept once: `undo` gives it back.
if [ -f "$path" ] && [ ! -e "$kept/cluster.json" ]; then cp -p "$path" "$kept/cluster.json"; sync "$kept/cluster.json"; fi
sed "s/$late/$fork/" >"$path.new"
sync "$path.new"; mv -f "$path.new" "$path"; sync "${path%/*}"
echo "done: recorded in $path"
