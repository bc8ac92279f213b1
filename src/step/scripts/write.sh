# shellcheck shell=sh
set -eu
if [ -n "${5-}" ] && [ ! -e "$1" ]; then
  # The same text at the place that counts before the package's: as long as nothing else is written, nothing is changed.
  mkdir -p "${1%/*}"
  cp -p "$5" "$1.part"; sync "$1.part"; mv -f "$1.part" "$1"
fi
path=$(readlink -f "$1") before=$2 after=$3 aside=$4
umask 077
sum() { sha256sum <"$1" | cut -d' ' -f1; }
new=$(mktemp "${path%/*}/.requorum.XXXXXX"); trap 'rm -f "$new"' EXIT
dd of="$new" bs=1M iflag=fullblock status=none
[ "$(sum "$new")" = "$after" ] || { echo "the text did not arrive whole" >&2; exit 1; }
now=$(sum "$path")
if [ "$now" = "$after" ]; then echo "found: it says so already"; exit 0; fi
[ "$now" = "$before" ] || { echo "$path is not the file that the plan was made for; nothing was changed" >&2; exit 1; }
n=; i=1; while [ -e "$aside$n" ]; do i=$((i + 1)); n=-$i; done
# `return-file.sh` puts back what has that name: it is whole before it has it.
cp -p "$path" "$aside$n.part"; sync "$aside$n.part"; mv -f "$aside$n.part" "$aside$n"
chmod --reference="$path" "$new"; chown --reference="$path" "$new"
if command -v chcon >/dev/null; then chcon --reference="$path" "$new" 2>/dev/null || true; fi
sync "$new"
mv -f "$new" "$path"; trap - EXIT; sync "${path%/*}"
echo "done: written; the previous file is $aside$n"
