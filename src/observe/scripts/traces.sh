# shellcheck shell=sh disable=SC2002
set -u
# Marks that cannot be looked at are not marks that are not there.
for place in "${3%/*}" "$1" "$3" "$4"; do
  said=$(LC_ALL=C stat "$place" 2>&1) || case $said in *"No such file"*) ;; *) printf '%s\n' "$said" >&2; exit 1 ;; esac
done
if [ -e "$1" ]; then echo fenced=yes; printf 'fenced_by=%s\n' "$(head -c 300 "$1" | head -n 1)"
  grep '^last_revision=' "$1" | tail -n 1 | head -c 100
fi
# A manifest that lies in its kubelet's folder again is held by nothing.
[ -e "$2" ] && [ ! -e "${6-}" ] && echo drop_in=yes
if [ -d "$3" ]; then
  printf 'lock='; cat "$3/holder.json" 2>/dev/null | tr -d '\n'; echo
  set_at=$(stat -c %Y "$3/holder.json" 2>/dev/null) && echo "unrenewed=$(($(date +%s) - set_at))"
fi
if [ -f "$4" ]; then printf 'record='; tr -d '\n' <"$4"; echo; fi
data=$5
[ ! -L "$data" ] || data=$(readlink -m "$data") || exit 1
there=$(stat -c %d:%i "$data/member" 2>/dev/null)
for kept in "${3%/*}"/runs/*; do
  run=${kept##*/}
  [ -e "$kept/undone" ] && echo "undone=$run"
  if [ -n "$there" ]; then
    [ "$(cat "$kept/restored" 2>/dev/null)" = "$there" ] && echo "restored_by=$run"
  elif [ -e "$kept/retired" ]; then
    { [ -e "$data.retired-$run" ] || [ -e "$data/retired-$run/member" ]; } && echo "emptied_by=$run"
  fi
done
for old in "$data".retired-* "$data"/retired-*; do
  if [ -d "$old" ]; then printf 'old_data=%s\n' "$old"; fi
done
exit 0
