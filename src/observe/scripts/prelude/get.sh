# shellcheck shell=sh
# get URL CA CERT KEY [CURL OPTIONS]: what the server says. With TLS a client that negotiates HTTP/2 gets an empty reply
# on the peer port: HTTP/2 there is gRPC's. A master without curl is asked by openssl, in HTTP/1.0, which has no chunks.
get() {
  url=$1 ca=$2 cert=$3 key=$4
  shift 4
  if command -v curl >/dev/null; then
    if [ -n "$ca" ]; then set -- "$@" --cacert "$ca" --cert "$cert" --key "$key"; fi
    curl -q --http1.1 -sS -m 3 "$@" "$url"
    return
  fi
  rest=${url#*://}
  host=${rest%%/*}
  printf 'GET /%s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n' "${rest#*/}" "$host" |
    timeout 3 openssl s_client -quiet -verify_quiet -verify_return_error -connect "$host" \
      -CAfile "$ca" -cert "$cert" -key "$key" 2>/dev/null
}
