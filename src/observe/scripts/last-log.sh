# shellcheck shell=sh
# systemd's own lines of the unit are among them: a file that it could not read, a start that took too long.
set -u
journalctl -u "$1.service" -n 40 --no-pager -o cat | cut -c1-2000
