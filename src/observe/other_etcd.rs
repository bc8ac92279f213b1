//! Who else runs an etcd on a master that has not the unit or the manifest of the inventory. Knows nothing of their etcd.

use serde::{Deserialize, Serialize};

use crate::model::supervisor::KUBEADM;

/// What was found instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherEtcd {
    /// A static pod where kubeadm puts it.
    StaticPod,
    K3s,
    Rke2,
    K0s,
    /// Its store is dqlite, not etcd.
    MicroK8s,
}

impl OtherEtcd {
    /// What it is, as the end of a sentence.
    #[must_use]
    pub const fn shown(self) -> &'static str {
        match self {
            Self::StaticPod => "etcd there is a static pod",
            Self::K3s => "etcd there is a part of k3s",
            Self::Rke2 => "etcd there is a part of RKE2",
            Self::K0s => "etcd there is a part of k0s",
            Self::MicroK8s => "MicroK8s runs there, which keeps its state in dqlite, not in etcd",
        }
    }

    /// What to do: each of them has a way of its own to give a cluster its quorum back.
    #[must_use]
    pub fn next(self) -> String {
        let own = |command: &str| format!("requorum cannot stop or start it; use its own way back: {command}");
        match self {
            Self::StaticPod => format!("write into the inventory: `etcd: {{ config: {{ static_pod: {KUBEADM} }} }}`"),
            Self::K3s => own("`k3s server --cluster-reset` on the survivor"),
            Self::Rke2 => own("`rke2 server --cluster-reset` on the survivor"),
            Self::K0s => own("`k0s restore` of a backup"),
            Self::MicroK8s => own("MicroK8s' \"recover from lost quorum\""),
        }
    }
}

/// Reads `name=value` lines; those of other questions are passed over.
#[must_use]
pub fn parse(lines: &str) -> Option<OtherEtcd> {
    lines.lines().find_map(|line| match line {
        "embedded_in=k3s" => Some(OtherEtcd::K3s),
        "embedded_in=rke2-server" => Some(OtherEtcd::Rke2),
        "embedded_in=k0scontroller" => Some(OtherEtcd::K0s),
        "embedded_in=snap.microk8s.daemon-kubelite" => Some(OtherEtcd::MicroK8s),
        _ => (line.strip_prefix("pod_at=") == Some(KUBEADM)).then_some(OtherEtcd::StaticPod),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_by_the_unit_that_the_script_looks_for() {
        let script = concat!(include_str!("scripts/prelude/embedded.sh"), include_str!("scripts/node.sh"));
        for (unit, other) in [
            ("k3s", OtherEtcd::K3s),
            ("rke2-server", OtherEtcd::Rke2),
            ("k0scontroller", OtherEtcd::K0s),
            ("snap.microk8s.daemon-kubelite", OtherEtcd::MicroK8s),
        ] {
            assert!(script.contains(&format!(" {unit}")), "{unit}");
            assert_eq!(parse(&format!("LoadState=not-found\nembedded_in={unit}\n")), Some(other));
        }
        assert!(script.contains(KUBEADM));
        assert_eq!(parse(&format!("pod_at={KUBEADM}\n")), Some(OtherEtcd::StaticPod));
        assert_eq!(parse("LoadState=not-found\nembedded_in=else\n"), None);
    }
}
