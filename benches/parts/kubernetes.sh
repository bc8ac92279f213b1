# From the command to the first write through the API server, by requorum and by hand, while one and while WATCHES (500) clients
# hold a watch there. Clients of their own write all the time and tell when they were answered.
# shellcheck shell=bash disable=SC2154 # the variables are benches/run's and lab.sh's

WATCHES=${WATCHES:-500}

kubernetes_round() {
    local watches who
    for watches in 1 "$WATCHES"; do
        for who in requorum hand; do
            fresh 2+1 "$ETCD_WATCHED" --kubernetes
            clients_begin "$watches"
            power_lost
            "api_by_$who" >"$RESULTS/api"
            note_all "Kubernetes, 2+1, etcd $ETCD_WATCHED, $watches watched" "$who" <"$RESULTS/api"
            clients_end
        done
    done
}

MEANS+=(
    [etcd]='from the command to a write that etcd acknowledged'
    [api]='from the command to the first write through the API server'
    [rest]='the same, less the election'
)

# With a watch that nobody holds yet a client would be measured that begins.
clients_begin() {
    lab clients "$1" m3 >"$RESULTS/clients.jsonl" 2>"$RESULTS/clients.log" &
    CLIENTS=$!
    until (($(grep -c '"via":"m3","did":"create".*"revision"' "$RESULTS/clients.jsonl") > 20)) &&
        (($(lab console m3 'ss -Htn state established sport = :6443' | wc -l) >= $1)); do sleep 0.5; done
}

clients_end() {
    kill "$CLIENTS" 2>/dev/null || true
    wait "$CLIENTS" 2>/dev/null || true
}

# Seconds of the first write through m3's API server that was acknowledged after this moment.
first_write() {
    local since=$1
    until awk -v since="$since" 'match($0, /"at":[0-9]+/) { at = substr($0, RSTART + 5, RLENGTH - 5) / 1000 }
        at > since && /"via":"m3","did":"create"/ && /"revision"/ { printf "%.3f\n", at; found = 1; exit }
        END { exit !found }' "$RESULTS/clients.jsonl"; do sleep 0.2; done
}

# What was acknowledged by the old cluster is no first write: begun is when nothing answers any more.
figures() { # figures BEGUN ETCD
    awk -v begun="$1" -v etcd="$2" -v started="$(started)" -v api="$(first_write "$1")" 'BEGIN {
        printf "etcd=%.3f api=%.3f rest=%.3f\n", etcd - begun, api - begun, api - begun - (etcd - started) }'
}

api_by_requorum() {
    local begun figures
    begun=$(date +%s.%N)
    requorum initiate-dr --confirm "$LAB" --attest zone1=bench >"$RESULTS/said" 2>&1 || { cat "$RESULTS/said" >&2; return 1; }
    figures=$(from_journal "$begun" "$(started)")
    figures=${figures#command=}
    figures "$begun" "$(awk -v begun="$begun" -v took="${figures%% *}" 'BEGIN { printf "%.3f", begun + took }')"
}

api_by_hand() {
    local begun
    lab console m3 'sudo tee /root/by-hand.sh >/dev/null' <"$HERE/benches/by-hand-api.sh"
    begun=$(date +%s.%N)
    lab console m3 'sudo bash /root/by-hand.sh https://127.0.0.1:2379 etcd3 https://10.77.2.11:2380' >"$RESULTS/by-hand"
    figures "$begun" "$(sed 's/^etcd=//' "$RESULTS/by-hand")"
}
