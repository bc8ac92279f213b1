# shellcheck shell=sh
# The first line of its names only: a certificate has one such extension.
set -u
openssl x509 -noout -text -in "$1" 2>/dev/null |
  sed -n '/Subject Alternative Name/{n;s/^ *//p;}' | head -c 20000
