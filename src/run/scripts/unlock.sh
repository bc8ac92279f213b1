# shellcheck shell=sh disable=SC2015,SC2174
# The age is taken where the time was set, by one clock. A clock that was set back since makes it useless: then it counts
# that the time is still the one seen before. With `never` it only tells them.
set -eu
lock=$1 run=$2 keep=$3 unrenewed=$4 seen=$5
[ -d "$lock" ] || { echo none; exit 0; }
grep -q "\"run\":\"$run\"" "$lock/holder.json" || { cat "$lock/holder.json"; exit 75; }
set_at=$(stat -c %Y "$lock/holder.json"); age=$(($(date +%s) - set_at))
[ "$unrenewed" != never ] && { [ "$age" -ge "$unrenewed" ] || [ "$set_at" = "$seen" ]; } || { echo "$age $set_at"; exit 76; }
mkdir -p -m 700 "$keep"
rm -rf "$keep/lock"; mv -T "$lock" "$keep/lock"; sync "${lock%/*}"
echo released
