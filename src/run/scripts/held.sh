# shellcheck shell=sh
# Looking and acting are one command: whoever takes the lock away ends what comes after it. `exec` leaves standard input
# and the exit status to the command itself.
set -u
lock=$1 run=$2; shift 2
if ! grep -q "\"run\":\"$run\"" "$lock/holder.json" 2>/dev/null; then
  printf 'not begun: the lock is held by %s\n' "$(tr -d '\n' <"$lock/holder.json" 2>/dev/null)" >&2
  exit 77
fi
touch -c "$lock/holder.json" 2>/dev/null
exec "$@"
