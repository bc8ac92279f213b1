# shellcheck shell=sh
# Served means that the other has passed its check of its peers' data; an open port alone says nothing.
set -u
end=$(($(date +%s) + $5))
while [ "$(date +%s)" -lt "$end" ]; do
  if get "$1/members" "$2" "$3" "$4" >/dev/null 2>&1; then echo "done: $1 serves"; exit 0; fi
  sleep 0.05
done
echo "done: $1 does not serve after $5 s; started all the same"
