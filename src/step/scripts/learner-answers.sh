# shellcheck shell=sh
# Promoted while it restarts, it would be a voter that is away: two voters, one of them down, have no quorum.
set -u
url=$2; shift 2
end=$(($(date +%s) + 2))
until listens "$url" && "$@" endpoint status >/dev/null 2>&1; do
  [ "$(date +%s)" -lt $end ] || { echo "wait: its client port does not answer yet"; exit 0; }
  sleep 0.03
done
echo "done: ${again-}its client port answers"
