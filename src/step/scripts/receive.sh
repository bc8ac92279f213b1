# shellcheck shell=sh
# Size and hash are checked before the file gets its name: the end of a dead bastion's stream looks like any other.
set -eu
marks=$1 file=$2 bytes=$3 sha=$4
umask 077
mkdir -p "$marks"
dd of="$file.part" bs=1M iflag=fullblock conv=fsync status=none
[ "$(stat -c %s "$file.part")" = "$bytes" ] || { echo "only $(stat -c %s "$file.part") of $bytes bytes came" >&2; exit 1; }
sum=$(sha256sum <"$file.part")
[ "${sum%% *}" = "$sha" ] || { echo "the file that came has another SHA-256" >&2; exit 1; }
mv -f "$file.part" "$file"; sync "$marks"
echo "done: received $bytes bytes"
