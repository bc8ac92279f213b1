# A control plane of Kubernetes on each master: API server, controller manager and scheduler as static pods of its kubelet.
# kubeadm's own phases write their files, as in `kubeadm init` and as kubespray has them written.
# shellcheck shell=bash disable=SC2034 # the other parts read what this one sets

CONTROL_PLANE=(kube-apiserver kube-controller-manager kube-scheduler)
KUBEADM_CONFIG=/etc/kubernetes/kubeadm-config.yaml
# Where the manifests of a machine wait that joins later.
JOINING=/etc/kubernetes/joining

# Sets KUBERNETES_LAYER to a layer with kubeadm and kubectl, to lie over a root.
ensure_kubernetes() {
    ensure_programs "kubernetes-$KUBERNETES" "${CONTROL_PLANE[@]}" kubeadm kubectl
    KUBERNETES_LAYER=$CACHE/kubernetes-$KUBERNETES/layer
    ensure_programs "$(own_name clients)" clients.go
}

# A program of the lab's own is built anew when its source has changed.
own_name() {
    local digest
    digest=$(sha256sum <"$LAB_DIR/parts/$1.go")
    printf '%s-%s-%s\n' "$1" "$KUBERNETES" "${digest:0:8}"
}

# kubespray's directory is another one, which kubeadm's is a link to.
kubernetes_pki() { [[ $SHAPE == pod ]] && printf '/etc/kubernetes/pki\n' || printf '/etc/kubernetes/ssl\n'; }

# What all masters must have in common.
make_kubernetes_authorities() {
    local pki=$STATE/pki/kubernetes
    mkdir -p "$pki"
    make_authority "$pki/ca.crt" "$pki/ca.key" kubernetes
    make_authority "$pki/front-proxy-ca.crt" "$pki/front-proxy-ca.key" front-proxy-ca
    openssl ecparam -name prime256v1 -genkey -noout -out "$pki/sa.key"
    openssl ec -in "$pki/sa.key" -pubout -out "$pki/sa.pub" 2>/dev/null
    chmod 0600 "$pki/sa.key"
}

write_kubernetes() {
    local root=$1 node=$2 pki log=$STATE/nodes/$2/kubeadm.log phase
    pki=$(kubernetes_pki)
    mkdir -p "$root$pki"
    [[ $SHAPE == pod ]] || ln -s "${pki##*/}" "$root/etc/kubernetes/pki"
    cp "$STATE/pki/kubernetes"/* "$root$pki"
    kubeadm_config "$node" >"$root$KUBEADM_CONFIG"
    for phase in certs kubeconfig control-plane; do
        chroot "$root" kubeadm init phase "$phase" all --config="$KUBEADM_CONFIG" >>"$log" 2>&1 ||
            die "kubeadm's phase $phase failed for $node: $(tail -n 1 "$log")"
    done
    if [[ $SHAPE == pod && $node != "${NODES[0]}" ]]; then
        mkdir "$root$JOINING"
        mv "$root"/etc/kubernetes/manifests/kube-*.yaml "$root$JOINING"
    fi
    if [[ $node == "${NODES[0]}" ]]; then write_kubeconfig "$root"; fi
}

join_control_plane() { console "$1" "sudo sh -c 'mv $JOINING/* /etc/kubernetes/manifests/'" </dev/null; }

kubeadm_config() {
    local node=$1
    cat <<END
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: "${NODE_ADDRESS[$node]}"
  bindPort: 6443
nodeRegistration:
  name: $node
  criSocket: unix:///run/containerd/containerd.sock
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v$KUBERNETES
encryptionAlgorithm: ECDSA-P256
certificatesDir: $(kubernetes_pki)
END
    [[ $SHAPE == pod ]] || as_kubespray "$node"
}

# What kubespray's template adds: etcd outside with all its members' addresses, and its own defaults.
as_kubespray() {
    local node certificate
    certificate=$(api_server_as_client "$1")
    printf 'clusterName: cluster.local\netcd:\n  external:\n    endpoints:\n'
    for node in "${NODES[@]}"; do printf '    - https://%s:2379\n' "${NODE_ADDRESS[$node]}"; done
    cat <<END
    caFile: $CA
    certFile: $certificate$CERT
    keyFile: $certificate$KEY
networking:
  dnsDomain: cluster.local
  serviceSubnet: "10.233.0.0/18"
  podSubnet: "10.233.64.0/18"
apiServer:
  certSANs:
  - kubernetes
  - kubernetes.default
  - localhost
  - 127.0.0.1
END
    for node in "${NODES[@]}"; do printf '  - %s\n' "$node" "${NODE_ADDRESS[$node]}"; done
    extra_flags default-not-ready-toleration-seconds=300 default-unreachable-toleration-seconds=300 anonymous-auth=True \
        authorization-mode=Node,RBAC bind-address=:: enable-aggregator-routing=False endpoint-reconciler-type=lease \
        etcd-compaction-interval=5m0s kubelet-preferred-address-types=InternalDNS,InternalIP,Hostname,ExternalDNS,ExternalIP \
        profiling=False request-timeout=1m0s service-account-lookup=True service-node-port-range=30000-32767 \
        storage-backend=etcd3
    printf 'controllerManager:\n'
    extra_flags bind-address=:: configure-cloud-routes=false leader-elect-lease-duration=15s \
        leader-elect-renew-deadline=10s node-monitor-grace-period=40s node-monitor-period=5s profiling=False \
        terminated-pod-gc-threshold=12500
    printf 'scheduler:\n'
    extra_flags bind-address=:: profiling=False
}

extra_flags() {
    local flag
    printf '  extraArgs:\n'
    for flag in "$@"; do printf '  - name: %s\n    value: "%s"\n' "${flag%%=*}" "${flag#*=}"; done
}

# The bastion's: one context a master, since a client that is given a list of servers takes the one that answers.
write_kubeconfig() {
    local node authority user
    authority=$(sed -n 's/.*certificate-authority-data: //p' "$1/etc/kubernetes/super-admin.conf")
    user=$(sed -n 's/^ *\(client-.*-data: .*\)/    \1/p' "$1/etc/kubernetes/super-admin.conf")
    {
        printf 'apiVersion: v1\nkind: Config\ncurrent-context: %s\nclusters:\n' "${NODES[0]}"
        for node in "${NODES[@]}"; do
            printf -- '- name: %s\n  cluster:\n    server: https://%s:6443\n    certificate-authority-data: %s\n' \
                "$node" "${NODE_ADDRESS[$node]}" "$authority"
        done
        printf 'contexts:\n'
        for node in "${NODES[@]}"; do
            printf -- '- name: %s\n  context: { cluster: %s, user: admin }\n' "$node" "$node"
        done
        printf 'users:\n- name: admin\n  user:\n%s\n' "$user"
    } >"$STATE/kubeconfig"
    chmod 0600 "$STATE/kubeconfig"
}

# The wait runs on the machine (one SSH connection). An API server is ready once it has written to etcd.
await_kubernetes() {
    local script
    # shellcheck disable=SC2016 # expanded on the machine
    script='while ((SECONDS < 180)); do
            seen=
            for asked in 6443/readyz 10257/healthz 10259/readyz; do
                seen+=" $asked: $(curl -sSk --max-time 2 "https://127.0.0.1:$asked" 2>&1)"
            done
            [[ $seen != " 6443/readyz: ok 10257/healthz: ok 10259/readyz: ok" ]] || exit 0
            sleep 0.3
        done
        echo "the control plane on $HOSTNAME is not ready after 180 s; last seen:$seen"
        systemctl status --no-pager --lines=5 kubelet; exit 1'
    console "$1" "sudo bash -c ${script@Q}" </dev/null >&2
}

# What `kubeadm init` leaves in the cluster itself: its configuration, and who an administrator is.
finish_kubernetes() {
    console "${NODES[0]}" "sudo kubeadm init phase upload-config kubeadm --config=$KUBEADM_CONFIG" \
        </dev/null >>"$STATE/nodes/${NODES[0]}/kubeadm.log" 2>&1 ||
        die "kubeadm could not keep its configuration: $(tail -n 1 "$STATE/nodes/${NODES[0]}/kubeadm.log")"
}

need_kubernetes() {
    [[ -n $KUBERNETES ]] || die "the lab '$LAB_NAME' has no Kubernetes: it comes with $(self_named up) --kubernetes"
}

# run_clients [WATCHES NODE]: writes, reads and watches through every API server until it is ended.
run_clients() {
    need_kubernetes
    exec ip netns exec "$NS.bastion" "$CACHE/$(own_name clients)/clients" "$STATE/kubeconfig" "$@"
}

# Kubernetes' own tests of its API machinery, those that the arguments choose.
run_conformance() {
    need_kubernetes
    ensure_programs "$(own_name conformance)" conformance.go
    exec ip netns exec "$NS.bastion" "$CACHE/$(own_name conformance)/conformance" --kubeconfig="$STATE/kubeconfig" \
        --provider=skeleton "$@"
}

# run_kubectl [NODE] ARGUMENT…: through that master's API server, or through the first that can be reached.
run_kubectl() {
    local node
    need_kubernetes
    KUBERNETES_LAYER=$CACHE/kubernetes-$KUBERNETES/layer
    if [[ -n ${1-} && -n ${NODE_ZONE[$1]-} ]]; then
        node=$1
        shift
    else
        node=$(reached_api_server)
    fi
    exec ip netns exec "$NS.bastion" "$KUBERNETES_LAYER/usr/local/bin/kubectl" --kubeconfig="$STATE/kubeconfig" \
        --cache-dir="$STATE/kubectl-cache" --context="$node" "$@"
}

reached_api_server() {
    local node
    for node in "${NODES[@]}"; do
        ip netns exec "$NS.bastion" timeout 1 bash -c "exec 3<>/dev/tcp/${NODE_ADDRESS[$node]}/6443" 2>/dev/null || continue
        printf '%s\n' "$node"
        return
    done
    die "no master's API server can be reached from the bastion"
}
