# shellcheck shell=sh disable=SC2034
# `pod_folders` sets `folders` to those of static pods, each once. The flags of kubelets come first; kubeadm's and the usual
# places are looked at whether one runs or not.
flag_of() { tr '\0' '\n' <"$2" 2>/dev/null | awk -v flag="--$1" 'index($0, flag "=") == 1 { print substr($0, length(flag) + 2) } last == flag { print } { last = $0 }'; }
value_of() { sed -n "s/^[[:space:]]*$1:[[:space:]]*[\"']\{0,1\}\([^\"'[:space:]]*\).*/\1/p" "$2" 2>/dev/null | head -n 1; }
pod_folders() {
  folders_named=/etc/kubernetes/manifests folders_configs=/var/lib/kubelet/config.yaml
  for folders_at in /proc/[0-9]*; do
    { read -r folders_name <"$folders_at/comm"; } 2>/dev/null && [ "$folders_name" = kubelet ] || continue
    folders_configs="$folders_configs $(flag_of config "$folders_at/cmdline")"
    folders_named="$folders_named $(flag_of pod-manifest-path "$folders_at/cmdline")"
  done
  for folders_config in $folders_configs; do folders_named="$folders_named $(value_of staticPodPath "$folders_config")"; done
  folders=
  for folders_one in $folders_named; do
    folders_one=${folders_one%/}
    case " $folders " in *" $folders_one "*) ;; *) folders="$folders $folders_one" ;; esac
  done
}
