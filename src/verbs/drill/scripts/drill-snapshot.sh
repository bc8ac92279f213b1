# shellcheck shell=sh
# What it saves holds every Secret of the cluster: it goes whatever happens. Without PIPE in the trap a lost connection would
# end the shell before that.
set -eu
state=$1; shift
umask 077
mkdir -p "$state"
dir=$(mktemp -d "$state/drill.XXXXXX"); trap 'rm -rf "$dir"' EXIT; trap 'exit 1' HUP INT TERM PIPE
"$@" snapshot save "$dir/db" >&2
cat "$dir/db"
