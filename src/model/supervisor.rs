//! What starts etcd on a master, and starts it again: systemd, a kubelet, or systemd by docker. Knows nothing of the scripts
//! that ask it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::name::{AbsPath, ContainerName, UnitName};

/// Where requorum keeps its things on a master: root's, mode 0700.
pub const STATE: &str = "/var/lib/requorum";

/// Where kubeadm puts the manifest of etcd.
pub const KUBEADM: &str = "/etc/kubernetes/manifests/etcd.yaml";

/// What starts etcd. In a journal a unit is a text, as it was when systemd was all there was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Supervisor {
    /// A unit of systemd's.
    Systemd(UnitName),
    /// A kubelet, by a manifest in its folder of static pods.
    Kubelet(StaticPod),
    /// A unit of systemd's that runs it in a container, by `docker run`.
    Docker(Container),
}

/// etcd as a static pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticPod {
    /// Where the manifest lies while the kubelet may start the pod.
    pub manifest: AbsPath,
    /// By this its process is told from that of another etcd.
    pub data_dir: AbsPath,
}

/// etcd in a container that a unit starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub unit: UnitName,
    pub container: ContainerName,
    /// By this its process is told from that of another etcd.
    pub data_dir: AbsPath,
}

impl StaticPod {
    /// Where the manifest lies while the pod must not run, and where it is rewritten: whatever lies in the kubelet's
    /// folder is run, a file that is put aside there too.
    #[must_use]
    pub fn held(&self) -> String {
        format!("{STATE}/held/{}", self.file_name())
    }

    fn file_name(&self) -> &str {
        self.manifest.as_str().rsplit('/').next().unwrap_or_default()
    }
}

impl Supervisor {
    /// As scripts are told it, in one word: a unit's name, that with container and data directory, or manifest and data
    /// directory. No path here holds a blank.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Systemd(unit) => unit.to_string(),
            Self::Kubelet(pod) => format!("{} {}", pod.manifest, pod.data_dir),
            Self::Docker(Container { unit, container, data_dir }) => format!("{unit} {container} {data_dir}"),
        }
    }

    /// The marker whose presence keeps etcd from starting.
    #[must_use]
    pub fn fence_marker(&self) -> String {
        format!("{STATE}/fence-{self}")
    }

    /// The file that makes the marker effective: a drop-in of the unit, or the manifest where no kubelet looks.
    #[must_use]
    pub fn held_by(&self) -> String {
        match self {
            Self::Systemd(unit) | Self::Docker(Container { unit, .. }) => {
                format!("/etc/systemd/system/{unit}.service.d/50-requorum-fence.conf")
            }
            Self::Kubelet(pod) => pod.held(),
        }
    }

    /// The unit, where it is systemd's.
    #[must_use]
    pub const fn unit(&self) -> Option<&UnitName> {
        match self {
            Self::Systemd(unit) | Self::Docker(Container { unit, .. }) => Some(unit),
            Self::Kubelet(_) => None,
        }
    }

    /// The pod, where a kubelet starts it.
    #[must_use]
    pub const fn pod(&self) -> Option<&StaticPod> {
        match self {
            Self::Systemd(_) | Self::Docker(_) => None,
            Self::Kubelet(pod) => Some(pod),
        }
    }

    /// Whether its programs are in an image, where they are found while it runs.
    #[must_use]
    pub const fn has_image(&self) -> bool {
        match self {
            Self::Systemd(_) => false,
            Self::Kubelet(_) | Self::Docker(_) => true,
        }
    }

    /// How much longer a step that stops or starts it may take than with systemd: its scripts wait for a kubelet up to
    /// 20 s twice at a stop, and 165 s at a start (`prelude/kubelet.sh`); for docker three times 10 s and 20 s at a stop, and
    /// 50 s at a start (`prelude/docker.sh`).
    #[must_use]
    pub const fn slack(&self) -> Duration {
        match self {
            Self::Systemd(_) => Duration::ZERO,
            Self::Kubelet(_) => Duration::from_secs(160),
            Self::Docker(_) => Duration::from_secs(60),
        }
    }

    /// How much longer its stop and start take on the average than a unit's (`docs/performance.md`): a kubelet gives a pod up
    /// some seconds after its etcd has ended, and docker's client makes a new container.
    #[must_use]
    pub const fn longer(&self) -> Duration {
        match self {
            Self::Systemd(_) => Duration::ZERO,
            Self::Kubelet(_) => Duration::from_secs(3),
            Self::Docker(_) => Duration::from_millis(1400),
        }
    }

    /// How a person starts etcd on its master. A manifest that is there already is not replaced: it may be newer.
    #[must_use]
    pub fn start_by_hand(&self) -> String {
        match self {
            Self::Systemd(unit) | Self::Docker(Container { unit, .. }) => {
                format!("systemctl start --no-block {unit}")
            }
            Self::Kubelet(pod) => format!("cp -np {} {}", pod.held(), pod.manifest),
        }
    }
}

impl fmt::Display for Supervisor {
    /// The unit's name, or the manifest's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Systemd(unit) | Self::Docker(Container { unit, .. }) => unit.fmt(f),
            Self::Kubelet(pod) => f.pad(pod.file_name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_told_by_three_names_and_fenced_as_its_unit_is() {
        let text = r#"{"unit":"etcd","container":"etcd1","data_dir":"/var/lib/etcd"}"#;
        let docker: Supervisor = serde_json::from_str(text).unwrap();
        assert_eq!(
            (serde_json::to_string(&docker).unwrap(), docker.word()),
            (text.into(), "etcd etcd1 /var/lib/etcd".into())
        );
        let unit = Supervisor::Systemd(UnitName::new("etcd").unwrap());
        assert_eq!((docker.fence_marker(), docker.held_by()), (unit.fence_marker(), unit.held_by()));
        assert_eq!((docker.to_string(), docker.start_by_hand()), (unit.to_string(), unit.start_by_hand()));
        assert!(docker.has_image() && !unit.has_image());
    }

    #[test]
    fn a_unit_is_kept_as_a_text_and_a_pod_as_its_two_paths() {
        let unit: Supervisor = serde_json::from_str(r#""etcd""#).unwrap();
        assert_eq!((unit.word(), unit.to_string()), ("etcd".to_owned(), "etcd".to_owned()));
        assert_eq!(unit.fence_marker(), "/var/lib/requorum/fence-etcd");
        assert_eq!(serde_json::to_string(&unit).unwrap(), r#""etcd""#);
        let text = r#"{"manifest":"/etc/kubernetes/manifests/etcd.yaml","data_dir":"/var/lib/etcd"}"#;
        let pod: Supervisor = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&pod).unwrap(), text);
        assert_eq!(pod.word(), "/etc/kubernetes/manifests/etcd.yaml /var/lib/etcd");
        assert_eq!((pod.to_string(), pod.held_by()), ("etcd.yaml".into(), "/var/lib/requorum/held/etcd.yaml".into()));
        assert!(serde_json::from_str::<Supervisor>(r#""/etc/kubernetes/manifests/etcd.yaml""#).is_err());
    }
}
