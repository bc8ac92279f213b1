# shellcheck shell=sh
set -eu
prefix=$1; shift
"$@" get "$prefix/" --prefix --write-out=simple
