# shellcheck shell=sh
set -eu
state=$1; shift
umask 077
mkdir -p "$state"
dir=$(mktemp -d "$state/drill.XXXXXX"); trap 'rm -rf "$dir"' EXIT
"$@" snapshot save "$dir/db" >&2
cat "$dir/db"
