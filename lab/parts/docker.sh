# etcd as kubespray runs it with Docker: a unit that starts a script that starts a container.
# shellcheck shell=bash

# The tools stay on the machine: kubespray copies them out of the image. The machine's network is not Docker's concern.
write_docker() {
    local root=$1 node=$2 ssl=/etc/ssl/etcd/ssl
    mkdir -p "$root/etc/docker" "$root/var/lib/docker" "$root/etc/ssl/certs" "$STATE/nodes/$node/lib"
    cp -a --reflink=auto "$DOCKER_IMAGES" "$STATE/nodes/$node/lib/docker"
    cat >"$root/etc/docker/daemon.json" <<'END'
{ "bridge": "none", "iptables": false, "ip6tables": false, "ip-forward": false }
END
    rm -f "$root/usr/local/bin/etcd"
    install -m 0755 /dev/stdin "$root/usr/local/bin/etcd" <<END
#!/bin/bash
/usr/bin/docker run \\
  --restart=on-failure:5 \\
  --env-file=/etc/etcd.env \\
  --net=host \\
  -v /etc/ssl/certs:/etc/ssl/certs:ro \\
  -v $ssl:$ssl:ro \\
  -v /var/lib/etcd:/var/lib/etcd:rw \\
  --name=${NODE_MEMBER[$node]} \\
  $ETCD_IMAGE \\
  /usr/local/bin/etcd \\
  "\$@"
END
    # Nothing in a container loads the kernel's modules.
    ln -sf /dev/null "$root/etc/systemd/system/systemd-modules-load.service"
}

unit_with_docker() {
    cat <<END
[Unit]
Description=etcd docker wrapper
Wants=docker.socket
After=docker.service

[Service]
User=root
PermissionsStartOnly=true
EnvironmentFile=-/etc/etcd.env
ExecStart=/usr/local/bin/etcd
ExecStartPre=-/usr/bin/docker rm -f ${NODE_MEMBER[$1]}
ExecStop=/usr/bin/docker stop ${NODE_MEMBER[$1]}
Restart=always
RestartSec=15s
TimeoutStartSec=30s

[Install]
WantedBy=multi-user.target
END
}
