# shellcheck shell=sh
# A lost API server renews its lease no more, and what was restored may have it for ever: clients would be sent there.
set -u
keys=$1; shift
removed=
n=$1; shift
addresses=
while [ "$n" -gt 0 ]; do addresses="$addresses $1"; shift; n=$((n - 1)); done
for address in $addresses; do
  said=$("$@" del "$keys/$address") || exit 1
  [ "${said%%[!0-9]*}" = 0 ] || removed="$removed $address"
done
if [ -n "$removed" ]; then echo "done: removed the leases of$removed"; else echo "found: they have no lease"; fi
