# shellcheck shell=sh
set -eu
grep -q "\"run\":\"$2\"" "$1/holder.json" 2>/dev/null && { touch -c "$1/holder.json" 2>/dev/null; exit 0; }
cat "$1/holder.json" 2>/dev/null || true
exit 75
