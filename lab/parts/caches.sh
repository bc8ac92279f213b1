# What is made once and shared by all labs: the host's packages, the root file systems and etcd's built binaries.
# shellcheck shell=bash

# Raised when the recipe below changes: machines of older labs keep the root they stand on.
ROOT_RECIPE=2
# Debian packages that the machines have besides, such as python3,vim: they stand on a root of their own then.
PACKAGES=${REQUORUM_LAB_PACKAGES-}

install_packages() {
    local missing=() pair
    for pair in mmdebstrap:mmdebstrap systemd-nspawn:systemd-container ip:iproute2 nft:nftables perl:perl \
        openssl:openssl ssh:openssh-client; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
    done
    [[ -f /usr/share/keyrings/debian-archive-keyring.gpg ]] || missing+=(debian-archive-keyring)
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    mkdir -p "$CACHE"
    (
        lock_cache
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq &&
            apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "${missing[@]}"
    ) >"$CACHE/packages.log" 2>&1 </dev/null ||
        die "could not install ${missing[*]}: $(tail -n 3 "$CACHE/packages.log")"
}

# The mirror is the one that the host's own apt uses.
debian_mirror() {
    # shellcheck disable=SC2016 # apt's own placeholders
    apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "main" && $3 !~ /security/ { print $3; exit }'
}

root_name() { printf 'root-%s-r%s%s' "$1" "$ROOT_RECIPE" "${PACKAGES:+-${PACKAGES//,/-}}"; }

# ensure_root trixie: sets ROOT_DIR to the read-only lower layer of all machines of that release.
# shellcheck disable=SC2034 # read where the disks are made
ensure_root() {
    ROOT_DIR=$CACHE/$(root_name "$1")
    [[ -d $ROOT_DIR ]] && return
    (
        lock_cache
        [[ -d $ROOT_DIR ]] || build_root "$1"
    )
}

# A new place for each attempt, since parts of a killed one may still write; the old ones go.
building_dir() {
    local old
    for old in "$CACHE"/.building.*; do
        unmount_below "$old"
        rm -rf --one-file-system "$old"
    done
    mktemp -d "$CACHE/.building.XXXXXX"
}

build_root() {
    local release=$1 mirror dir
    mirror=$(debian_mirror)
    if [[ -z $mirror ]]; then
        apt-get update -qq
        mirror=$(debian_mirror)
    fi
    [[ -n $mirror ]] || die "the host's apt names no Debian mirror, and the lab takes its machines from one"
    say "making the machines' root file system, Debian $release (once, about half a minute)"
    dir=$(building_dir)
    mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Languages "none"' \
        --include=systemd,systemd-sysv,dbus,openssh-server,etcd-server,etcd-client,iproute2,nftables,sudo,procps \
        --include="ca-certificates,curl,openssl${PACKAGES:+,$PACKAGES}" \
        --customize-hook="$LAB_DIR/parts/customize-root \"\$1\"" \
        "$release" "$dir" \
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" \
        >"$CACHE/root-$release.log" 2>&1 </dev/null 8>&- ||
        die "could not make the root file system; the log is $CACHE/root-$release.log"
    chmod 0755 "$dir"
    mv "$dir" "$CACHE/$(root_name "$release")"
}

find_go() {
    local go
    for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go/bin/go; do
        [[ -x $go ]] && printf '%s\n' "$go" && return
    done
    die "$1 is built from source and needs a Go toolchain (go on PATH or in /usr/local/go/bin);" \
        "--etcd 3.4 and --etcd 3.5 come with Debian, and need none without --shape pod and --kubernetes"
}

# ensure_etcd 3.6.16: sets ETCD_LAYER to a layer with that version's static binaries, to lie over a root.
ensure_etcd() {
    ETCD_LAYER=$CACHE/etcd-$1
    [[ -d $ETCD_LAYER ]] && return
    (
        lock_cache
        [[ -d $ETCD_LAYER ]] || build_etcd "$1"
    )
}

build_etcd() {
    local version=$1 go dir
    [[ $version == 3.4.* ]] && die "3.4 comes with Debian only: use --etcd 3.4"
    go=$(find_go "etcd $version")
    say "building etcd $version from source (once, about a minute)"
    dir=$(building_dir)
    "$LAB_DIR/parts/build-etcd" "$go" "$version" "$dir" >"$CACHE/etcd-$version.log" 2>&1 </dev/null 8>&- ||
        die "could not build etcd $version; the log is $CACHE/etcd-$version.log"
    mv "$dir/layer" "$CACHE/etcd-$version"
    rm -rf "$dir"
}
