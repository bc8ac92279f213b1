# shellcheck shell=sh disable=SC2034
# attempt NUMBER BEGUN MS ADDRESS CERTIFICATE KEY NAME: one ConfigMap takes every write. An API server tells no cluster: 0 stands
# for it.
map=/api/v1/namespaces/kube-system/configmaps
asked() { curl -q -s -k -f --cert "$at_cert" --key "$at_key" "$@"; }
attempt() {
  at_number=$1 at_begun=$2 at_limit=$3 at_address=$4 at_cert=$5 at_key=$6 at_name=$7
  at_data='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"'$at_name'","namespace":"kube-system"},"data":{"last":"'"$at_number $at_begun"'"}}'
  said=$(asked -m "$((at_limit / 1000)).$(printf %03d $((at_limit % 1000)))" -X PATCH --data "$at_data" \
    -H 'Content-Type: application/apply-patch+yaml' "https://$at_address$map/$at_name?fieldManager=requorum&force=true") || {
    # One that is parked refuses at once.
    sleep 0.05; return 1; }
  cluster=0 revision=${said#*\"resourceVersion\":}
  revision=${revision#*\"}; revision=${revision%%[!0-9]*}
  [ -n "$revision" ]
}
last() { asked -m 5 -o /dev/null -X DELETE "https://$at_address$map/$at_name"; }
