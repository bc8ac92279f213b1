//! The question "in which zone does Kubernetes have its nodes?", asked by the kubectl of a master. Knows nothing of etcd.

use std::time::Duration;

use crate::model::command::{Script, clean};
use crate::model::{Command, Output};

use super::{Answer, Unclear};

const SCRIPT: Script = Script { name: "node zones", text: include_str!("scripts/node-zones.sh") };

/// An API server answers within a second; one without etcd does not answer at all.
const LIMIT: Duration = Duration::from_secs(6);

/// The label that cloud providers and administrators say a node's zone with.
pub const LABEL: &str = "topology.kubernetes.io/zone";

/// Name, zone and addresses, apart by tabs and blanks.
const FORM: &str = r#"{range .items[*]}{.metadata.name}{"\t"}{.metadata.labels.topology\.kubernetes\.io/zone}{"\t"}{range .status.addresses[*]}{.address}{" "}{end}{"\n"}{end}"#;

/// A node as Kubernetes has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeNode {
    pub name: String,
    /// Nothing where it has no such label.
    pub zone: Option<String>,
    /// Its addresses and host names.
    pub addresses: Vec<String>,
}

/// Asks for all nodes.
#[must_use]
pub fn command() -> Command {
    Command::script(SCRIPT).arg(LIMIT.as_secs().to_string()).arg(FORM).deadline(LIMIT + Duration::from_secs(4))
}

/// Reads a line a node.
///
/// # Errors
/// When there is no kubectl, no kubeconfig, or no answer.
pub fn parse(output: &Output) -> Answer<Vec<KubeNode>> {
    const WHAT: &str = "asking Kubernetes for the zones of its nodes";
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let node = |line: &str| {
        let [name, zone, addresses] = line.split('\t').collect::<Vec<_>>()[..] else { return None };
        let zone = Some(clean(zone.trim())).filter(|zone| !zone.is_empty());
        Some(KubeNode { name: clean(name), zone, addresses: addresses.split_whitespace().map(clean).collect() })
    };
    let nodes: Option<Vec<KubeNode>> = output.stdout.lines().map(node).collect();
    nodes.ok_or_else(|| Unclear::text(WHAT, "the answer is not whole"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_the_label_has_no_zone() {
        let said = |stdout: &str| parse(&Output { stdout: stdout.to_owned(), ..Output::default() });
        let nodes = said("m1\tzone1\t10.77.1.11 m1 \nm2\t\t10.77.1.12 m2 \n").unwrap();
        assert_eq!(nodes[0].zone.as_deref(), Some("zone1"));
        assert_eq!(
            (nodes[1].zone.as_deref(), &nodes[1].addresses[..]),
            (None, &["10.77.1.12".into(), "m2".into()][..])
        );
        assert_eq!(said("").unwrap(), []);
        assert!(said("No resources found\n").is_err());
    }
}
