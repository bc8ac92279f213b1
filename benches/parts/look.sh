# A look at many masters beside `ssh true` on each.
# shellcheck shell=bash disable=SC2154 # the variables are benches/run's

look_round() {
    local hosts
    for hosts in ${LOOKS:-3 100 500}; do
        HOSTS=$hosts ROUNDS=1 REQUORUM=$PROGRAM FIGURES=$RESULTS/figures "$HERE/benches/looks" >/dev/null
    done
}
