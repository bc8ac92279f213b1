# shellcheck shell=sh disable=SC2034
# attempt NUMBER BEGUN MS PREFIX ETCDCTL...
attempt() {
  at_number=$1 at_begun=$2 at_limit=${3}ms at_prefix=$4; shift 4
  said=$("$@" put "$at_prefix/$at_number" "$at_number $at_begun" -w json --command-timeout="$at_limit" --dial-timeout="$at_limit" 2>/dev/null) ||
    return 1
  cluster=${said#*\"cluster_id\":} revision=${said#*\"revision\":}
  cluster=${cluster%%[!0-9]*} revision=${revision%%[!0-9]*}
}
# What it wrote is compared later.
last() { :; }
