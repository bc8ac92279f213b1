# shellcheck shell=sh
# Where else etcd's addresses are written down: files of this master, and what the cluster keeps of its own setup, asked with
# the API server's certificate towards kubelets. Only names are told, no text.
set -u
api=$1 cert=$2 key=$3; shift 3
needles=$(printf '%s\n' "$@")
find -H /etc/calico /etc/cilium /etc/cni/net.d /etc/kubernetes -xdev -maxdepth 3 -type f -size -512k 2>/dev/null | head -n 1000 |
  while IFS= read -r file; do
    case ${file##*/} in kube-apiserver* | etcd*.y*ml) continue ;; esac
    if grep -qF -e "$needles" "$file" 2>/dev/null; then echo "file=$file"; fi
  done
if [ -z "$api" ]; then echo "unasked=where its API server listens is not known"
elif ! command -v curl >/dev/null; then echo "unasked=curl is not installed"
elif ! { [ -r "$cert" ] && [ -r "$key" ]; }; then echo "unasked=its API server has no certificate towards kubelets"
else
  for name in kubeadm-config calico-config cilium-config; do
    said=$(curl -q -s -k -m 3 --cert "$cert" --key "$key" -w '\n%{http_code}' "https://$api/api/v1/namespaces/kube-system/configmaps/$name") ||
      { echo "unasked=the API server does not answer"; break; }
    case ${said##*
} in
    200) if printf '%s' "$said" | grep -qF -e "$needles"; then echo "configmap=kube-system/$name"; fi ;;
    404) ;;
    *) echo "unasked=the API server answers ${said##*
}"; break ;;
    esac
  done
fi
echo asked=yes
