//! Ansible's groups: which hosts are in which group, and which variable wins. Knows nothing about file formats or about
//! what a variable means.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::diagnostic::word;

use super::Beside;

/// The most groups: kubespray has a dozen.
const MOST_GROUPS: usize = 1_000;
/// The most hosts: twice what Kubernetes itself carries.
const MOST_HOSTS: usize = 10_000;
/// The most places of hosts in groups.
const MOST_PLACES: usize = 100_000;
/// The longest value: a path's limit.
const MOST_TEXT: usize = 1024;

/// Variables by name.
pub type Vars = BTreeMap<String, Var>;

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Var {
    /// What it says.
    pub value: Value,
    /// The file that says so.
    pub from: String,
}

/// What a variable says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A single value as written, quotes taken off.
    Text(String),
    Nothing,
    /// Something that is no single value, or that only another program can read.
    Unread(&'static str),
}

impl Value {
    /// A single value; a very long one is none that could be meant here, and many hosts may share it.
    pub fn of(text: &str) -> Self {
        if text.len() > MOST_TEXT { Self::Unread("a very long value") } else { Self::Text(text.to_owned()) }
    }
}

/// One group.
#[derive(Debug, Clone, Default)]
struct Group {
    hosts: Vec<String>,
    children: Vec<String>,
    vars: Vars,
    /// How far it is from `all` by the longest way: the farther, the more its variables weigh.
    depth: usize,
}

/// What one inventory file says.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    groups: BTreeMap<String, Group>,
    hosts: BTreeMap<String, Vars>,
    places: BTreeSet<(String, String)>,
}

impl Groups {
    /// Adds a group.
    pub fn add(&mut self, group: &str) -> Result<(), String> {
        self.groups.entry(group.to_owned()).or_default();
        limit(self.groups.len(), MOST_GROUPS, "groups")
    }

    /// Adds a host to a group.
    pub fn add_host(&mut self, group: &str, host: &str) -> Result<(), String> {
        self.hosts.entry(host.to_owned()).or_default();
        if self.places.insert((group.to_owned(), host.to_owned())) {
            self.groups.entry(group.to_owned()).or_default().hosts.push(host.to_owned());
        }
        limit(self.hosts.len(), MOST_HOSTS, "hosts")?;
        limit(self.places.len(), MOST_PLACES, "hosts in groups")
    }

    /// Puts a group into another.
    pub fn add_child(&mut self, group: &str, child: &str) -> Result<(), String> {
        self.add(child)?;
        let children = &mut self.groups.entry(group.to_owned()).or_default().children;
        if !children.iter().any(|known| known == child) {
            children.push(child.to_owned());
        }
        Ok(())
    }

    /// Sets a variable of a host.
    pub fn set_host(&mut self, host: &str, name: &str, var: Var) {
        self.hosts.entry(host.to_owned()).or_default().insert(name.to_owned(), var);
    }

    /// Sets a variable of a group.
    pub fn set_group(&mut self, group: &str, name: &str, var: Var) {
        self.groups.entry(group.to_owned()).or_default().vars.insert(name.to_owned(), var);
    }

    /// Finds each group's depth, once all is read. A loop of groups would have none.
    pub fn settle(&mut self) -> Result<(), String> {
        for _ in 0..=self.groups.len() {
            let deeper: Vec<(String, usize)> = self
                .groups
                .values()
                .flat_map(|group| group.children.iter().map(move |child| (child, group.depth + 1)))
                .filter(|(child, depth)| self.groups[*child].depth < *depth)
                .map(|(child, depth)| (child.clone(), depth))
                .collect();
            if deeper.is_empty() {
                return Ok(());
            }
            for (child, depth) in deeper {
                let group = self.groups.entry(child).or_default();
                group.depth = group.depth.max(depth);
            }
        }
        Err("its groups contain each other in a circle".to_owned())
    }

    /// Whether there is such a group.
    #[must_use]
    pub fn has(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// Every group's name, for messages.
    #[must_use]
    pub fn listed(&self) -> String {
        const MOST: usize = 20;
        let mut names: Vec<String> = self.groups.keys().take(MOST).map(|name| word(name)).collect();
        if self.groups.len() > MOST {
            names.push(format!("{} more", self.groups.len() - MOST));
        }
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// The hosts of a group, its own first, then those of the groups in it.
    #[must_use]
    pub fn hosts_of(&self, group: &str) -> Vec<&str> {
        let (mut groups, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        let (mut open, mut found) = (vec![group], Vec::new());
        while let Some(name) = open.pop() {
            let Some(group) = self.groups.get(name).filter(|_| groups.insert(name)) else { continue };
            found.extend(group.hosts.iter().map(String::as_str).filter(|host| hosts.insert(*host)));
            open.extend(group.children.iter().rev().map(String::as_str));
        }
        found
    }

    /// The groups above a host without `all`, those that weigh more later.
    #[must_use]
    pub fn above(&self, host: &str) -> Vec<&str> {
        let of = |name: &String| self.places.contains(&(name.clone(), host.to_owned()));
        let mut above: BTreeSet<&str> = self.groups.keys().filter(|name| of(name)).map(String::as_str).collect();
        loop {
            let holds = |group: &Group| group.children.iter().any(|child| above.contains(child.as_str()));
            let more: Vec<&str> = self
                .groups
                .iter()
                .filter(|(name, group)| !above.contains(name.as_str()) && holds(group))
                .map(|(name, _)| name.as_str())
                .collect();
            if more.is_empty() {
                break;
            }
            above.extend(more);
        }
        above.remove("all");
        let mut above: Vec<&str> = above.into_iter().collect();
        above.sort_by_key(|name| (self.groups[*name].depth, self.priority(name), *name));
        above
    }

    fn priority(&self, group: &str) -> i64 {
        match self.groups[group].vars.get("ansible_group_priority").map(|var| &var.value) {
            Some(Value::Text(text)) => text.parse().unwrap_or(1),
            _ => 1,
        }
    }

    /// A host's variables, by Ansible's order: all that the inventory file says of groups weighs less than any file
    /// beside it, and all of groups less than what is said of the host.
    #[must_use]
    pub fn vars_of(&self, host: &str, beside: &Beside) -> Vars {
        let above = self.above(host);
        let own = |group: &str| self.groups.get(group).map(|group| &group.vars);
        let files = |group: &str| beside.groups.get(group).into_iter().flatten();
        let layers = own("all")
            .into_iter()
            .chain(above.iter().filter_map(|group| own(group)))
            .chain(files("all"))
            .chain(above.iter().flat_map(|group| files(group)))
            .chain(self.hosts.get(host))
            .chain(beside.hosts.get(host).into_iter().flatten());
        layers.flat_map(|layer| layer.clone()).collect()
    }
}

fn limit(count: usize, most: usize, what: &str) -> Result<(), String> {
    if count > most { Err(format!("more than {most} {what}")) } else { Ok(()) }
}
