# shellcheck shell=sh
# The names stand on the first line, after a tab, so that the text below is the file's own to its last byte.
set -eu
owner=$(stat -L -c '%U %G %a' "$1")
[ -f "$1" ] || { echo "$1 is not a file" >&2; exit 1; }
text=$(cat "$1"; echo .)
cert=$(sed -n 's/^[[:space:]]*ETCD_CERT_FILE=//p' "$1" | tail -n 1 | tr -d "\"' \r")
names=
[ -z "$cert" ] || names=$(openssl x509 -noout -text -in "$cert" 2>/dev/null |
  sed -n '/Subject Alternative Name/{n;s/^ *//p;}' | head -c 20000) || names=
printf '%s\t%s\n%s' "$owner" "$names" "${text%.}"
