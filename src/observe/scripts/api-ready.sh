# shellcheck shell=sh
# Whether an API server is ready, by its own word on its own node. It is asked with the certificate that it shows to kubelets,
# where there is one: it may let nobody else ask. One that has just been started denies it to everybody (403) until it has read
# who may do what: for so many seconds that is no answer. Who asks it knows from the beginning, so that 401 is one.
set -u
address=$1 cert=$2 key=$3 limit=$4 end=$(($(date +%s) + $5))
with=openssl; ! command -v curl >/dev/null || with=curl
[ $with = curl ] || command -v openssl >/dev/null || { echo "why=neither curl nor openssl is installed"; exit 0; }
if ! { [ -r "$cert" ] && [ -r "$key" ]; }; then set --
elif [ $with = curl ]; then set -- --cert "$cert" --key "$key"
else set -- -cert "$cert" -key "$key"; fi
by_curl() {
  said=$(curl -q -s -k -m "$limit" -w '\n%{http_code}' "$@" "https://$address/readyz")
  ended=$?
  code=${said##*
}
}
by_openssl() {
  said=$(printf 'GET /readyz HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n' "$address" |
    timeout "$limit" openssl s_client -quiet -verify_quiet -connect "$address" "$@" 2>/dev/null)
  ended=none
  case $said in HTTP/*) ended=0 code=${said#* }; code=${code%%[!0-9]*} ;; esac
}
while :; do
  code=; "by_$with" "$@"
  case $code in 403) [ "$(date +%s)" -lt "$end" ] || break; sleep 0.2 ;; *) break ;; esac
done
case $ended in
0) echo "code=$code" ;;
7) echo down=yes ;;
28) echo slow=yes ;;
none) echo "why=it does not answer" ;;
*) echo "why=curl ended with $ended" ;;
esac
# What is not ready yet, by name; why is withheld from whoever asks.
printf '%s\n' "$said" | sed -n 's/^\[-\]\([A-Za-z0-9_.\/-]*\) failed.*/failed=\1/p' | head -n 5
