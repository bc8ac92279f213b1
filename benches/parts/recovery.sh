# initiate-dr and recover, each beside the same by hand on a cluster of its own.
# shellcheck shell=bash disable=SC2154 # the variables are benches/run's and lab.sh's

# round_of ROW ZONES ETCD [watched|large] [recover] [WHO…]: one round of each opponent.
round_of() {
    local row=$1 zones=$2 version=$3 watched=$4 recover=$5 who
    shift 5
    for who in "$@"; do
        bereft "$zones" "$version" "$watched"
        "dr_by_$who" | note_all "initiate-dr, $row" "$who"
        [[ -n $recover ]] || continue
        zone_is_back
        "recover_by_$who" | note_all "recover of $FIRST, $row" "$who"
    done
}

dr_by_requorum() {
    local command
    command=$(date +%s.%N)
    requorum initiate-dr --confirm "$LAB" --attest zone1=bench >"$RESULTS/said" 2>&1 || { cat "$RESULTS/said" >&2; return 1; }
    from_journal "$command" "$(started)"
}

recover_by_requorum() {
    requorum recover --confirm "$LAB" >"$RESULTS/said" 2>&1 || { cat "$RESULTS/said" >&2; return 1; }
    from_journal
}

# How long the script by hand waits after the loss, in seconds. requorum acts later than the script; the later a stop
# comes, the longer etcd waits for its dead peers in it (up to the unit's 90 s), so that 0 favours the script.
PROOF=${PROOF:-0}

dr_by_hand() {
    local node pairs=()
    sleep "$PROOF"
    if ((${ZONES#*+} == 1)); then
        node=$(survivors)
        lab console "$node" 'sudo tee /root/by-hand.sh >/dev/null' <"$HERE/benches/by-hand-dr.sh"
        lab console "$node" "sudo bash /root/by-hand.sh https://127.0.0.1:2379 etcd${node#m} https://$(address "$node"):2380"
        return
    fi
    for node in $(survivors); do pairs+=("$node:etcd${node#m}:$(address "$node")"); done
    "$HERE/benches/by-hand-dr-many.sh" "$HERE/lab/lab" "$LAB" "${pairs[@]}"
}

recover_by_hand() {
    local node pairs=()
    for node in $(lost); do pairs+=("$node:etcd${node#m}:$(address "$node")"); done
    "$HERE/benches/by-hand-recover.sh" "$HERE/lab/lab" "$LAB" "$(survivors | head -n 1)" "${pairs[@]}"
}
