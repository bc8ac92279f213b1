# shellcheck shell=sh
# With TLS a client that negotiates HTTP/2 gets an empty reply: HTTP/2 on the peer port is gRPC's. A master
# without curl is asked by openssl.
set -u
url=$1 ca=$2 cert=$3 key=$4
if command -v curl >/dev/null; then
  if [ -n "$ca" ]; then exec curl -q --http1.1 -sS -i -m 3 --cacert "$ca" --cert "$cert" --key "$key" "$url/members"
  else exec curl -q --http1.1 -sS -i -m 3 "$url/members"; fi
fi
host=${url#*://}
printf 'GET /members HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$host" |
  timeout 3 openssl s_client -quiet -verify_quiet -verify_return_error -connect "$host" \
    -CAfile "$ca" -cert "$cert" -key "$key" 2>/dev/null
