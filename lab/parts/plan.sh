# What a lab consists of: zones, masters, addresses and the etcd version, and the files that record it.
# shellcheck shell=bash disable=SC2034 # the other parts read what this one sets

declare -a ZONES=() NODES=()
KUBERNETES=''
declare -A NODE_ZONE=() NODE_ADDRESS=() NODE_MEMBER=() NODE_SHAPE=()

# plan_zones 2+1: masters are numbered through the zones, addresses within a zone. Members carry other names than
# their hosts (kubespray's etcd1…), so that nothing can pass here by confusing the two.
plan_zones() {
    local counts count zone=0 number=0 k node
    [[ $1 =~ ^[1-9](\+[1-9])*$ ]] || die "--zones wants masters per zone, like 2+1 or 1+1+1, not '$1'"
    IFS=+ read -ra counts <<<"$1"
    for count in "${counts[@]}"; do
        zone=$((zone + 1))
        ZONES+=("zone$zone")
        for ((k = 1; k <= count; k++)); do
            number=$((number + 1))
            node=m$number
            NODES+=("$node")
            NODE_ZONE[$node]=zone$zone
            NODE_ADDRESS[$node]=10.77.$zone.1$k
            NODE_MEMBER[$node]=etcd$number
        done
    done
    ((number <= 9)) || die "--zones $1 makes $number masters; a lab has at most 9"
}

# plan_etcd 3.5|3.6.16: which root file system and which built binaries (none: the root's own) give this version.
plan_etcd() {
    BUILD=''
    ROOT=trixie
    case $1 in
    3.4) ROOT=bookworm ;;
    3.5) ;;
    3.6) BUILD=3.6.16 ;;
    3.7) BUILD=3.7.3 ;;
    3.[4-7].*) BUILD=$1 ;;
    *) die "--etcd wants 3.4, 3.5, 3.6, 3.7 or a full version such as 3.5.35, not '$1'" ;;
    esac
    MINOR=$(cut -d. -f2 <<<"$1")
}

# plan_shapes flags,config: the masters take the shapes in turn; one alone is everybody's.
plan_shapes() {
    local shapes number=0 node some='(env|flags|config)'
    [[ $1 =~ ^($some(,$some)*|pod|docker)$ ]] || die "--shape wants pod, docker, env, flags or config, or several of" \
        "the last three that the masters take in turn, like flags,config; not '$1'"
    SHAPE=$1
    IFS=, read -ra shapes <<<"$1"
    for node in "${NODES[@]}"; do
        NODE_SHAPE[$node]=${shapes[number++ % ${#shapes[@]}]}
        # kubeadm's members have the names of their machines.
        [[ $1 != pod ]] || NODE_MEMBER[$node]=$node
    done
}

# plan_kubernetes VERSION: that of the control plane on each master, or nothing where there is none.
plan_kubernetes() { KUBERNETES=$1; }

write_plan() {
    printf '%s\n' "name=$LAB_NAME" "zones=$1" "shape=$SHAPE" "etcd=$ETCD" "kubernetes=$KUBERNETES" >"$STATE/lab.conf"
}

# Reads the plan of a lab that `lab up` made.
load_plan() {
    local key value
    [[ -f $STATE/lab.conf ]] || die "there is no lab '$LAB_NAME' ($STATE): make it with $(self_named up)"
    while IFS='=' read -r key value; do
        case $key in
        name) [[ $value == "$LAB_NAME" ]] || die "$STATE belongs to the lab '$value', not to '$LAB_NAME'" ;;
        zones) plan_zones "$value" ;;
        shape) plan_shapes "$value" ;;
        etcd) ETCD=$value && plan_etcd "$value" ;;
        kubernetes) plan_kubernetes "$value" ;;
        esac
    done <"$STATE/lab.conf"
}

# The nodes that an argument names: a zone's, or the one.
nodes_of() {
    local node found=1
    for node in "${NODES[@]}"; do
        [[ $node == "$1" || ${NODE_ZONE[$node]} == "$1" ]] && printf '%s\n' "$node" && found=0
    done
    ((found == 0)) || die "no zone or node '$1' in this lab; it has ${ZONES[*]} and ${NODES[*]}"
}

need_zone() {
    local zone
    for zone in "${ZONES[@]}"; do [[ $zone == "${1-}" ]] && return; done
    die "no zone '${1-}' in this lab; it has ${ZONES[*]}"
}

need_node() { [[ -n ${1-} && -n ${NODE_ZONE[$1]-} ]] || die "no node '${1-}' in this lab; it has ${NODES[*]}"; }

write_inventory() {
    local zone node own first=${NODE_SHAPE[${NODES[0]}]}
    {
        cat <<END
# inventory of the lab "$LAB_NAME", written by lab/lab up
cluster: $LAB_NAME
environment: lab
ssh:
  user: ops
  become: sudo
  identity: $SSH_KEY
  known_hosts: $KNOWN_HOSTS
etcd:
  unit: etcd
  data_dir: /var/lib/etcd
  config: { $(inventory_config "${NODES[0]}") }
END
        # Each shape has a template of its own, which goes without saying.
        [[ $SHAPE != env ]] || printf '  template: etcd.env.j2\n'
        printf 'zones:\n'
        for zone in "${ZONES[@]}"; do
            printf '  %s:\n    masters:\n' "$zone"
            for node in "${NODES[@]}"; do
                [[ ${NODE_ZONE[$node]} == "$zone" ]] || continue
                own=''
                [[ ${NODE_SHAPE[$node]} == "$first" ]] || own=", etcd: { config: { $(inventory_config "$node") } }"
                printf '      %s: { address: %s%s }\n' "$node" "${NODE_ADDRESS[$node]}" "$own"
            done
        done
    } >"$STATE/inventory.yaml"
}
