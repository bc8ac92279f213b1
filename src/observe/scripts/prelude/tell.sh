# shellcheck shell=sh
# tell KIND PATH: the file's text. It follows a line with its length, so that nothing in it can be taken for such a line.
tell() {
  [ -f "$2" ] || { echo "$2 is not a file" >&2; exit 1; }
  owner=$(stat -L -c '%U %G %a' "$2")
  text=$(cat "$2"; echo .); text=${text%.}
  tell_text "$1" "$2" "$owner" "$text"
}
tell_text() { printf '%s\t%s\t%s\t%s\n%s\n' "$1" "$2" "$3" "$(printf %s "$4" | wc -c)" "$4"; }
