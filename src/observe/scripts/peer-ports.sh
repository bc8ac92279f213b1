# shellcheck shell=sh disable=SC2016
# A TCP connection is enough: whatever then speaks there, something is up. bash's /dev/tcp needs no tool installed. A first
# packet that is lost is sent again only after a second: whoever has said nothing after a quarter of one is tried a second
# time. One process tries one port, and starts no program: on a large cluster there are many. Closed is only what was tried: a
# name is resolved first, since a resolver that does not answer would look like a port that does not.
set -u
export LC_ALL=C
# Without them nothing could be tried, and no port would be known to be closed.
for tool in bash timeout; do command -v "$tool" >/dev/null || { echo "$tool is not installed" >&2; exit 1; }; done
nl='
'
resolve() { # resolve URL NAME PORT: a line for each address, or why there is none
  command -v getent >/dev/null || { echo "$1 - getent, which would resolve $2, is not installed"; return; }
  found=$(timeout 2 getent ahosts "$2")
  case $? in
    0) printf '%s\n' "$found" | cut -d' ' -f1 | sort -u | while read -r address; do echo "$1 $address/$3"; done ;;
    124 | 143) echo "$1 - $2 was not resolved within 2 s" ;;
    *) echo "$1 - $2 cannot be resolved" ;;
  esac
}
places=$(for url do
  host=${url#*://} port=${url##*:}; host=${host%:*} host=${host#[}; host=${host%]}
  case $host in
    *:*) echo "$url $host/$port" ;;
    *[!0-9.]*) resolve "$url" "$host" "$port" & ;;
    *) echo "$url $host/$port" ;;
  esac
done; wait)
set -f
tried=$(printf '%s\n' "$places" | while read -r _ place _; do [ "$place" = - ] || echo "$place"; done)
count=$(printf '%s\n' "$tried" | wc -l)
# To begin them takes a moment each.
limit=$((750 + 10 * count))
limit=$((limit / 1000)).$(printf %03d $((limit % 1000)))
# shellcheck disable=SC2086 # an address and a port have no blanks
said=$([ -z "$tried" ] || timeout "$limit" bash -c '
  # What bash complains of names the place too.
  try() { for place; do { exec 4<>"/dev/tcp/$place" && echo "open $place"; } >&3 2>&3 & done; }
  # Takes what comes until all have answered, or nothing has come for so long.
  hear() {
    while [ ${#left[@]} -gt 0 ] && read -r "$@" -u 3 line; do
      case $line in
        "open "*) place=${line#open } is=open ;;
        *": /dev/tcp/"*": "*) line=${line#*: /dev/tcp/}; place=${line%%: *} is="unknown"; why=${line#*: }
          case $why in *refused* | *"route to host"* | *unreachable* | *"timed out"* | *"reset by"*) is=closed ;; esac ;;
        *) continue ;;
      esac
      case $is in
        open) echo "open $place" ;;
        unknown) echo "unknown $place $why" ;;
      esac
      for at in "${!left[@]}"; do [ "${left[at]}" != "$place" ] || unset "left[at]"; done
    done
  }
  exec 3<> <(:) || exit
  left=("$@"); try "$@"; echo tried
  hear -t 0.25
  try "${left[@]}"
  hear
' _ $tried)
said=$nl$said$nl
case $tried$said in
  "$nl$nl" | *"${nl}tried$nl"*) ;;
  *) echo "the machine did not begin to try them within $limit s" >&2; exit 1 ;;
esac
open=$nl unknown=$nl
while read -r url place why; do
  case $place$said in
    -*) unknown=$unknown$url\ $why$nl ;;
    *"${nl}open $place$nl"*) open=$open$url$nl ;;
    *"${nl}unknown $place "*) why=${said#*"${nl}unknown $place "}; unknown=$unknown$url\ ${why%%"$nl"*}$nl ;;
  esac
done <<END
$places
END
for url in "$@"; do
  case $open in *"$nl$url$nl"*) echo "open $url"; continue ;; esac
  case $unknown in
    *"$nl$url "*) why=${unknown#*"$nl$url "}; echo "unknown $url ${why%%"$nl"*}" ;;
    *) echo "closed $url" ;;
  esac
done
echo "asked $#"
