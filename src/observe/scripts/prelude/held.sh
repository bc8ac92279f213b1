# shellcheck shell=sh disable=SC2174
# A manifest whose pod must not run lies where no kubelet looks. It is whole in each of the two places before it has its name
# there, also after a loss of power.
hold_file() ( # hold_file MANIFEST HELD
  [ -e "$1" ] || exit 0
  umask 077
  mkdir -p -m 700 "${2%/*}" || exit 1
  if [ -e "$2" ] && ! cmp -s "$1" "$2"; then
    n=1; while [ -e "$2.earlier-$n" ]; do n=$((n + 1)); done
    mv "$2" "$2.earlier-$n" || exit 1
  fi
  cp -p "$1" "$2.part" && sync "$2.part" && mv -f "$2.part" "$2" && sync "${2%/*}" || exit 1
  rm -f "$1" && sync "${1%/*}"
)
put_file() { # put_file HELD MANIFEST
  put_new=${2%/*}/.${2##*/}.requorum
  cp -p "$1" "$put_new" && sync "$put_new" && mv -f "$put_new" "$2" && sync "${2%/*}"
}
