# shellcheck shell=sh disable=SC2016
# The timer comes first: whatever happens after it, the ports open again. Under a fence they may stay closed; when the
# fence goes, the next round opens them. It ends once the list of tables is there and lacks the table.
set -eu
name=$1 after=$2 marker=$3 ports=$4; shift 4
command -v nft >/dev/null || { echo "nft is not installed" >&2; exit 1; }
if nft list table inet "$name" >/dev/null 2>&1; then echo "found: closed by an earlier drill"; exit 75; fi
four='' six=''
for host; do
  for address in $(getent ahosts "$host" | cut -d' ' -f1 | sort -u); do
    case $address in *:*) six=$six$address, ;; *) four=$four$address, ;; esac
  done
done
[ -n "$four$six" ] || { echo "no address is known of $*" >&2; exit 1; }
systemctl reset-failed "$name.timer" "$name.service" 2>/dev/null || true
systemd-run --quiet --collect --unit="$name" --on-active="$after" --on-unit-active=10 --timer-property=AccuracySec=1s \
  sh -c '[ ! -e "$1" ] || exit 0; nft delete table inet "$2"; left=$(nft list tables) || exit 1
    case "$left " in *"inet $2"[[:space:]]*) exit 1 ;; esac; systemctl stop "$2.timer"' sh "$marker" "$name"
{
  echo "table inet $name {"
  for way in input:saddr output:daddr; do
    echo "chain ${way%:*} { type filter hook ${way%:*} priority -300; policy accept;"
    for family in "ip:$four" "ip6:$six"; do
      [ -n "${family#*:}" ] || continue
      for end in dport sport; do
        echo "${family%%:*} ${way#*:} { ${family#*:} } tcp $end { $ports } drop"
      done
    done
    echo "}"
  done
  echo "}"
} | nft -f - || { nft list table inet "$name" >/dev/null 2>&1 || systemctl stop "$name.timer"; exit 1; }
echo "done: ports $ports are closed towards $*"
