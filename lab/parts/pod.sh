# etcd as kubeadm runs it: a static pod that a kubelet starts through containerd, without an API server or beside one.
# shellcheck shell=bash disable=SC2034 # the other parts read what this one sets

MANIFEST=/etc/kubernetes/manifests/etcd.yaml

# The disk of a machine that has etcd in a pod and none of its own. Who joins gets its manifest then.
write_pod() {
    local root=$1 node=$2
    rm -f "$root"/usr/local/bin/etcd*
    if [[ $node == "${NODES[0]}" ]]; then
        etcd_manifest "$node" "$node=https://${NODE_ADDRESS[$node]}:2380" >"$root$MANIFEST"
        chmod 0600 "$root$MANIFEST"
    fi
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
        if [[ -n $KUBERNETES ]]; then join_control_plane "$node"; fi
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
