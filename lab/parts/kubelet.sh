# A kubelet and its containerd on each machine, and how programs of Kubernetes are built.
# shellcheck shell=bash disable=SC2034 # the other parts read what this one sets

KUBELET=1.34.4
# What containerd of Debian has as the first container of each pod.
PAUSE=registry.k8s.io/pause:3.8

# Sets KUBELET_LAYER to a layer with the kubelet, to lie over a root.
ensure_kubelet() {
    ensure_programs "kubelet-$KUBELET" kubelet pause.go
    KUBELET_LAYER=$CACHE/kubelet-$KUBELET/layer
}

# ensure_programs NAME PROGRAM…: after it, the cache's directory NAME has these programs, as build-kubernetes places them.
ensure_programs() {
    [[ -d $CACHE/$1 ]] && return
    (
        lock_cache
        [[ -d $CACHE/$1 ]] || build_programs "$@"
    )
}

build_programs() {
    local name=$1 go dir
    shift
    go=$(find_go "$1 $KUBELET")
    say "building $(IFS=, && printf '%s' "${*%.go}") $KUBELET from source (once, some minutes)"
    dir=$(building_dir)
    "$LAB_DIR/parts/build-kubernetes" "$go" "$KUBELET" "$dir" "$@" >"$CACHE/$name.log" 2>&1 </dev/null 8>&- ||
        die "could not build ${*%.go}; the log is $CACHE/$name.log"
    rm -rf "$dir/module"
    mv "$dir" "$CACHE/$name"
}

# A machine's kubelet, with the settings that it and containerd want inside a container: there are no controllers in its
# cgroups, and its kernel's settings cannot be changed.
write_kubelet() {
    local root=$1 node=$2 dir=$STATE/nodes/$2 registers=''
    mkdir -p "$root/etc/kubernetes/manifests" "$root/etc/containerd" "$root/var/lib/containerd" \
        "$root/var/lib/kubelet" "$dir/lib/kubelet"
    share_images "$dir/lib/containerd"
    if [[ -n $KUBERNETES ]]; then
        registers=' --kubeconfig=/etc/kubernetes/kubelet.conf'
        # A node is ready once it has a network for pods. There is none, so that only pods on the machine's own run.
        install -D -m 0644 /dev/stdin "$root/etc/cni/net.d/10-lab.conflist" <<'END'
{ "cniVersion": "1.0.0", "name": "lab", "plugins": [{ "type": "none" }] }
END
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
    cat >"$root/etc/systemd/system/kubelet.service" <<END
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target containerd.service
After=network-online.target containerd.service

[Service]
ExecStartPre=/usr/local/lib/lab/kernel-settings
ExecStart=/usr/local/bin/kubelet --config=/var/lib/kubelet/config.yaml$registers
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
