# shellcheck shell=sh
set -u
etcdctl=$1 ca=$2 cert=$3 key=$4 limit=$5; shift 5
for url in "$@"; do
  if said=$("$etcdctl" --endpoints="$url" --dial-timeout=1s --command-timeout="$limit" \
    ${ca:+"--cacert=$ca" "--cert=$cert" "--key=$key"} endpoint status --write-out=json 2>/dev/null)
  then printf 'url=%s\n%s\n' "$url" "$said"; exit 0; fi
done
echo "nor does it answer at $*" >&2; exit 1
