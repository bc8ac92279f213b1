# shellcheck shell=sh
# Everything that systemd reads for the unit, in its order, and the script that it starts.
set -eu
show() { systemctl show --property="$1" --value "$unit.service"; }
unit=$1
fragment=$(show FragmentPath)
[ -n "$fragment" ] || { echo "systemd knows no file of $unit.service" >&2; exit 1; }
tell unit "$fragment"
# A question that fails ends the script: no answer is not none.
drop_ins=$(show DropInPaths)
env_files=$(show EnvironmentFiles)
set -f
for path in $drop_ins; do tell unit "$path"; done
[ -z "${2-}" ] || { [ "$(stat -L -c %s "$2")" -le 65536 ] && tell script "$2"; } || {
  echo "$2 is larger than 64 KiB, or cannot be read" >&2; exit 1; }
while read -r path flags; do
  case $path in
    '') continue ;;
    *[*?[]*) echo "EnvironmentFile=$path is a pattern: name the files one by one" >&2; exit 1 ;;
  esac
  [ -e "$path" ] || { case $flags in *ignore_errors=yes*) continue ;; esac; }
  tell env "$path"
done <<END
$env_files
END
