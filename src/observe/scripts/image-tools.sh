# shellcheck shell=sh disable=SC2034,SC2154
# The programs in the image of a pod or a container that does not run, by the paths at which a run keeps them.
set -u
unit=$1 kept=$2
others
look || :
if open_image; then programs "$(in_image etcd)" "$(in_image etcdctl)" "$(in_image etcdutl)" "$kept"
else printf 'image=%s\n' "$why" | head -n 1
fi
exit 0
