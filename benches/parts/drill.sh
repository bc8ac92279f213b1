# A drill by stop: the time without writes, and initiate-dr in it beside what the doctor had foretold.
# shellcheck shell=bash disable=SC2154 # the variables are benches/run's and lab.sh's

# drill_round ZONES ETCD
drill_round() {
    fresh "$1" "$2"
    requorum drill --zone zone1 --confirm "$LAB" >"$RESULTS/said" 2>&1 || { cat "$RESULTS/said" >&2; return 1; }
    # A drill's runs have journals of their own.
    grep -hs '"measured"' "$REQUORUM_STATE"/runs/*/journal.jsonl | tail -n 1 >"$RESULTS/measured"
    python3 - "$RESULTS/measured" <<'PY' >"$RESULTS/drilled"
import json, sys
measured = json.loads(open(sys.argv[1]).read())["what"]["measured"]
gap = measured["without_writes"]
print((gap["to"] - gap["from"]) / 1e9, measured["initiate_dr_ms"] / 1e3, measured["expected_ms"] / 1e3)
PY
    local rto run expected
    read -r rto run expected <"$RESULTS/drilled"
    note "drill by stop, $1, etcd $2: time without writes" requorum "$rto"
    note "drill by stop, $1, etcd $2: initiate-dr in it, beside what the doctor foretold" requorum "$run"
    note "drill by stop, $1, etcd $2: initiate-dr in it, beside what the doctor foretold" doctor "$expected"
}
