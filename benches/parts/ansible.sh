# The same by a play of Ansible's, from the bastion: ansible-core from PyPI in a virtual environment beside the lab's cache,
# and python3 on the masters, which kubespray needs there too.
# shellcheck shell=bash disable=SC2154 # the variables are benches/run's and lab.sh's

ANSIBLE_HOME_DIR=${REQUORUM_LAB_CACHE:-/var/cache/requorum-lab}/ansible

ansible_ready() {
    export REQUORUM_LAB_PACKAGES=python3
    [[ -x $ANSIBLE_HOME_DIR/bin/ansible-playbook ]] && return
    python3 -m venv "$ANSIBLE_HOME_DIR"
    "$ANSIBLE_HOME_DIR/bin/pip" install -q ansible-core
}

play() {
    local node
    {
        echo '[survivors]'
        for node in $(survivors); do echo "$node ansible_host=$(address "$node") member=etcd${node#m}"; done
        echo '[returned]'
        for node in $(lost); do echo "$node ansible_host=$(address "$node") member=etcd${node#m}"; done
    } >"$RESULTS/hosts"
    lab bastion env PATH="$ANSIBLE_HOME_DIR/bin:$PATH" ANSIBLE_CONFIG="$HERE/benches/ansible/ansible.cfg" \
        ANSIBLE_LOCAL_TEMP="$RESULTS/tmp" ANSIBLE_SSH_CONTROL_PATH_DIR="$RESULTS/cp" ANSIBLE_PRIVATE_KEY_FILE="$STATE/ssh/id_ed25519" \
        ANSIBLE_SSH_ARGS="-F none -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=$STATE/ssh/known_hosts" \
        ansible-playbook -i "$RESULTS/hosts" "$HERE/benches/ansible/$1.yml" >"$RESULTS/said" 2>&1 ||
        { cat "$RESULTS/said" >&2; return 1; }
    rm -rf "$RESULTS/cp"
}

dr_by_ansible() {
    local begun node
    begun=$(date +%s.%N)
    play initiate-dr
    node=$(survivors | head -n 1)
    awk -v begun="$begun" -v started="$(started)" -v end="$(lab console "$node" 'sudo cat /root/at-write')" 'BEGIN {
        printf "command=%.3f consent=%.3f own=%.3f\n", end - begun, end - begun, started - begun }'
}

recover_by_ansible() {
    local begun node survivor
    begun=$(date +%s.%N)
    play recover
    survivor=$(survivors | head -n 1)
    awk -v begun="$begun" -v added="$(lab console "$survivor" 'sudo cat /root/at-added' | tr '\n' ' ')" \
        -v voter="$(lab console "$survivor" 'sudo tail -n 1 /root/at-promoted')" \
        -v end="$(for node in $(lost); do lab console "$node" 'sudo cat /root/at-port'; done | sort -n | tail -n 1)" 'BEGIN {
        joins = split(added, at, " "); printf "joins=%.3f voter=%.3f port=%.3f\n", at[joins] - at[1], voter - begun, end - begun }'
}
