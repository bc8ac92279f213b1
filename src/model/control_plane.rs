//! The parts of Kubernetes' control plane on a master, and what starts each of them. Knows nothing of what they are started
//! with.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::{AbsPath, UnitName};
use super::supervisor::STATE;

/// A program of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    KubeApiserver,
    KubeControllerManager,
    KubeScheduler,
}

impl Program {
    /// All of them, in the order in which they are started.
    pub const ALL: [Self; 3] = [Self::KubeApiserver, Self::KubeControllerManager, Self::KubeScheduler];

    /// What its process is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
        }
    }

    /// What a person calls it.
    #[must_use]
    pub const fn said(self) -> &'static str {
        match self {
            Self::KubeApiserver => "API server",
            Self::KubeControllerManager => "controller manager",
            Self::KubeScheduler => "scheduler",
        }
    }
}

/// What starts a program of the control plane.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartedBy {
    /// A kubelet, by this manifest in its folder of static pods.
    Manifest(AbsPath),
    /// A unit of systemd's.
    Unit(UnitName),
}

/// A program, and what starts it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Component {
    pub program: Program,
    pub by: StartedBy,
}

impl Component {
    /// As scripts are told it, in one word.
    #[must_use]
    pub fn word(&self) -> String {
        match &self.by {
            StartedBy::Manifest(path) => format!("{}={path}", self.program.name()),
            StartedBy::Unit(unit) => format!("{}={unit}", self.program.name()),
        }
    }

    /// Where its manifest lies while its pod must not run, and where it is rewritten; a unit has none.
    #[must_use]
    pub fn held(&self) -> Option<String> {
        match &self.by {
            StartedBy::Manifest(path) => {
                let file = path.as_str().rsplit('/').next().unwrap_or_default();
                Some(format!("{STATE}/held/{file}"))
            }
            StartedBy::Unit(_) => None,
        }
    }

    /// The marker that says who parked it. It keeps a unit from starting.
    #[must_use]
    pub fn parked_marker(&self) -> String {
        format!("{STATE}/parked-{}", self.program.name())
    }

    /// How a person starts it again on its master.
    #[must_use]
    pub fn start_by_hand(&self) -> String {
        let marker = self.parked_marker();
        match (&self.by, self.held()) {
            (StartedBy::Manifest(path), Some(held)) => format!("mv {held} {path}; rm {marker}"),
            (StartedBy::Manifest(_), None) => String::new(),
            (StartedBy::Unit(unit), _) => format!("rm {marker}; systemctl start {unit}"),
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program.said())
    }
}

/// Where a master's API server is, as the inventory has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiServerAt {
    /// Nobody said: it is looked for in the kubelet's folder, and as the unit `kube-apiserver`.
    #[default]
    Anywhere,
    /// There is none, or it is not requorum's business.
    Nowhere,
    /// The manifest of its static pod.
    Manifest(AbsPath),
    Unit(UnitName),
}

impl ApiServerAt {
    #[must_use]
    pub const fn is_anywhere(&self) -> bool {
        matches!(self, Self::Anywhere)
    }

    /// As an inventory writes it, nothing for `null`; where nobody said any, what is done then.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Anywhere => Some("as found on the node".to_owned()),
            Self::Nowhere => None,
            Self::Manifest(path) => Some(format!("{{ manifest: {path} }}")),
            Self::Unit(unit) => Some(format!("{{ unit: {unit} }}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_told_in_one_word_and_started_by_one_line() {
        let pod = Component {
            program: Program::KubeApiserver,
            by: StartedBy::Manifest(AbsPath::new("/etc/kubernetes/manifests/kube-apiserver.yaml").unwrap()),
        };
        assert_eq!(pod.word(), "kube-apiserver=/etc/kubernetes/manifests/kube-apiserver.yaml");
        assert_eq!(pod.held().as_deref(), Some("/var/lib/requorum/held/kube-apiserver.yaml"));
        let unit = Component { program: Program::KubeScheduler, by: StartedBy::Unit(UnitName::new("sched").unwrap()) };
        assert_eq!((unit.word().as_str(), unit.held()), ("kube-scheduler=sched", None));
        assert_eq!(unit.start_by_hand(), "rm /var/lib/requorum/parked-kube-scheduler; systemctl start sched");
        for one in [pod, unit] {
            let text = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<Component>(&text).unwrap(), one);
        }
        for program in Program::ALL {
            assert_eq!(serde_json::to_value(program).unwrap(), program.name());
        }
    }
}
