# shellcheck shell=sh disable=SC2089,SC2090
# No pod is placed on the lost zone's nodes any more, or again: by this master's own API server. What cannot be done is told and
# ends no run: the cluster serves by then. What a node says of itself is another's text: only names that can be names are used,
# addresses are compared with their quotes, and of an annotation only that it is there is asked.
set -fu
word=$1 run=$2 api=$3 count=$4; shift 4
lost=' ' kept=' '
for address do
  if [ "$count" -gt 0 ]; then lost="$lost\"$address\" " count=$((count - 1)); else kept="$kept\"$address\" "; fi
done
left() { echo left=yes; echo "done: $1; by hand: kubectl $word NODE"; exit 0; }
command -v kubectl >/dev/null || left "no node was ${word}ed: kubectl is not installed here"
conf=/etc/kubernetes/admin.conf
[ -r "$conf" ] || left "no node was ${word}ed: $conf cannot be read"
# Three calls, and the step has a minute.
ask() { timeout 18 kubectl --kubeconfig="$conf" --server="https://$api" --tls-server-name=kubernetes --request-timeout=10s "$@"; }
rows=$(ask get nodes -o go-template='{{range .items}}{{.metadata.name}} {{with .metadata.annotations}}{{if index . "requorum/cordoned-by"}}marked{{else}}-{{end}}{{else}}-{{end}} {{if .spec.unschedulable}}off{{else}}on{{end}} {{with .metadata.labels}}{{with index . "topology.kubernetes.io/zone"}}{{.}}{{else}}-{{end}}{{else}}-{{end}}{{range .status.addresses}} {{printf "%q" .address}}{{end}}{{"\n"}}{{end}}' 2>/dev/null) ||
  left "no node was ${word}ed: the API server does not tell the nodes"
# has ALL ONE...: whether the first, with a space on both sides of each of its words, has one of the others.
has() {
  has_all=$1; shift
  for has_one do case $has_all in *" $has_one "*) return 0 ;; esac; done
  return 1
}
# A zone in which a survivor is, too, is no zone that was lost; where no survivor's node is found, none is known to be.
zones=' ' own=' ' found=
while read -r _ _ _ zone addresses; do
  # shellcheck disable=SC2086 # words are wanted
  if has " $addresses " $kept; then own="$own$zone " found=yes; fi
  # shellcheck disable=SC2086 # words are wanted
  if [ "$zone" != - ] && has " $addresses " $lost; then zones="$zones$zone "; fi
done <<END
$rows
END
nodes=
while read -r name mark now zone addresses; do
  case $name in '' | [!a-z0-9]* | *[!a-z0-9.-]*) continue ;; esac
  case $word in
  cordon)
    [ "$now" = on ] || continue
    # shellcheck disable=SC2086 # words are wanted
    has " $addresses " $lost || { [ -n "$found" ] && has "$zones" "$zone" && ! has "$own" "$zone"; } || continue ;;
  *) [ "$mark" = marked ] || continue ;;
  esac
  nodes="$nodes $name"
done <<END
$rows
END
[ -n "$nodes" ] || { echo "found: no node is to be ${word}ed"; exit 0; }
# A node without the mark would stay cordoned for ever: it gets it first, and loses it last.
if [ "$word" = cordon ]; then
  # shellcheck disable=SC2086 # words are wanted
  do_it() { ask annotate --overwrite node $nodes "requorum/cordoned-by=$run" && ask cordon $nodes; }
else
  # shellcheck disable=SC2086 # words are wanted
  do_it() { ask uncordon $nodes && ask annotate --overwrite node $nodes requorum/cordoned-by-; }
fi
do_it >/dev/null 2>&1 || left "not all of these nodes were ${word}ed, the API server refused one or did not answer:$nodes"
echo "done: ${word}ed$nodes"
