# Machines with containers: their images, loaded once for all, and what containers in a container need.
# shellcheck shell=bash

has_containers() { [[ $SHAPE == pod || $SHAPE == docker || -n $KUBERNETES ]]; }

# The Debian packages of the shape's container engine. Docker's client is a package of its own since trixie.
container_packages() {
    case $SHAPE-$ROOT in
    docker-bookworm) printf 'docker.io\n' ;;
    docker-*) printf 'docker.io,docker-cli\n' ;;
    *) printf 'containerd,runc\n' ;;
    esac
}

# Sets ETCD_IMAGE to the name of etcd's image where it is in one, IMAGES to containerd's directory under /var/lib with the
# images of such a machine, and DOCKER_IMAGES to Docker's.
ensure_images() {
    local version=$BUILD holds=()
    [[ -n $BUILD ]] || version=$(chroot "$ROOT_DIR" /usr/local/bin/etcd --version | sed -n 's/^etcd Version: //p')
    case $SHAPE in
    pod) ETCD_IMAGE=registry.k8s.io/etcd:$version-0 holds=("pod-etcd-$version") ;;
    docker)
        ETCD_IMAGE=quay.io/coreos/etcd:v$version DOCKER_IMAGES=$CACHE/images-docker-etcd-$version
        ensure_loaded docker "$DOCKER_IMAGES"
        ;;
    esac
    [[ -z $KUBERNETES ]] || holds+=("kubernetes-$KUBERNETES")
    [[ -n ${holds[*]} ]] || return 0
    IMAGES=$CACHE/images-$(IFS=- && printf '%s' "${holds[*]}")
    ensure_loaded pod "$IMAGES"
}

# ensure_loaded ENGINE DIR
ensure_loaded() {
    [[ -d $2 ]] && return
    (
        lock_cache
        [[ -d $2 ]] || build_images "$@"
    )
}

build_images() {
    local engine=$1 dir bin=$ROOT_DIR archives=() programs=() program
    [[ -z $BUILD ]] || bin=$ETCD_LAYER
    dir=$(building_dir)
    if [[ $SHAPE == "$engine" ]]; then
        archives+=("$dir/etcd.tar")
        "$LAB_DIR/parts/build-image" "$dir/etcd.tar" "$ETCD_IMAGE" "$ROOT_DIR" etcd "$bin"/usr/local/bin/etcd*
    fi
    if [[ $engine == pod ]]; then
        programs=(${KUBERNETES:+"${CONTROL_PLANE[@]}"})
        archives+=("$dir/pause.tar")
        "$LAB_DIR/parts/build-image" "$dir/pause.tar" "$PAUSE" "$ROOT_DIR" pause "$CACHE/kubelet-$KUBELET/pause"
    fi
    for program in "${programs[@]}"; do
        archives+=("$dir/$program.tar")
        "$LAB_DIR/parts/build-image" "$dir/$program.tar" "registry.k8s.io/$program:v$KUBERNETES" "$ROOT_DIR" "$program" \
            "$CACHE/kubernetes-$KUBERNETES/$program"
    done
    "$LAB_DIR/parts/load-images" "$engine" "$ROOT_DIR" "$dir/lib" "${archives[@]}" \
        >"$CACHE/images.log" 2>&1 </dev/null 8>&- || die "could not load the images; the log is $CACHE/images.log"
    mv "$dir/lib" "$2"
    rm -rf "$dir"
}

# share_images DIR: containerd never changes the files of a layer, so all machines have the same ones; what it changes are
# its records.
share_images() {
    local record
    if ! cp -al "$IMAGES" "$1" 2>/dev/null; then
        rm -rf "$1"
        cp -a "$IMAGES" "$1"
        return
    fi
    while IFS= read -r record; do
        cp -a --remove-destination "$IMAGES/$record" "$1/$record"
    done < <(cd "$IMAGES" && find . -name '*.db')
}

# What systemd-nspawn must allow for containers in a container. Their files lie on the host's own file system, because
# an overlay cannot be laid over another.
nspawn_for_containers() {
    local lib
    printf '%s\n' --capability=all --bind=/dev/kmsg \
        '--system-call-filter=@raw-io @privileged add_key keyctl bpf perf_event_open'
    for lib in "$STATE/nodes/$1/lib"/*; do printf '%s\n' "--bind=$lib:/var/lib/${lib##*/}"; done
}
