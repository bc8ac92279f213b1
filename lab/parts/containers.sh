# Machines with etcd in a container: its image, loaded once for all, and what containers in a container need.
# shellcheck shell=bash

in_containers() { [[ $SHAPE == pod || $SHAPE == docker ]]; }

# The Debian packages of the shape's container engine. Docker's client is a package of its own since trixie.
container_packages() {
    case $SHAPE-$ROOT in
    pod-*) printf 'containerd,runc\n' ;;
    docker-bookworm) printf 'docker.io\n' ;;
    docker-*) printf 'docker.io,docker-cli\n' ;;
    esac
}

# Sets ETCD_IMAGE to the name of etcd's image, and IMAGES to the engine's directory under /var/lib with that image.
ensure_images() {
    local version=$BUILD
    [[ -n $BUILD ]] || version=$(chroot "$ROOT_DIR" /usr/local/bin/etcd --version | sed -n 's/^etcd Version: //p')
    case $SHAPE in
    pod) ETCD_IMAGE=registry.k8s.io/etcd:$version-0 ;;
    docker) ETCD_IMAGE=quay.io/coreos/etcd:v$version ;;
    esac
    IMAGES=$CACHE/images-$SHAPE-etcd-$version
    [[ -d $IMAGES ]] && return
    (
        lock_cache
        [[ -d $IMAGES ]] || build_images
    )
}

build_images() {
    local dir bin=$ROOT_DIR archives
    [[ -z $BUILD ]] || bin=$ETCD_LAYER
    dir=$(building_dir)
    archives=("$dir/etcd.tar")
    "$LAB_DIR/parts/build-image" "$dir/etcd.tar" "$ETCD_IMAGE" "$ROOT_DIR" etcd "$bin"/usr/local/bin/etcd*
    if [[ $SHAPE == pod ]]; then
        archives+=("$dir/pause.tar")
        "$LAB_DIR/parts/build-image" "$dir/pause.tar" "$PAUSE" "$ROOT_DIR" pause "$CACHE/kubelet-$KUBELET/pause"
    fi
    "$LAB_DIR/parts/load-images" "$SHAPE" "$ROOT_DIR" "$dir/lib" "${archives[@]}" \
        >"$CACHE/images.log" 2>&1 </dev/null 8>&- || die "could not load the images; the log is $CACHE/images.log"
    mv "$dir/lib" "$IMAGES"
    rm -rf "$dir"
}

# What systemd-nspawn must allow for containers in a container. Their files lie on the host's own file system, because
# an overlay cannot be laid over another.
nspawn_for_containers() {
    local lib
    printf '%s\n' --capability=all --bind=/dev/kmsg \
        '--system-call-filter=@raw-io @privileged add_key keyctl bpf perf_event_open'
    for lib in "$STATE/nodes/$1/lib"/*; do printf '%s\n' "--bind=$lib:/var/lib/${lib##*/}"; done
}
