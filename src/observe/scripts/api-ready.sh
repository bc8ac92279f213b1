# shellcheck shell=sh
# Whether an API server is ready, by its own word on its own node. It is asked with the certificate that it shows to kubelets,
# where there is one: it may let nobody else ask.
set -u
address=$1 cert=$2 key=$3 limit=$4
if command -v curl >/dev/null; then
  if [ -r "$cert" ] && [ -r "$key" ]; then set -- --cert "$cert" --key "$key"; else set --; fi
  code=$(curl -q -s -k -m "$limit" -o /dev/null -w '%{http_code}' "$@" "https://$address/readyz")
  ended=$?
  case $ended in
  0) echo "code=$code" ;;
  7) echo down=yes ;;
  28) echo slow=yes ;;
  *) echo "why=curl ended with $ended" ;;
  esac
  exit 0
fi
command -v openssl >/dev/null || { echo "why=neither curl nor openssl is installed"; exit 0; }
if [ -r "$cert" ] && [ -r "$key" ]; then set -- -cert "$cert" -key "$key"; else set --; fi
line=$(printf 'GET /readyz HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n' "$address" |
  timeout "$limit" openssl s_client -quiet -verify_quiet -connect "$address" "$@" 2>/dev/null | head -n 1)
case $line in HTTP/*) line=${line#* }; echo "code=${line%% *}" ;; *) echo "why=it does not answer" ;; esac
