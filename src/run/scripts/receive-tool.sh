# shellcheck shell=sh disable=SC2174
# A program gets its name once size and hash are right, and has its final mode from the start. The folder is root's alone.
set -eu
kept=$1 name=$2 bytes=$3 sha=$4
file=$kept/$name
umask 077
mkdir -p -m 700 "$kept"
[ -d "$kept" ] && [ ! -L "$kept" ] && [ "$(stat -c '%u %a' "$kept")" = '0 700' ] || {
  echo "$kept is not a folder that only root may use" >&2; exit 1; }
part=$(mktemp "$kept/.part.XXXXXX")
trap 'rm -f "$part"' EXIT; trap 'exit 1' HUP INT TERM PIPE
chmod 700 "$part"
dd of="$part" bs=1M iflag=fullblock conv=fsync status=none
[ "$(stat -c %s "$part")" = "$bytes" ] || { echo "only $(stat -c %s "$part") of $bytes bytes came" >&2; exit 1; }
sum=$(sha256sum <"$part")
[ "${sum%% *}" = "$sha" ] || { echo "the file that came has another SHA-256" >&2; exit 1; }
"$part" version >/dev/null 2>&1 || { echo "it does not run on this machine: is it made for another kind of processor?" >&2; exit 1; }
if cmp -s "$part" "$file"; then echo "found: it is there"; exit 0; fi
mv -f "$part" "$file"; sync "$kept"
echo "done: received $bytes bytes"
