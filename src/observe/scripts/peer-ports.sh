# shellcheck shell=sh disable=SC2016
# A TCP connection is enough: whatever then speaks there, something is up. bash's /dev/tcp needs no tool installed. A first
# packet that is lost is sent again only after a second: a second try begins before that.
set -u
# Without them nothing could be tried, and no port would be known to be closed.
for tool in bash timeout; do command -v "$tool" >/dev/null || { echo "$tool is not installed" >&2; exit 1; }; done
try() { timeout "$1" bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "$host" "$port" 2>/dev/null; }
for url in "$@"; do
  ( host=${url#*://}; port=${host##*:}; host=${host%:*}; host=${host#[}; host=${host%]}
    (sleep 0.25; try 0.5) >/dev/null 2>&1 & second=$!
    # 124, or a signal's number: it neither took the connection nor refused it.
    if try 0.75 || { [ $? -ge 124 ] && wait "$second"; }; then echo "open $url"; else echo "closed $url"; fi ) &
done
wait
