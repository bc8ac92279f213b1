# The lab's network: one namespace a machine, a router with a bridge for each zone, and a bastion; nothing touches
# the host's own network.
# shellcheck shell=bash

make_network() {
    local zone
    ip netns add "$NS.router"
    ip netns add "$NS.bastion"
    # A master joins and leaves (power) by itself; the router and the bastion stay.
    ip netns exec "$NS.router" sysctl -q -w net.ipv4.ip_forward=1
    ip -n "$NS.router" link set lo up
    ip -n "$NS.bastion" link set lo up
    ip -n "$NS.router" link add bastion type veth peer name eth0 netns "$NS.bastion"
    ip -n "$NS.router" addr add 10.77.0.1/24 dev bastion
    ip -n "$NS.router" link set bastion up
    ip -n "$NS.bastion" addr add 10.77.0.2/24 dev eth0
    ip -n "$NS.bastion" link set eth0 up
    ip -n "$NS.bastion" route add default via 10.77.0.1
    for zone in "${ZONES[@]}"; do
        ip -n "$NS.router" link add "$zone" type bridge
        ip -n "$NS.router" addr add "10.77.${zone#zone}.1/24" dev "$zone"
        ip -n "$NS.router" link set "$zone" up
    done
}

# The hardware address follows from the IP address: a machine that comes back is found at once, as a real one is.
attach_node() {
    local node=$1 zone=${NODE_ZONE[$1]} address=${NODE_ADDRESS[$1]} mac
    mac=$(printf '02:77:00:00:%02x:%02x' "${zone#zone}" "${address##*.}")
    ip netns add "$NS.$node"
    ip -n "$NS.router" link add "$node" type veth peer name eth0 address "$mac" netns "$NS.$node"
    ip -n "$NS.router" link set "$node" master "$zone" up
    ip -n "$NS.$node" -batch - <<END
link set lo up
addr add $address/24 dev eth0
link set eth0 up
route add default via 10.77.${zone#zone}.1
END
}

# Unplugs a machine: nothing that its dying processes would send (FIN, RST) gets out.
unplug_node() { ip -n "$NS.router" link del "$1" 2>/dev/null || true; }

# The namespace goes too, and with it the sockets that a power loss must not leave behind.
detach_node() {
    unplug_node "$1"
    ip netns del "$NS.$1" 2>/dev/null || true
}

# cut_zone zone1 [keep]: drops what is routed into or out of the zone; its masters still see each other over their
# bridge. With "keep" the bastion still reaches them.
cut_zone() {
    local own=10.77.${1#zone}.0/24 reached
    reached=$own
    [[ ${2-} == keep ]] && reached="$own, 10.77.0.0/24"
    join_zone "$1"
    ip netns exec "$NS.router" nft -f - <<END
table ip cut_$1 {
    chain forward {
        type filter hook forward priority 0;
        ip saddr $own ip daddr != { $reached } drop
        ip daddr $own ip saddr != { $reached } drop
    }
}
END
}

join_zone() { ip netns exec "$NS.router" nft delete table ip "cut_$1" 2>/dev/null || true; }

# delay_zone zone1 40: sends what is routed into the zone through a relay that holds it, so a round trip to or from
# it takes that much longer.
delay_zone() {
    local number=${1#zone} pid
    for pid in $(relay_of "$1"); do kill "$pid"; done
    wait_until 5 "the earlier delay of $1 is gone" relay_gone "$1"
    ip -n "$NS.router" rule del priority "$((100 + number))" 2>/dev/null || true
    ip -n "$NS.router" rule del priority "$((200 + number))" 2>/dev/null || true
    (($2)) || return 0
    setsid ip netns exec "$NS.router" "$LAB_DIR/parts/delay-relay" "slow-$1" "$2" "$number" 9>&- \
        >"$STATE/delay-$1.log" 2>&1 </dev/null &
    disown "$!"
    wait_until 5 "the delay of $1 is there (see $STATE/delay-$1.log)" relay_routed "$number"
    # What the relay gives back goes its normal way; all else that is bound for the zone goes to the relay.
    ip -n "$NS.router" rule add priority "$((100 + number))" iif "slow-$1" lookup main
    ip -n "$NS.router" rule add priority "$((200 + number))" to "10.77.$number.0/24" lookup "$number"
}

# The relay's process, found by its command line among those of this lab's router.
relay_of() {
    local pid
    for pid in $(ip netns pids "$NS.router"); do
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "delay-relay slow-$1 " && printf '%s\n' "$pid"
    done
    return 0
}

relay_gone() { [[ -z $(relay_of "$1") ]] && ! ip -n "$NS.router" link show "slow-$1" >/dev/null 2>&1; }
relay_routed() { [[ -n $(ip -n "$NS.router" route show table "$1" 2>/dev/null) ]]; }

# What a zone's link is like, for `lab status`.
zone_link() {
    local pid
    case $(ip netns exec "$NS.router" nft list table ip "cut_$1" 2>/dev/null || true) in
    '') printf 'connected' ;;
    *10.77.0.0/24*) printf 'isolated (the bastion reaches it)' ;;
    *) printf 'isolated' ;;
    esac
    pid=$(relay_of "$1")
    [[ -z $pid ]] || printf ', %s ms delay' "$(tr '\0' ' ' <"/proc/$pid/cmdline" | sed 's/.*slow-[^ ]* \([0-9]*\) .*/\1/')"
    printf '\n'
}

lab_namespaces() { ip netns list | awk -v prefix="$NS." 'index($1, prefix) == 1 { print $1 }'; }

# Ends what still runs in the lab's namespaces (a command under `lab bastion`), apart from this very command.
remove_network() {
    local ns pid ancestors=" " self=$$
    while ((self > 1)); do
        ancestors+="$self "
        self=$(awk '$1 == "PPid:" { print $2 }' "/proc/$self/status")
    done
    for ns in $(lab_namespaces); do
        for pid in $(ip netns pids "$ns"); do
            [[ $ancestors == *" $pid "* ]] || kill -KILL "$pid" 2>/dev/null || true
        done
        ip netns del "$ns"
    done
}
