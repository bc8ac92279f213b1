# shellcheck shell=sh
# The zone that Kubernetes has of each of its nodes: name, zone and addresses, apart by tabs, a line each.
set -u
command -v kubectl >/dev/null || { echo "there is no kubectl" >&2; exit 3; }
for config in /etc/kubernetes/admin.conf /root/.kube/config; do
  [ -r "$config" ] || continue
  timeout "$1" kubectl --kubeconfig="$config" --request-timeout=3s get nodes -o "jsonpath=$2"
  exit
done
echo "there is neither /etc/kubernetes/admin.conf nor /root/.kube/config" >&2
exit 3
