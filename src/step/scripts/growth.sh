# shellcheck shell=sh
# The snapshot that comes is a file in it, and so is the write-ahead log afterwards, which may lie elsewhere.
set -u
du -sk "$@" | awk '{ all += $1 } END { if (NR) print all }'
