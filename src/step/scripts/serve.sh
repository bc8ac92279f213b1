# shellcheck shell=sh disable=SC2034,SC2015,SC2154
# A listening port proves nothing: etcd opens it before it serves. The write that is sent then waits in it. Exit 75:
# not yet. Each call looks for a second or two, so that the bastion can tell what is waited for.
set -u
unit=$1 url=$2 probe=$3 value=$4; shift 4
ask() { look ActiveState SubState || exit 75; }
tries=0 end=$(($(date +%s) + 2))
until listens "$url"; do
  tries=$((tries + 1))
  if [ $((tries % 10)) = 0 ]; then
    ask
    case $ActiveState in
    failed) begin ;;
    inactive) echo "etcd has ended" >&2; exit 1 ;;
    activating) [ "$SubState" = auto-restart ] && begin ;;
    esac
  fi
  [ $tries -lt 25 ] && [ "$(date +%s)" -lt $end ] || { ask; echo "the client port does not answer yet; etcd is $ActiveState" >&2; exit 75; }
  sleep 0.03
done
"$@" put "$probe" "$value" -w json || exit 75
