# shellcheck shell=sh
# Who runs an etcd, or a store of its own, as a part of something else.
embedded() {
  for other in k3s rke2-server k0scontroller snap.microk8s.daemon-kubelite; do
    systemctl cat "$other.service" >/dev/null 2>&1 && echo "embedded_in=$other"
  done
}
