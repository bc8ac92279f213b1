# Messages, paths, locks and bounded waits that every part of the lab uses.
# shellcheck shell=bash disable=SC2034 # the other parts read what this one sets

say() { printf '%s\n' "$*" >&2; }

die() {
    say "lab: $*"
    exit 1
}

# Where this lab and the shared caches live. A name is short and plain, because namespaces, cgroups and files carry it.
set_paths() {
    [[ $LAB_NAME =~ ^[a-z][a-z0-9-]{0,23}$ ]] ||
        die "'$LAB_NAME' is no name for a lab: use a-z, 0-9 and '-', beginning with a letter, at most 24 characters"
    STATE=${REQUORUM_LAB_STATE:-/var/lib/requorum-lab/$LAB_NAME}
    CACHE=${REQUORUM_LAB_CACHE:-/var/cache/requorum-lab}
    NS=requorum.$LAB_NAME
    LOCK_FILE=/run/lock/requorum-lab.$LAB_NAME.lock
    SSH_KEY=$STATE/ssh/id_ed25519
    KNOWN_HOSTS=$STATE/ssh/known_hosts
}

need_root() { ((EUID == 0)) || die "'lab $1' needs root (it makes namespaces and mounts): try sudo $LAB_SELF $1"; }

# hold_lab COMMAND ARGUMENT…: one command at a time changes a lab. The lock file names its holder. Once it is held, the
# command runs again with a mark in its environment, which all its children inherit: so `lab down` finds what a
# killed `lab up` left at work.
hold_lab() {
    [[ ${REQUORUM_LAB_MARK-} == "$STATE" && /dev/fd/9 -ef $LOCK_FILE ]] && return
    local holder
    exec 9<>"$LOCK_FILE"
    if ! flock -n 9; then
        holder=$(<"$LOCK_FILE")
        if [[ -n $holder && ! -d /proc/$holder ]]; then
            [[ $COMMAND == down ]] ||
                die "an earlier command on this lab (pid $holder) was killed and left work behind: $(self_named down)"
            say "an earlier command on this lab (pid $holder) was killed; ending what it left at work"
            kill_marked
        fi
        flock -w 60 9 || die "lab '$LAB_NAME' is in use by pid $holder (waited 60 s); end it, then try again"
    fi
    printf '%s\n' "$$" >"$LOCK_FILE"
    REQUORUM_LAB_MARK=$STATE exec "$LAB_SELF" "$@"
}

# Ends all marked processes but this one, which is marked too when it holds the lock, and its own parts.
kill_marked() {
    local file pid
    while IFS= read -r file; do
        pid=${file#/proc/}
        pid=${pid%/environ}
        [[ $pid == "$$" || $pid == "$BASHPID" ]] || kill -KILL "$pid" 2>/dev/null || true
    done < <(REQUORUM_LAB_MARK='' grep -lzxF "REQUORUM_LAB_MARK=$STATE" /proc/[0-9]*/environ 2>/dev/null || true)
}

# Takes a cache's lock for as long as the calling subshell lives: two `lab up` build it once.
lock_cache() {
    mkdir -p "$CACHE"
    exec 8>"$CACHE/.lock"
    if flock -n 8; then return; fi
    say "waiting for another lab command that fills $CACHE"
    flock -w 1200 8 || die "the cache $CACHE is still locked after 20 minutes"
}

now_ms() { printf '%s\n' "$((${EPOCHREALTIME/[.,]/} / 1000))"; }

# wait_until SECONDS WHAT COMMAND… polls the command; on giving up, it says what the command last printed.
wait_until() {
    local limit=$1 what=$2 end last
    shift 2
    end=$(($(now_ms) + limit * 1000))
    while :; do
        last=$("$@" 2>&1 </dev/null) && return
        (($(now_ms) < end)) || break
        sleep 0.2
    done
    say "lab: $what: not within $limit s; last seen: ${last:-nothing}"
    return 1
}

# each_node FUNCTION NODE… runs the function for all nodes at once and fails if one did. The lock is closed in the
# children, or they would hold it after their parent's death.
each_node() {
    local function=$1 node pid failed=0 pids=()
    shift
    for node in "$@"; do
        "$function" "$node" 9>&- &
        pids+=("$!")
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    return "$failed"
}

# Unmounts everything below a directory, deepest first.
unmount_below() {
    local target
    awk -v dir="$1/" 'index($5 "/", dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        while IFS= read -r target; do umount -l "$target"; done
}
