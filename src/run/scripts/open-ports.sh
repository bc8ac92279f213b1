# shellcheck shell=sh
set -eu
name=$1
if systemctl cat "$name.timer" >/dev/null 2>&1; then systemctl stop "$name.timer"; fi
command -v nft >/dev/null || { echo "found: nft is not installed"; exit 0; }
if nft list table inet "$name" >/dev/null 2>&1; then nft delete table inet "$name"; echo "done: open again"
else echo "found: open already"; fi
