//! Ansible's YAML inventory format: groups with `hosts`, `vars` and `children`. Does not know what a variable means.

use crate::model::diagnostic::{Place, Source, word};
use crate::model::yaml::{self, Kind, Node};

use super::Refusal;
use super::groups::{Groups, Value, Var};
use super::{ranges, vars};

/// Reads a file into `groups`.
pub fn read(source: &Source, wanted: &dyn Fn(&str) -> bool, groups: &mut Groups) -> Result<(), Refusal> {
    let root = yaml::parse_foreign(source).map_err(|refusal| Refusal::of(&refusal))?;
    let Kind::Map(_) = &root.kind else {
        return Err(Refusal::at(source, 1, format!("an inventory is a set of groups, not {}", root.described())));
    };
    let mut file = File { source, wanted, groups };
    vars::entries(&root).into_iter().try_for_each(|(name, node)| file.group(name, node))
}

struct File<'f> {
    source: &'f Source,
    wanted: &'f dyn Fn(&str) -> bool,
    groups: &'f mut Groups,
}

impl File<'_> {
    fn group(&mut self, name: &str, node: &Node) -> Result<(), Refusal> {
        self.groups.add(name).map_err(|said| self.refused(node, said))?;
        for (key, node) in vars::entries(node) {
            match (key, &node.kind) {
                (_, Kind::Null) => {}
                ("vars", Kind::Map(_)) => {
                    for (key, var) in vars::of(node, self.source, self.wanted) {
                        self.groups.set_group(name, &key, var);
                    }
                }
                ("hosts", Kind::Text(host)) => self.host(name, host, None, node)?,
                ("children", Kind::Text(child)) => self.child(name, child, node)?,
                ("hosts", Kind::Map(_)) => {
                    vars::entries(node)
                        .into_iter()
                        .try_for_each(|(host, vars)| self.host(name, host, Some(vars), node))?;
                }
                ("children", Kind::Map(_)) => {
                    for (child, below) in vars::entries(node) {
                        self.child(name, child, node)?;
                        self.group(child, below)?;
                    }
                }
                ("hosts" | "vars" | "children", _) => {
                    let said = format!("`{key}` of {} is {}, not a set of keys", word(name), node.described());
                    return Err(self.refused(node, said));
                }
                // Ansible passes over what it does not know here.
                _ => {}
            }
        }
        Ok(())
    }

    fn child(&mut self, group: &str, child: &str, node: &Node) -> Result<(), Refusal> {
        self.groups.add_child(group, child).map_err(|said| self.refused(node, said))
    }

    fn host(&mut self, group: &str, pattern: &str, vars: Option<&Node>, node: &Node) -> Result<(), Refusal> {
        let (hosts, port) = ranges::hosts(pattern).map_err(|said| self.refused(node, said))?;
        for host in hosts {
            self.groups.add_host(group, &host).map_err(|said| self.refused(node, said))?;
            if let Some(port) = &port {
                let var = Var { value: Value::of(port), from: self.source.name.clone() };
                self.groups.set_host(&host, "ansible_port", var);
            }
            let vars = vars.map(|node| vars::of(node, self.source, self.wanted)).unwrap_or_default();
            for (key, var) in vars {
                self.groups.set_host(&host, &key, var);
            }
        }
        Ok(())
    }

    fn refused(&self, node: &Node, said: impl Into<String>) -> Refusal {
        Refusal::at(self.source, Place::of(self.source, node.span.clone()).line, said)
    }
}
