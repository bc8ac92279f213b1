# A large database: made once, then given to each cluster by a restore on all its masters at once.
# shellcheck shell=bash disable=SC2154 # the variables are benches/run's and lab.sh's

LARGE_MB=${LARGE_MB:-1000}
FILL=${FILL:-$RESULTS/fill.db}

fill() {
    local node refills=()
    if [[ ! -s $FILL ]]; then
        lab console m1 'sudo tee /root/fill.sh >/dev/null' <"$HERE/benches/fill.sh"
        lab console m1 "sudo bash /root/fill.sh $LARGE_MB"
        lab console m1 'sudo cat /root/fill.db' >"$FILL.part"
        mv "$FILL.part" "$FILL"
    fi
    for node in $(lost) $(survivors); do
        lab console "$node" 'sudo tee /root/fill.db >/dev/null' <"$FILL"
        lab console "$node" 'sudo tee /root/refill.sh >/dev/null' <"$HERE/benches/refill.sh"
    done
    for node in $(lost) $(survivors); do
        lab console "$node" 'sudo bash /root/refill.sh' &
        refills+=($!)
    done
    wait "${refills[@]}"
    until lab etcdctl m1 --command-timeout=2s put refilled x >/dev/null 2>&1; do sleep 0.3; done
}
