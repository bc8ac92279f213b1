# shellcheck shell=sh
# Of some hundred kilobytes only the lines that count. The second shows whose they are, the third that these are etcd's own.
set -u
said=$(get "$1/metrics" "$2" "$3" "$4") || exit 1
printf '%s\n' "$said" | grep -E '^(etcd_network_peer_received_bytes_total\{|etcd_server_id\{|etcd_server_has_leader )'
