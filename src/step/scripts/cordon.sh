# shellcheck shell=sh
# No pod is placed on the lost zone's nodes any more, or again: by this master's own API server. What cannot be done is told and
# ends no run: the cluster serves by then.
set -u
word=$1 run=$2 api=$3; shift 3
left() { echo "done: no node was ${word}ed: $1; by hand: kubectl $word NODE"; exit 0; }
command -v kubectl >/dev/null || left "kubectl is not installed here"
conf=/etc/kubernetes/admin.conf
[ -r "$conf" ] || left "$conf cannot be read"
ask() { kubectl --kubeconfig="$conf" --server="https://$api" --tls-server-name=kubernetes --request-timeout=10s "$@"; }
rows=$(ask get nodes -o jsonpath='{range .items[*]}{.metadata.name}|{.metadata.labels.topology\.kubernetes\.io/zone}|{.metadata.annotations.requorum/cordoned-by}|{.spec.unschedulable}| {range .status.addresses[*]}{.address} {end}{"\n"}{end}' 2>/dev/null) ||
  left "the API server does not tell the nodes"
# has ADDRESSES ADDRESS...: whether the first, each with a space on both sides, has one of the others.
has() {
  has_all=$1; shift
  for has_one do case $has_all in *" $has_one "*) return 0 ;; esac; done
  return 1
}
# A zone in which this master is, too, is no zone that was lost.
zones=' ' own=' '
while IFS='|' read -r _ zone _ _ addresses; do
  [ -n "$zone" ] || continue
  # shellcheck disable=SC2046 # words are wanted
  if has "$addresses" $(hostname -I 2>/dev/null); then own="$own$zone "; fi
  if has "$addresses" "$@"; then zones="$zones$zone "; fi
done <<END
$rows
END
nodes=
while IFS='|' read -r name zone by off addresses; do
  case $word in
  cordon)
    [ "$off" != true ] || continue
    has "$addresses" "$@" || { [ -n "$zone" ] && has "$zones" "$zone" && ! has "$own" "$zone"; } || continue ;;
  *) [ -n "$by" ] || continue ;;
  esac
  nodes="$nodes $name"
done <<END
$rows
END
[ -n "$nodes" ] || { echo "found: no node is to be ${word}ed"; exit 0; }
if [ "$word" = cordon ]; then mark=requorum/cordoned-by=$run; else mark=requorum/cordoned-by-; fi
# shellcheck disable=SC2086 # words are wanted
done_with() { ask "$word" $nodes && ask annotate --overwrite node $nodes "$mark"; }
done_with >/dev/null 2>&1 || left "the API server refused it for$nodes"
echo "done: ${word}ed$nodes"
