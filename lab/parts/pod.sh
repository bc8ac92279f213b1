# etcd as kubeadm runs it: a static pod that a kubelet starts through containerd, here without an API server.
# shellcheck shell=bash disable=SC2034 # the other parts read what this one sets

KUBELET=1.34.4
MANIFEST=/etc/kubernetes/manifests/etcd.yaml
# What containerd of Debian has as the first container of each pod.
PAUSE=registry.k8s.io/pause:3.8

# Sets KUBELET_LAYER to a layer with the kubelet, to lie over a root.
ensure_kubelet() {
    KUBELET_LAYER=$CACHE/kubelet-$KUBELET/layer
    [[ -d $CACHE/kubelet-$KUBELET ]] && return
    (
        lock_cache
        [[ -d $CACHE/kubelet-$KUBELET ]] || build_kubelet
    )
}

build_kubelet() {
    local go dir
    go=$(find_go "the kubelet")
    say "building the kubelet $KUBELET from source (once, some minutes)"
    dir=$(building_dir)
    "$LAB_DIR/parts/build-kubelet" "$go" "$KUBELET" "$dir" >"$CACHE/kubelet.log" 2>&1 </dev/null 8>&- ||
        die "could not build the kubelet; the log is $CACHE/kubelet.log"
    rm -rf "$dir/module"
    mv "$dir" "$CACHE/kubelet-$KUBELET"
}

# The disk of a machine that has etcd in a pod and none of its own, with the settings that containerd and the kubelet
# want inside a container: there are no controllers in its cgroups, and its kernel's settings cannot be changed.
write_kubelet() {
    local root=$1 node=$2 dir=$STATE/nodes/$2
    rm -f "$root"/usr/local/bin/etcd*
    mkdir -p "$root/etc/kubernetes/manifests" "$root/etc/containerd" "$root/var/lib/containerd" \
        "$root/var/lib/kubelet" "$dir/lib/kubelet"
    cp -a --reflink=auto "$IMAGES" "$dir/lib/containerd"
    if [[ $node == "${NODES[0]}" ]]; then
        etcd_manifest "$node" "$node=https://${NODE_ADDRESS[$node]}:2380" >"$root$MANIFEST"
        chmod 0600 "$root$MANIFEST"
    fi
    cat >"$root/etc/containerd/config.toml" <<END
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE"
  disable_cgroup = true
  restrict_oom_score_adj = true
END
    cat >"$dir/lib/kubelet/config.yaml" <<'END'
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: /etc/kubernetes/manifests
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
localStorageCapacityIsolation: false
failSwapOn: false
evictionHard: { imagefs.available: 0%, memory.available: 0%, nodefs.available: 0%, nodefs.inodesFree: 0% }
imageGCHighThresholdPercent: 100
END
    install -D -m 0755 /dev/stdin "$root/usr/local/lib/lab/kernel-settings" <<'END'
#!/bin/sh
# The kubelet insists on these and sets them where they differ, which would be the host's: so it is shown files.
set -eu
for pair in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    name=${pair%=*}
    mountpoint -q "/proc/sys/$name" && continue
    mkdir -p "/run/lab/${name%/*}"
    echo "${pair#*=}" >"/run/lab/$name"
    mount --bind "/run/lab/$name" "/proc/sys/$name"
done
END
    cat >"$root/etc/systemd/system/kubelet.service" <<'END'
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target containerd.service
After=network-online.target containerd.service

[Service]
ExecStartPre=/usr/local/lib/lab/kernel-settings
ExecStart=/usr/local/bin/kubelet --config=/var/lib/kubelet/config.yaml
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
END
    # Nothing in a container loads the kernel's modules.
    ln -sf /dev/null "$root/etc/systemd/system/systemd-modules-load.service"
    ln -sf ../kubelet.service "$root/etc/systemd/system/multi-user.target.wants/kubelet.service"
}

# The members join one after the other, as with `kubeadm init` and `kubeadm join`, so that each manifest has the list of
# its day: the first its own member alone, the last all.
join_pods() {
    local node first=${NODES[0]} answer id list
    await_etcd "$first"
    for node in "${NODES[@]:1}"; do
        answer=$(etcdctl_until_done "$first" member add "$node" --learner \
            --peer-urls="https://${NODE_ADDRESS[$node]}:2380")
        list=$(sed -n 's/^ETCD_INITIAL_CLUSTER="\(.*\)"/\1/p' <<<"$answer")
        id=$(sed -n 's/^Member *\([0-9a-f]*\) added.*/\1/p' <<<"$answer")
        place_manifest "$node" "$list"
        etcdctl_until_done "$first" member promote "$id" >/dev/null
    done
}

# etcd refuses a member while its others have not been connected for 5 s, and to promote one that is not in step.
etcdctl_until_done() {
    local node=$1 script
    shift
    # shellcheck disable=SC2016 # expanded on the machine
    script='while ((SECONDS < 60)); do
            seen=$(etcdctl "$@" 2>&1) && printf "%s\n" "$seen" && exit
            sleep 0.3
        done
        echo "etcdctl $*: not within 60 s; last seen: $seen" >&2; exit 1'
    script="$(etcdctl_settings "$node"); $script"
    console "$node" "sudo bash -c ${script@Q} etcdctl ${*@Q}" </dev/null
}

# place_manifest NODE LIST: finished first and then moved in, for whatever lies in there is run.
place_manifest() {
    local new=/etc/kubernetes/etcd.yaml.new
    etcd_manifest "$1" "$2" existing | console "$1" "sudo sh -c 'umask 077 && cat >$new' && sudo mv $new $MANIFEST"
}

# The flags, as kubeadm sorts them.
pod_flags() {
    local node=$1 ip=${NODE_ADDRESS[$1]}
    tls_paths "$node"
    {
        cat <<END
--advertise-client-urls=https://$ip:2379
--cert-file=$SERVER$CERT
--client-cert-auth=true
--data-dir=/var/lib/etcd
--initial-advertise-peer-urls=https://$ip:2380
--initial-cluster=$2
--key-file=$SERVER$KEY
--listen-client-urls=https://127.0.0.1:2379,https://$ip:2379
--listen-metrics-urls=http://127.0.0.1:2381
--listen-peer-urls=https://$ip:2380
--name=$node
--peer-cert-file=$PEER$CERT
--peer-client-cert-auth=true
--peer-key-file=$PEER$KEY
--peer-trusted-ca-file=$CA
--snapshot-count=10000
--trusted-ca-file=$CA
END
        [[ -z ${3-} ]] || printf '%s\n' "--initial-cluster-state=$3"
        case $MINOR in
        4) ;;
        5) printf -- '--experimental-%s\n' initial-corrupt-check=true watch-progress-notify-interval=5s ;;
        *) printf '%s\n' --feature-gates=InitialCorruptCheck=true --watch-progress-notify-interval=5s ;;
        esac
    } | LC_ALL=C sort -t= -k1,1
}

# etcd_manifest NODE LIST [existing]: as kubeadm 1.21 (for etcd 3.4), 1.31 (3.5) and 1.34 (3.6 and later) writes it.
etcd_manifest() {
    local live=/livez ready=/readyz port=2381
    case $MINOR in
    4) live=/health ready=/health ;;
    5) ;;
    *) port=probe-port ;;
    esac
    cat <<END
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://${NODE_ADDRESS[$1]}:2379
END
    ((MINOR >= 6)) || printf '  creationTimestamp: null\n'
    cat <<END
  labels:
    component: etcd
    tier: control-plane
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
$(pod_flags "$@" | sed 's/^/    - /')
    image: $ETCD_IMAGE
    imagePullPolicy: IfNotPresent
END
    probe liveness "$live" "$port" 8 10 10
    printf '    name: etcd\n'
    ((MINOR < 6)) || printf '    %s\n' ports: '- containerPort: 2381' '  name: probe-port' '  protocol: TCP'
    ((MINOR == 4)) || probe readiness "$ready" "$port" 3 '' 1
    printf '    %s\n' resources: '  requests:' '    cpu: 100m' '    memory: 100Mi'
    probe startup "$ready" "$port" 24 10 10
    cat <<END
    volumeMounts:
    - mountPath: /var/lib/etcd
      name: etcd-data
    - mountPath: /etc/kubernetes/pki/etcd
      name: etcd-certs
  hostNetwork: true
END
    ((MINOR == 4)) || printf '  priority: 2000001000\n'
    printf '  priorityClassName: system-node-critical\n'
    ((MINOR == 4)) || printf '  %s\n' securityContext: '  seccompProfile:' '    type: RuntimeDefault'
    cat <<END
  volumes:
  - hostPath:
      path: /etc/kubernetes/pki/etcd
      type: DirectoryOrCreate
    name: etcd-certs
  - hostPath:
      path: /var/lib/etcd
      type: DirectoryOrCreate
    name: etcd-data
status: {}
END
}

# probe NAME PATH PORT FAILURES DELAY PERIOD
probe() {
    printf '    %s\n' "$1Probe:" "  failureThreshold: $4" '  httpGet:' '    host: 127.0.0.1' "    path: $2" \
        "    port: $3" '    scheme: HTTP'
    [[ -z $5 ]] || printf '      initialDelaySeconds: %s\n' "$5"
    printf '      %s\n' "periodSeconds: $6" 'timeoutSeconds: 15'
}
