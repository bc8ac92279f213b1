# A whole lab: making it, waiting for its etcd, showing it, and taking it away.
# shellcheck shell=bash

up() {
    local zones=2+1 form=env kubernetes='' began
    ETCD=3.5
    while (($#)); do
        case $1 in
        --zones) zones=${2-} && shift 2 ;;
        --etcd) ETCD=${2-} && shift 2 ;;
        --shape) form=${2-} && shift 2 ;;
        --kubernetes) kubernetes=$KUBELET && shift ;;
        *) die "lab up knows no '$1'; see lab --help" ;;
        esac
    done
    plan_zones "$zones"
    plan_shapes "$form"
    plan_etcd "$ETCD"
    plan_kubernetes "$kubernetes"
    began=$(now_ms)
    refuse_existing
    install_packages
    if has_containers; then PACKAGES+=${PACKAGES:+,}$(container_packages); fi
    ensure_root "$ROOT"
    if [[ -n $BUILD ]]; then ensure_etcd "$BUILD"; fi
    if [[ $SHAPE == pod || -n $KUBERNETES ]]; then ensure_kubelet; fi
    if [[ -n $KUBERNETES ]]; then ensure_kubernetes; fi
    if has_containers; then ensure_images; fi
    trap 'report_failure' EXIT
    make_lab "$zones"
    trap - EXIT
    say "lab '$LAB_NAME' is up after $((($(now_ms) - began + 500) / 1000)) s: $(describe)"
    next_commands
}

refuse_existing() {
    if [[ -n $(lab_namespaces) || -f $STATE/lab.conf ]]; then
        die "there is a lab '$LAB_NAME' already ($STATE): $(self_named down) first"
    fi
    if [[ -d $STATE && -n $(ls -A "$STATE") ]]; then
        die "$STATE is not empty and not a lab's: choose another place for it (REQUORUM_LAB_STATE)"
    fi
}

# The plan is written first: whatever fails after it, `lab down` knows what to take away.
make_lab() {
    STEP='writing keys and certificates'
    install -d -m 0700 "$STATE"
    write_plan "$1"
    mkdir -p "$STATE/nodes"
    make_ssh_keys
    mkdir -p "$STATE/pki"
    make_authority "$STATE/pki/ca.pem" "$STATE/pki/ca-key.pem" etcd-ca
    if [[ -n $KUBERNETES ]]; then make_kubernetes_authorities; fi
    STEP='making the network'
    make_network
    STEP="making the machines' disks"
    each_node make_node "${NODES[@]}"
    cat "$STATE"/nodes/*/known_hosts >>"$KNOWN_HOSTS"
    STEP='booting the machines'
    local node
    for node in "${NODES[@]}"; do boot_node "$node"; done
    each_node await_node "${NODES[@]}"
    STEP='waiting for etcd to be healthy on every machine'
    if [[ $SHAPE == pod ]]; then join_pods; fi
    each_node await_etcd "${NODES[@]}"
    if [[ -n $KUBERNETES ]]; then
        STEP='waiting for the control plane to be ready on every machine'
        each_node await_kubernetes "${NODES[@]}"
        finish_kubernetes
    fi
    write_inventory
}

report_failure() {
    say "lab up failed while $STEP."
    say "The machines' consoles: $STATE/nodes/*/console.log. Take away what was made: $(self_named down)"
}

# The wait runs on the machine (one SSH connection); `endpoint health` is a linearizable read, so it proves quorum.
# Then the cluster is no longer new, and the settings say so, as the site's next change of them would; kubeadm never
# writes that it is new.
await_etcd() {
    local script
    # shellcheck disable=SC2016 # expanded on the machine
    script='while ((SECONDS < 180)); do
            if seen=$({ SETTINGS; etcdctl endpoint health --dial-timeout=1s --command-timeout=2s; } 2>&1); then
                [[ $1 == *.yaml ]] || sed -Ei "s/(initial.cluster.state\W+)new\b/\1existing/I" "$1"
                [[ $1 != *.service ]] || systemctl daemon-reload
                exit
            fi
            sleep 0.3
        done
        echo "etcd on $HOSTNAME is not healthy after 180 s; last seen: $seen"
        systemctl status --no-pager --lines=5 "$2"; exit 1'
    script=${script/SETTINGS/"$(etcdctl_settings "$1")"}
    console "$1" "sudo bash -c ${script@Q} lab $(settings_file "$1") $(started_by "$1")" </dev/null >&2
}

# shellcheck disable=SC2153 # not up's own "zones"
describe() {
    printf '%s masters in %s zones, etcd %s, shape %s%s' "${#NODES[@]}" "${#ZONES[@]}" "$ETCD" "$SHAPE" \
        "${KUBERNETES:+, Kubernetes $KUBERNETES}"
}

next_commands() {
    cat <<END
inventory: $STATE/inventory.yaml
Next, for example:
  $(self_named status)
  $(self_named etcdctl) m1 member list
${KUBERNETES:+  $(self_named kubectl) m1 get nodes
}  $(self_named power-off) zone1
  $(self_named bastion) COMMAND…    (where the bastion sits)
  $(self_named down)
END
}

status() {
    local zone node
    printf "lab '%s': %s\n" "$LAB_NAME" "$(describe)"
    for zone in "${ZONES[@]}"; do
        printf '%s: %s\n' "$zone" "$(zone_link "$zone")"
        for node in "${NODES[@]}"; do
            [[ ${NODE_ZONE[$node]} == "$zone" ]] || continue
            printf '  %s %s member %s: %s\n' "$node" "${NODE_ADDRESS[$node]}" "${NODE_MEMBER[$node]}" \
                "$(node_status "$node")"
        done
    done
}

node_status() {
    is_on "$1" || { printf 'off' && return; }
    local seen script
    # shellcheck disable=SC2016 # expanded on the machine
    script='printf "$1.service %s, " "$(systemctl is-active "$1")"
        etcdctl endpoint health --command-timeout=2s >/dev/null 2>&1 && printf healthy || printf "not healthy"
        [[ -z $2 ]] || printf ", API server: %s" "$(curl -sSk --max-time 2 https://127.0.0.1:6443/readyz 2>&1 | tail -n 1)"
        echo'
    script="$(etcdctl_settings "$1"); $script"
    seen=$(console "$1" "sudo bash -c ${script@Q} lab $(started_by "$1") $KUBERNETES" </dev/null 2>&1) || true
    printf 'on, %s' "${seen:-no answer over SSH}"
}

# Takes away whatever there is, in whatever state it is; a second time does nothing.
down() {
    local cgroup node
    kill_marked
    if [[ -f $STATE/lab.conf ]]; then load_plan; fi
    for cgroup in $(node_cgroups ''); do kill_cgroup "$cgroup"; done
    remove_network
    for cgroup in $(node_cgroups ''); do
        wait_until 20 "the lab's processes are gone ($cgroup)" remove_cgroup "$cgroup"
    done
    for node in "${NODES[@]}"; do forget_nspawn "$node"; done
    unmount_below "$STATE"
    # Only what `lab up` made is deleted: REQUORUM_LAB_STATE may name any directory.
    if [[ -f $STATE/lab.conf ]]; then rm -rf --one-file-system "$STATE"; fi
    rmdir "$STATE" 2>/dev/null || true
    rm -f "$LOCK_FILE"
    say "lab '$LAB_NAME' is down"
}
