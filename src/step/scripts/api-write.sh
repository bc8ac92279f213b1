# shellcheck shell=sh
# A write through the API server of this node, by its own certificate towards kubelets, where that may write.
set -u
address=$1 cert=$2 key=$3 value=$4
command -v curl >/dev/null || { echo "done: it answers; no write was tried, since curl is not installed"; exit 0; }
[ -r "$cert" ] && [ -r "$key" ] || { echo "done: it answers; no write was tried, since there is no client certificate"; exit 0; }
lease='{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"requorum-probe","namespace":"kube-system"},"spec":{"holderIdentity":"'$value'"}}'
url="https://$address/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/requorum-probe"
code=$(curl -q -s -k -m 5 -o /dev/null -w '%{http_code}' --cert "$cert" --key "$key" -X PATCH \
  -H 'Content-Type: application/apply-patch+yaml' --data "$lease" "$url?fieldManager=requorum&force=true")
case $code in
200 | 201) echo "done: ready, and a write through it was acknowledged" ;;
401 | 403) echo "done: it answers; its own certificate may not write ($code)" ;;
000) echo "wait: the write was not answered" ;;
*) echo "wait: the write was answered with $code" ;;
esac
