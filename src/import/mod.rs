//! Turns the texts of a kubespray inventory into an inventory of ours; draft and page serve other origins too. Reads no
//! disk, runs nothing and invents nothing.

use std::collections::BTreeMap;

use crate::model::diagnostic::{Diagnostic, Source};

pub mod draft;
mod groups;
mod ini;
mod meaning;
pub mod page;
mod ranges;
#[cfg(test)]
mod tests;
mod tree;
mod vars;

pub use groups::Groups;
use groups::Vars;

/// Groups that hold the control plane, in the words of kubespray's generations.
const CONTROL_PLANE: [&str; 4] = ["kube_control_plane", "kube-controlplane", "kube-master", "kube_master"];

/// What is read of all the variables there are: the others, passwords among them, never enter memory as values.
const WANTED: [&str; 25] = [
    "access_ip",
    "ansible_become",
    "ansible_become_method",
    "ansible_become_user",
    "ansible_connection",
    "ansible_group_priority",
    "ansible_host",
    "ansible_port",
    "ansible_private_key_file",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_ssh_host",
    "ansible_ssh_port",
    "ansible_ssh_private_key_file",
    "ansible_ssh_user",
    "ansible_user",
    "bin_dir",
    "cluster_name",
    "etcd_data_dir",
    "etcd_deployment_type",
    "etcd_events_cluster_enabled",
    "etcd_events_data_dir",
    "etcd_kubeadm_enabled",
    "etcd_member_name",
    "ip",
];

/// How a master's zone is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zones {
    /// Nobody said.
    Unsaid,
    /// The value of this variable names it.
    Var(String),
    /// Each of these groups is one.
    Groups(Vec<String>),
}

/// Why an import is not possible. A line's own text is never part of it: there may be a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {said}")]
pub struct Refusal {
    /// The file, and where the line is known, its number.
    pub place: String,
    /// What is wrong.
    pub said: String,
}

impl Refusal {
    fn new(place: impl Into<String>, said: impl Into<String>) -> Self {
        Self { place: place.into(), said: said.into() }
    }

    fn at(source: &Source, line: usize, said: impl Into<String>) -> Self {
        Self::new(format!("{}:{line}", source.name), said)
    }

    fn of(diagnostic: &Diagnostic) -> Self {
        Self::new(format!("{}:{}", diagnostic.place.file, diagnostic.place.line), diagnostic.message.clone())
    }
}

/// The variables that stand in files beside the inventory, by group and by host, in the order in which they are read.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    groups: BTreeMap<String, Vec<Vars>>,
    hosts: BTreeMap<String, Vec<Vars>>,
    /// Files that only a password opens.
    closed: Vec<String>,
}

impl Beside {
    /// Adds a file of a group's variables.
    ///
    /// # Errors
    /// When it is not YAML.
    pub fn group(&mut self, name: &str, source: &Source, zones: &Zones) -> Result<(), Refusal> {
        let vars = self.read(source, zones)?;
        self.groups.entry(name.to_owned()).or_default().push(vars);
        Ok(())
    }

    /// Adds a file of a host's variables.
    ///
    /// # Errors
    /// When it is not YAML.
    pub fn host(&mut self, name: &str, source: &Source, zones: &Zones) -> Result<(), Refusal> {
        let vars = self.read(source, zones)?;
        self.hosts.entry(name.to_owned()).or_default().push(vars);
        Ok(())
    }

    fn read(&mut self, source: &Source, zones: &Zones) -> Result<Vars, Refusal> {
        if source.text.starts_with("$ANSIBLE_VAULT") {
            self.closed.push(source.name.clone());
            return Ok(Vars::new());
        }
        vars::read(source, &|name| is_wanted(name, zones))
    }
}

fn is_wanted(name: &str, zones: &Zones) -> bool {
    WANTED.contains(&name) || matches!(zones, Zones::Var(zone) if zone == name)
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The inventory.
    pub text: String,
    /// How many `?` are in it.
    pub open: usize,
    /// What a person should know of it.
    pub remarks: Vec<String>,
}

/// Reads an inventory file, in whichever of Ansible's two forms it is.
///
/// # Errors
/// The first place where it is of neither, goes beyond a limit, or is a program.
pub fn read(source: &Source, zones: &Zones) -> Result<Groups, Refusal> {
    if source.text.starts_with("#!") {
        let said = "an executable, which is not run; give its output instead: ansible-inventory -i FILE --list --yaml > hosts.yaml";
        return Err(Refusal::at(source, 1, said));
    }
    let mut groups = Groups::default();
    let wanted = |name: &str| is_wanted(name, zones);
    if is_yaml(source) {
        tree::read(source, &wanted, &mut groups)?;
    } else {
        ini::read(source, &wanted, &mut groups)?;
    }
    groups.settle().map_err(|said| Refusal::new(&source.name, said))?;
    Ok(groups)
}

/// By the file's ending; without one, YAML opens with `---` or with a key.
fn is_yaml(source: &Source) -> bool {
    if [".yaml", ".yml", ".json"].iter().any(|ending| source.name.ends_with(ending)) {
        return true;
    }
    let first = source.text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    !source.name.ends_with(".ini") && first.is_some_and(|line| line == "---" || line.ends_with(':'))
}

/// The masters: who carries etcd.
///
/// # Errors
/// When there is nobody.
pub fn masters<'g>(groups: &'g Groups, name: &str) -> Result<Vec<&'g str>, Refusal> {
    let masters = groups.hosts_of("etcd");
    if !masters.is_empty() {
        return Ok(masters);
    }
    let said = if groups.has("etcd") { "the group `etcd` has no hosts" } else { "there is no group `etcd`" };
    Err(Refusal::new(name, format!("{said}; the groups are {}", groups.listed())))
}

/// An inventory of ours; `environment` is what the operator says it is, since kubespray does not.
///
/// # Errors
/// When there are no masters, or their zones are no zones.
pub fn import(
    name: &str,
    groups: &Groups,
    beside: &Beside,
    zones: &Zones,
    environment: Option<&str>,
) -> Result<Import, Refusal> {
    let draft = meaning::draft(name, groups, beside, zones, environment)?;
    let (text, open) = page::write(name, &draft);
    let text = format!("# yaml-language-server: $schema=../schemas/inventory.schema.json\n{text}");
    Ok(Import { text, open, remarks: draft.remarks })
}
