# shellcheck shell=sh
# The snapshot that comes is a file in it, and so is the write-ahead log afterwards.
set -u
du -sk "$1" | cut -f1
