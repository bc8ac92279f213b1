# shellcheck shell=sh
# A file may hold several certificates, of which `openssl x509` would read the first only; a PKCS #7 bundle holds all,
# and every openssl since 1.0 can make and print one.
set -u
[ $# -eq 0 ] || command -v openssl >/dev/null || { echo 'openssl is not installed' >&2; exit 1; }
echo "now=$(date +%s)"
while [ $# -gt 1 ]; do
  echo "$1=$2"
  ends=$(openssl crl2pkcs7 -nocrl -certfile "$2" 2>/dev/null | openssl pkcs7 -print_certs -text -noout 2>/dev/null |
    sed -n 's/^ *Not After *: */end=/p')
  if [ -n "$ends" ]; then printf '%s\n' "$ends"
  else
    # The system's own words, where it is not to be read at all.
    why=$(head -c 1 "$2" 2>&1 >/dev/null | head -n 1)
    printf 'why=%s\n' "${why:-it holds no certificate}"
  fi
  shift 2
done
exit 0
