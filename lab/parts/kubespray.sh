# Certificates, and etcd's settings as kubespray writes them: the other shapes are made from the same settings.
# shellcheck shell=bash

# make_authority CERT KEY NAME: EC keys, because they are made at once.
make_authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$3" \
        -keyout "$2" -out "$1" 2>/dev/null
    chmod 0600 "$2"
}

# make_certificate ROOT NODE PATH: it serves as a server's and as a client's, as etcd's peers need.
make_certificate() {
    local node=$2 path=$1$3
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=etcd-${path##*/}" \
        -keyout "$path$KEY" -out "$path.csr" 2>/dev/null
    openssl x509 -req -in "$path.csr" -CA "$STATE/pki/ca.pem" -CAkey "$STATE/pki/ca-key.pem" \
        -set_serial "0x$(openssl rand -hex 8)" -days 3650 -out "$path$CERT" -extfile - 2>/dev/null <<END
basicConstraints = CA:FALSE
keyUsage = digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = IP:${NODE_ADDRESS[$node]}, IP:127.0.0.1, DNS:localhost, DNS:$node, DNS:${NODE_MEMBER[$node]}
END
    rm "$path.csr"
    chmod 0600 "$path$KEY"
    chmod 0640 "$path$CERT"
}

initial_cluster() {
    local node list=''
    for node in "${NODES[@]}"; do
        list+=,${NODE_MEMBER[$node]}=https://${NODE_ADDRESS[$node]}:2380
    done
    printf '%s\n' "${list#,}"
}

# kubespray's environment file. The state is "new" for the first start only; `lab up` turns it into "existing" as
# kubespray's next run would.
etcd_env() {
    local node=$1 ip=${NODE_ADDRESS[$1]} proxy='' corrupt=''
    tls_paths "$node"
    # 3.6 has dropped the proxy and renamed the check.
    if ((MINOR <= 5)); then
        proxy=$'ETCD_PROXY=off\n'
        corrupt=$'\n# ETCD 3.5.x issue: check for corruption before serving\nETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK=True\n'
    fi
    cat <<END
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
ETCD_TRUSTED_CA_FILE=$CA
ETCD_CERT_FILE=$SERVER$CERT
ETCD_KEY_FILE=$SERVER$KEY
ETCD_CLIENT_CERT_AUTH=true

ETCD_PEER_TRUSTED_CA_FILE=$CA
ETCD_PEER_CERT_FILE=$PEER$CERT
ETCD_PEER_KEY_FILE=$PEER$KEY
ETCD_PEER_CLIENT_CERT_AUTH=true

# CLI settings
ETCDCTL_ENDPOINTS=https://127.0.0.1:2379
ETCDCTL_CACERT=$CA
ETCDCTL_KEY=$CLIENT$KEY
ETCDCTL_CERT=$CLIENT$CERT
$corrupt
END
}
