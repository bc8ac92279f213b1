# The shapes in which sites run etcd: where its settings and certificates are, and the unit that starts it.
# shellcheck shell=bash

# The file that holds etcd's settings, and with them what disaster recovery changes.
settings_file() {
    case ${NODE_SHAPE[$1]} in
    env | docker) printf '/etc/etcd.env\n' ;;
    flags) printf '/etc/systemd/system/etcd.service\n' ;;
    config) printf '/etc/etcd/etcd.config.yml\n' ;;
    pod) printf '%s\n' "$MANIFEST" ;;
    esac
}

# The unit that starts it.
started_by() { [[ ${NODE_SHAPE[$1]} == pod ]] && printf 'kubelet\n' || printf 'etcd\n'; }

# How the inventory says it.
inventory_config() {
    case ${NODE_SHAPE[$1]} in
    env | docker) printf 'env_file: ' ;;
    flags) printf 'unit_flags: true' && return ;;
    config) printf 'config_file: ' ;;
    pod) printf 'static_pod: ' ;;
    esac
    settings_file "$1"
}

# tls_paths NODE: sets where the certificates are: CA is a file; SERVER, PEER and CLIENT (whom etcdctl is) want $CERT or
# $KEY after them. Where no certificate is made for clients, etcdctl shows etcd's own.
tls_paths() {
    CERT=.pem KEY=-key.pem
    case ${NODE_SHAPE[$1]} in
    env | docker)
        CA=/etc/ssl/etcd/ssl/ca.pem SERVER=/etc/ssl/etcd/ssl/member-$1 CLIENT=/etc/ssl/etcd/ssl/admin-$1
        PEER=$SERVER
        ;;
    flags)
        CA=/etc/etcd/ca.pem SERVER=/etc/etcd/kubernetes
        PEER=$SERVER CLIENT=$SERVER
        ;;
    config)
        CA=/etc/etcd/pki/ca.pem SERVER=/etc/etcd/pki/server PEER=/etc/etcd/pki/peer
        CLIENT=$SERVER
        ;;
    pod)
        CERT=.crt KEY=.key
        CA=/etc/kubernetes/pki/etcd/ca.crt SERVER=/etc/kubernetes/pki/etcd/server PEER=/etc/kubernetes/pki/etcd/peer
        CLIENT=/etc/kubernetes/pki/etcd/healthcheck-client
        ;;
    esac
}

write_certificates() {
    local root=$1 node=$2 path
    tls_paths "$node"
    install -d -m 0700 "$root${CA%/*}"
    install -m 0640 "$STATE/pki/ca.pem" "$root$CA"
    for path in "$SERVER" "$PEER" "$CLIENT"; do
        [[ -e $root$path$CERT ]] || make_certificate "$root" "$node" "$path"
    done
    if [[ -n $KUBERNETES || ${NODE_SHAPE[$node]} == pod ]]; then
        path=$(api_server_as_client "$node")
        [[ -e $root$path$CERT ]] || make_certificate "$root" "$node" "$path"
    fi
}

# The certificate that an API server shows to etcd.
api_server_as_client() {
    tls_paths "$1"
    case ${NODE_SHAPE[$1]} in
    env | docker) printf '/etc/ssl/etcd/ssl/node-%s' "$1" ;;
    pod) printf '/etc/kubernetes/pki/apiserver-etcd-client' ;;
    *) printf '%s' "$CLIENT" ;;
    esac
}

# What a shell on the machine runs before etcdctl, so that it asks the machine's own member.
etcdctl_settings() {
    if [[ ${NODE_SHAPE[$1]} =~ ^(env|docker)$ ]]; then
        printf 'set -a; . /etc/etcd.env'
    else
        tls_paths "$1"
        [[ ${NODE_SHAPE[$1]} != pod ]] || tools_in_pod
        printf 'export ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 ETCDCTL_CACERT=%s ETCDCTL_CERT=%s ETCDCTL_KEY=%s' \
            "$CA" "$CLIENT$CERT" "$CLIENT$KEY"
    fi
}

# The tools are in etcd's image, and run on the machine as they are.
tools_in_pod() {
    # shellcheck disable=SC2016 # expanded on the machine
    printf '%s; ' 'pid=$(pgrep -xo etcd) ||
        { echo "etcd does not run here, and its tools are in its pod" >&2; exit 1; }' 'PATH=$PATH:/proc/$pid/root/usr/local/bin'
}

# kubespray's settings, one NAME=VALUE a line, under the names that flags and the config file have for them.
etcd_settings() {
    local name value
    etcd_env "$1" | sed -n 's/^ETCD_//p' | while IFS='=' read -r name value; do
        name=${name,,}
        printf '%s=%s\n' "${name//_/-}" "${value/#True/true}"
    done
}

write_etcd() {
    local root=$1 node=$2 units=$1/etc/systemd/system
    [[ $SHAPE != docker ]] || write_docker "$root" "$node"
    if [[ -n $KUBERNETES || $SHAPE == pod ]]; then write_kubelet "$root" "$node"; fi
    if [[ $SHAPE == pod ]]; then
        write_pod "$root" "$node"
        return
    fi
    case ${NODE_SHAPE[$node]} in
    env | docker)
        etcd_env "$node" >"$root/etc/etcd.env"
        chmod 0640 "$root/etc/etcd.env"
        "unit_with_${NODE_SHAPE[$node]}" "$node" >"$units/etcd.service"
        ;;
    flags) unit_with_flags "$node" >"$units/etcd.service" ;;
    config)
        etcd_config "$node" >"$root/etc/etcd/etcd.config.yml"
        unit_with_config >"$units/etcd.service"
        ;;
    esac
    mkdir -p "$units/multi-user.target.wants"
    ln -sf ../etcd.service "$units/multi-user.target.wants/etcd.service"
}

unit_with_env() {
    cat <<'END'
[Unit]
Description=etcd
After=network.target

[Service]
Type=notify
User=root
EnvironmentFile=/etc/etcd.env
ExecStart=/usr/local/bin/etcd
NotifyAccess=all
Restart=always
RestartSec=10s
LimitNOFILE=40000

[Install]
WantedBy=multi-user.target
END
}

# As those write it who set Kubernetes up by hand: no environment, and a flag's value stands after a blank or after "=".
unit_with_flags() {
    local setting flags='' number=0
    while read -r setting; do
        # A switch takes its value after "=" only.
        ((number++ % 2)) || [[ $setting == *=true ]] || setting=${setting/=/ }
        flags+=$' \\\n  --'$setting
    done < <(etcd_settings "$1")
    cat <<END
[Unit]
Description=etcd
Documentation=https://github.com/etcd-io/etcd

[Service]
Type=notify
ExecStart=/usr/local/bin/etcd$flags
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
END
}

unit_with_config() {
    cat <<'END'
[Unit]
Description=Etcd Service
Documentation=https://etcd.io/docs/
After=network.target

[Service]
Type=notify
ExecStart=/usr/local/bin/etcd --config-file /etc/etcd/etcd.config.yml
Restart=on-failure
RestartSec=10
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
END
}

etcd_config() {
    local name value older=''
    local -A set=()
    while IFS='=' read -r name value; do set[$name]=$value; done < <(etcd_settings "$1")
    # 3.6 has dropped the proxy and renamed the check.
    ((MINOR >= 6)) || older="
# Valid values include 'on', 'readonly', 'off'
proxy: '${set[proxy]}'

# Check for corruption before serving
experimental-initial-corrupt-check: ${set[experimental-initial-corrupt-check]}
"
    cat <<END
# This is the configuration file for the etcd server.

# Human-readable name for this member.
name: '${set[name]}'

# Path to the data directory.
data-dir: ${set[data-dir]}

# Number of committed transactions to trigger a snapshot to disk.
snapshot-count: ${set[snapshot-count]}

# Time (in milliseconds) of a heartbeat interval, and for an election to timeout.
heartbeat-interval: ${set[heartbeat-interval]}
election-timeout: ${set[election-timeout]}

# Raise alarms when backend size exceeds the given quota. 0 means use the default quota.
quota-backend-bytes: 0

# List of comma separated URLs to listen on for peer and client traffic.
listen-peer-urls: ${set[listen-peer-urls]}
listen-client-urls: "${set[listen-client-urls]}"

# Comma-separated white list of origins for CORS (cross-origin resource sharing).
cors:

# List of this member's URLs to advertise to the rest of the cluster.
initial-advertise-peer-urls: ${set[initial-advertise-peer-urls]}
advertise-client-urls: ${set[advertise-client-urls]}

# Discovery URL used to bootstrap the cluster.
discovery:

# Initial cluster configuration for bootstrapping.
initial-cluster: '${set[initial-cluster]}'
initial-cluster-token: '${set[initial-cluster-token]}'
initial-cluster-state: 'new'   # 'new' or 'existing'

auto-compaction-retention: '${set[auto-compaction-retention]}'
metrics: ${set[metrics]}
$older
client-transport-security:
  # Path to the client server TLS cert file.
  cert-file: ${set[cert-file]}

  # Path to the client server TLS key file.
  key-file: ${set[key-file]}

  # Enable client cert authentication.
  client-cert-auth: ${set[client-cert-auth]}

  # Path to the client server TLS trusted CA cert file.
  trusted-ca-file: ${set[trusted-ca-file]}

peer-transport-security:
  cert-file: ${set[peer-cert-file]}
  key-file: ${set[peer-key-file]}
  client-cert-auth: ${set[peer-client-cert-auth]}
  trusted-ca-file: ${set[peer-trusted-ca-file]}

# Force to create a new one member cluster.
force-new-cluster: false
END
}
