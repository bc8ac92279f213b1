# shellcheck shell=sh
set -eu
path=$1 fork=$2 late=$3 kept=$4
# What says that no node is cordoned any more is true only once that is done.
[ "${5-uncordoned}" = uncordoned ] || { cat >/dev/null; echo "found: nodes may still be cordoned, as the record says"; exit 0; }
umask 077
mkdir -p "${path%/*}" "$kept"
sed "s/$late/$fork/" >"$path.new"
# A connection that is lost meanwhile ends the text early. A record has no braces within.
case $(tail -c 1 "$path.new") in '}') ;; *) rm -f "$path.new"; echo "the record did not arrive whole" >&2; exit 1 ;; esac
# What was recorded before is kept once: `undo` gives it back.
if [ -f "$path" ] && [ ! -e "$kept/cluster.json" ]; then
  cp -p "$path" "$kept/cluster.json.part"; sync "$kept/cluster.json.part"; mv -f "$kept/cluster.json.part" "$kept/cluster.json"
fi
sync "$path.new"; mv -f "$path.new" "$path"; sync "${path%/*}"
echo "done: recorded in $path"
