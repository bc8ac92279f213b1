# One machine: its disk (an overlay over the shared root), its boot, its power loss, and ways to reach it.
# shellcheck shell=bash

# ssh_from NAMESPACE USER NODE [COMMAND…]
ssh_from() {
    local ns=$1 user=$2 node=$3
    shift 3
    ip netns exec "$NS.$ns" ssh -F /dev/null -i "$SSH_KEY" -o IdentitiesOnly=yes -o BatchMode=yes \
        -o UserKnownHostsFile="$KNOWN_HOSTS" -o StrictHostKeyChecking=yes -o ConnectTimeout=3 -o LogLevel=ERROR \
        "$user@${NODE_ADDRESS[$node]}" "$@"
}

# From the machine's own namespace: works whatever is cut, as a console does.
console() { ssh_from "$1" ops "$@"; }

make_ssh_keys() {
    mkdir -p "$STATE/ssh"
    ssh-keygen -q -t ed25519 -N '' -C "lab-$LAB_NAME" -f "$SSH_KEY"
    install -m 0600 /dev/null "$KNOWN_HOSTS"
    (umask 077 && openssl rand -hex 12 >"$STATE/ssh/opspw-password")
}

# The disk is written before the machine boots: systemd in a running machine takes writes from outside amiss.
make_node() {
    local node=$1 dir=$STATE/nodes/$1 lower=$ROOT_DIR
    local root=$dir/root
    if [[ -n $BUILD && $SHAPE != pod ]]; then lower=$ETCD_LAYER:$lower; fi
    if [[ $SHAPE == pod || -n $KUBERNETES ]]; then lower=$KUBELET_LAYER:$lower; fi
    if [[ -n $KUBERNETES ]]; then lower=$KUBERNETES_LAYER:$lower; fi
    mkdir -p "$dir/upper" "$dir/work" "$root"
    mount -t overlay "requorum-lab-$node" -o "lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work" "$root"
    tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
    printf '%s\n' "$node" >"$root/etc/hostname"
    write_hosts "$root"
    write_accounts "$root" "$node"
    # Made here and not in the shared root, so that it can be renamed.
    install -d -m 0700 "$root/var/lib/etcd"
    write_certificates "$root" "$node"
    write_etcd "$root" "$node"
    if [[ -n $KUBERNETES ]]; then write_kubernetes "$root" "$node"; fi
}

write_hosts() {
    local node
    printf '127.0.0.1 localhost\n' >"$1/etc/hosts"
    for node in "${NODES[@]}"; do printf '%s %s\n' "${NODE_ADDRESS[$node]}" "$node"; done >>"$1/etc/hosts"
}

write_accounts() {
    local root=$1 node=$2 user kind hash
    for user in ops opspw; do
        install -m 0600 --owner="$(stat -c %u "$root/home/$user")" --group="$(stat -c %g "$root/home/$user")" \
            "$SSH_KEY.pub" "$root/home/$user/.ssh/authorized_keys"
    done
    hash=$(openssl passwd -6 -stdin <"$STATE/ssh/opspw-password")
    sed -i "s|^opspw:[^:]*:|opspw:$hash:|" "$root/etc/shadow"
    for kind in ed25519 ecdsa; do
        ssh-keygen -q -t "$kind" -N '' -C "$node" -f "$root/etc/ssh/ssh_host_${kind}_key"
        cut -d' ' -f1,2 "$root/etc/ssh/ssh_host_${kind}_key.pub" |
            sed "s/^/${NODE_ADDRESS[$node]} /" >>"$STATE/nodes/$node/known_hosts"
    done
}

# node_cgroups NODE (or nothing: the lab's)
# A machine has a cgroup of its own in every hierarchy that its systemd uses; with a shared one, the systemds of two
# machines would work in one tree and end each other's services.
node_cgroups() {
    awk '$(NF-2) == "cgroup2" || ($(NF-2) == "cgroup" && $NF ~ /name=systemd/) { print $5 }' /proc/self/mountinfo |
        sed "s|\$|/$NS${1:+/$1}|"
}

node_cgroup2() {
    awk '$(NF-2) == "cgroup2" { print $5; exit }' /proc/self/mountinfo | sed "s|\$|/$NS/$1|"
}

is_on() { grep -qs '^populated 1' "$(node_cgroup2 "$1")/cgroup.events"; }

# The cgroups of an earlier boot go first. They were killed, and the kernel remembers that: what systemd starts right
# into a fresh cgroup from a once killed one, it kills at once.
boot_node() {
    local node=$1 cgroup cgroups=() dir=$STATE/nodes/$1 more=()
    if has_containers; then mapfile -t more < <(nspawn_for_containers "$node"); fi
    mountpoint -q "$dir/root" || die "$node has no disk ($dir/root is not mounted): $(self_named down), then up"
    detach_node "$node"
    attach_node "$node"
    for cgroup in $(node_cgroups "$node"); do
        wait_until 5 "the cgroup of $node's last boot is gone" remove_cgroup "$cgroup"
        mkdir -p "$cgroup"
        cgroups+=("$cgroup")
    done
    setsid "$LAB_DIR/parts/run-machine" "${cgroups[*]}" -q -D "$dir/root" -M "$LAB_NAME-$node" --hostname="$node" \
        --register=no --keep-unit --boot --network-namespace-path="/run/netns/$NS.$node" --capability=CAP_NET_ADMIN \
        --resolv-conf=off --link-journal=no "${more[@]}" 9>&- >>"$dir/console.log" 2>&1 </dev/null &
    disown "$!"
}

# Waits for sshd: a machine is on when one can log in, and when the network has found it. A router that asked for it in
# vain while it was off tells the next who calls that it is unreachable, for up to a second after it is there.
await_node() {
    wait_until 120 "$1 answers over SSH (its console: $STATE/nodes/$1/console.log)" console "$1" true
    wait_until 30 "the router has found $1" ip netns exec "$NS.router" \
        timeout 2 bash -c "exec 3<>/dev/tcp/${NODE_ADDRESS[$1]}/22"
}

# A power loss: the network first, so that nobody hears it die; then every process at once with SIGKILL.
power_off() {
    local node
    for node in "$@"; do unplug_node "$node"; done
    for node in "$@"; do kill_cgroup "$(node_cgroup2 "$node")"; done
    for node in "$@"; do
        wait_until 20 "$node's processes are gone" is_off "$node"
        detach_node "$node"
        forget_nspawn "$node"
    done
}

is_off() { ! is_on "$1"; }

power_on() {
    local node wanted=()
    for node in "$@"; do
        is_on "$node" || wanted+=("$node")
    done
    ((${#wanted[@]})) || return 0
    for node in "${wanted[@]}"; do boot_node "$node"; done
    each_node await_node "${wanted[@]}"
}

# All of a machine, its PID 1 and the nspawn around it, is in one cgroup and dies in one stroke.
kill_cgroup() {
    [[ -d $1 ]] || return 0
    if [[ -w $1/cgroup.kill ]]; then
        printf '1\n' >"$1/cgroup.kill"
    else
        cgroup_processes "$1" | xargs -r kill -KILL 2>/dev/null || true
    fi
}

cgroup_processes() { find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null; }

# Repeated until it succeeds: a cgroup goes only when its last process has.
remove_cgroup() {
    [[ -d $1 ]] || return 0
    cgroup_processes "$1" | xargs -r kill -KILL 2>/dev/null || true
    find "$1" -depth -type d -exec rmdir {} +
}

# A killed nspawn leaves its lock file and its propagation directory.
forget_nspawn() {
    local run=/run/systemd/nspawn id
    id=$(stat -c '%d:%i' "$STATE/nodes/$1/root" 2>/dev/null || true)
    rm -f "$run/locks/inode-$id"
    rmdir "$run/propagate/$LAB_NAME-$1" 2>/dev/null || true
}
