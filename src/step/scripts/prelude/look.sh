# shellcheck shell=sh disable=SC2034
# `look UNIT PROPERTY...` asks systemd once, for each call costs a hundredth of a second,
# and makes a variable of each property; it fails where systemd does not answer.
look() {
  look_unit=$1; shift
  look_said=$(IFS=,; systemctl show -p "$*" "$look_unit") || return 1
  while IFS='=' read -r look_key look_value; do
    case $look_key in ''|*[!A-Za-z]*) ;; *) eval "$look_key=\$look_value" ;; esac
  done <<END
$look_said
END
}
