# shellcheck shell=sh disable=SC2016
# A TCP connection is enough: whatever then speaks there, something is up. bash's /dev/tcp needs no tool installed. A first
# packet that is lost is sent again only after a second: a second try begins before that. Closed is only what was tried: a
# name is resolved first, since a resolver that does not answer would look like a port that does not.
set -u
export LC_ALL=C
# Without them nothing could be tried, and no port would be known to be closed.
for tool in bash timeout; do command -v "$tool" >/dev/null || { echo "$tool is not installed" >&2; exit 1; }; done
try() { timeout "$1" bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$2" "$3"; }
one() {
  (sleep 0.25; try 0.5 "$1" "$2") >/dev/null 2>&1 & second=$!
  why=$(try 0.75 "$1" "$2" 2>&1)
  case $?:$why in
    0:*) echo open ;;
    # Its own number, or a signal's from another timeout: the connection was neither taken nor refused.
    124:* | 143:*) if wait "$second"; then echo open; else echo closed; fi ;;
    *refused* | *'route to host'* | *unreachable* | *'timed out'* | *'reset by'*) echo closed ;;
    *) printf 'unknown %s\n' "$why" | head -n 1 ;;
  esac
}
addresses() {
  case $1 in
    *:*) echo "$1"; return ;;
    *[!0-9.]*) ;;
    *) echo "$1"; return ;;
  esac
  command -v getent >/dev/null || { echo "getent, which would resolve $1, is not installed"; return 1; }
  found=$(timeout 2 getent ahosts "$1")
  case $? in
    0) printf '%s\n' "$found" | cut -d' ' -f1 | sort -u ;;
    124 | 143) echo "$1 was not resolved within 2 s"; return 1 ;;
    *) echo "$1 cannot be resolved"; return 1 ;;
  esac
}
for url in "$@"; do
  ( host=${url#*://}; port=${host##*:}; host=${host%:*}; host=${host#[}; host=${host%]}
    if said=$(addresses "$host"); then said=$(for address in $said; do one "$address" "$port" & done; wait)
    else said="unknown $said"; fi
    says() { printf '%s\n' "$said" | grep -q "^$1"; }
    if says open; then echo "open $url"
    elif says closed && ! says unknown; then echo "closed $url"
    else echo "unknown $url $(printf '%s\n' "$said" | sed -n 's/^unknown //p' | head -n 1)"; fi ) &
done
wait
echo "asked $#"
