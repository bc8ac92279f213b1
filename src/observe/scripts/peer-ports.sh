# shellcheck shell=sh disable=SC2016
# A TCP connection is enough: whatever then speaks there, something is up. bash's /dev/tcp needs no tool installed. A first
# packet that is lost is sent again after a second.
set -u
# Without them nothing could be tried, and no port would be known to be closed.
for tool in bash timeout; do command -v "$tool" >/dev/null || { echo "$tool is not installed" >&2; exit 1; }; done
for url in "$@"; do
  ( host=${url#*://}; port=${host##*:}; host=${host%:*}; host=${host#[}; host=${host%]}
    if timeout 1.2 bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "$host" "$port" 2>/dev/null
    then echo "open $url"; else echo "closed $url"; fi ) &
done
wait
