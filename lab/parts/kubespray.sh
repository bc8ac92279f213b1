# What kubespray leaves on a master: certificates, /etc/etcd.env and the etcd unit.
# shellcheck shell=bash

# One authority for the lab; EC keys, because they are made at once.
make_authority() {
    mkdir -p "$STATE/pki"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=etcd-ca \
        -keyout "$STATE/pki/ca-key.pem" -out "$STATE/pki/ca.pem" 2>/dev/null
    chmod 0600 "$STATE/pki/ca-key.pem"
}

# make_certificate DIR member m1: the certificate serves as a server's and as a client's, as etcd's peers need.
make_certificate() {
    local dir=$1 name=$2-$3 node=$3
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=etcd-$name" \
        -keyout "$dir/$name-key.pem" -out "$STATE/pki/$name.csr" 2>/dev/null
    openssl x509 -req -in "$STATE/pki/$name.csr" -CA "$STATE/pki/ca.pem" -CAkey "$STATE/pki/ca-key.pem" \
        -set_serial "0x$(openssl rand -hex 8)" -days 3650 -out "$dir/$name.pem" -extfile - 2>/dev/null <<END
basicConstraints = CA:FALSE
keyUsage = digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = IP:${NODE_ADDRESS[$node]}, IP:127.0.0.1, DNS:localhost, DNS:$node, DNS:${NODE_MEMBER[$node]}
END
    chmod 0600 "$dir/$name-key.pem"
    chmod 0640 "$dir/$name.pem"
}

write_certificates() {
    local root=$1 node=$2 dir=$1/etc/ssl/etcd/ssl
    install -d -m 0700 "$dir"
    install -m 0640 "$STATE/pki/ca.pem" "$dir/ca.pem"
    make_certificate "$dir" member "$node"
    make_certificate "$dir" admin "$node"
}

initial_cluster() {
    local node list=''
    for node in "${NODES[@]}"; do
        list+=,${NODE_MEMBER[$node]}=https://${NODE_ADDRESS[$node]}:2380
    done
    printf '%s\n' "${list#,}"
}

# The state is "new" for the first start only; `lab up` turns it into "existing" as kubespray's next run would.
write_etcd_env() {
    local root=$1 node=$2 ip=${NODE_ADDRESS[$2]} ssl=/etc/ssl/etcd/ssl proxy='' corrupt=''
    # 3.6 has dropped the proxy and renamed the check.
    if ((MINOR <= 5)); then
        proxy=$'ETCD_PROXY=off\n'
        corrupt=$'\n# ETCD 3.5.x issue: check for corruption before serving\nETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK=True\n'
    fi
    cat >"$root/etc/etcd.env" <<END
# Environment file for etcd $ETCD
ETCD_DATA_DIR=/var/lib/etcd
ETCD_ADVERTISE_CLIENT_URLS=https://$ip:2379
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://$ip:2380
ETCD_INITIAL_CLUSTER_STATE=new

ETCD_METRICS=basic
ETCD_LISTEN_CLIENT_URLS=https://$ip:2379,https://127.0.0.1:2379
ETCD_ELECTION_TIMEOUT=5000
ETCD_HEARTBEAT_INTERVAL=250
ETCD_INITIAL_CLUSTER_TOKEN=k8s_etcd
ETCD_LISTEN_PEER_URLS=https://$ip:2380
ETCD_NAME=${NODE_MEMBER[$node]}
${proxy}ETCD_INITIAL_CLUSTER=$(initial_cluster)
ETCD_AUTO_COMPACTION_RETENTION=8
ETCD_SNAPSHOT_COUNT=10000

# TLS settings
ETCD_TRUSTED_CA_FILE=$ssl/ca.pem
ETCD_CERT_FILE=$ssl/member-$node.pem
ETCD_KEY_FILE=$ssl/member-$node-key.pem
ETCD_CLIENT_CERT_AUTH=true

ETCD_PEER_TRUSTED_CA_FILE=$ssl/ca.pem
ETCD_PEER_CERT_FILE=$ssl/member-$node.pem
ETCD_PEER_KEY_FILE=$ssl/member-$node-key.pem
ETCD_PEER_CLIENT_CERT_AUTH=true

# CLI settings
ETCDCTL_ENDPOINTS=https://127.0.0.1:2379
ETCDCTL_CACERT=$ssl/ca.pem
ETCDCTL_KEY=$ssl/admin-$node-key.pem
ETCDCTL_CERT=$ssl/admin-$node.pem
$corrupt
END
    chmod 0640 "$root/etc/etcd.env"
}

write_etcd_unit() {
    local units=$1/etc/systemd/system
    cat >"$units/etcd.service" <<'END'
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
    mkdir -p "$units/multi-user.target.wants"
    ln -sf ../etcd.service "$units/multi-user.target.wants/etcd.service"
}
