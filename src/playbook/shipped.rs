//! The files that come with the program, compiled in: defaults, and what `requorum init` writes out. Touches no disk.

use crate::model::diagnostic::Source;

/// A shipped file: its path below the directory that `requorum init` fills, and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// The path, with `/` between its parts.
    pub path: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// Every shipped file.
pub const FILES: [File; 12] = [
    File { path: "inventory/example.yaml", text: include_str!("../../inventory/example.yaml") },
    File { path: "inventory/lab.yaml", text: include_str!("../../inventory/lab.yaml") },
    File { path: "playbooks/initiate_dr.yaml", text: include_str!("../../playbooks/initiate_dr.yaml") },
    File { path: "playbooks/recover.yaml", text: include_str!("../../playbooks/recover.yaml") },
    File { path: "playbooks/drill.yaml", text: include_str!("../../playbooks/drill.yaml") },
    File { path: "templates/etcd.env.j2", text: include_str!("../../templates/etcd.env.j2") },
    File { path: "templates/etcd.service.j2", text: include_str!("../../templates/etcd.service.j2") },
    File { path: "templates/etcd.conf.yml.j2", text: include_str!("../../templates/etcd.conf.yml.j2") },
    File { path: "templates/etcd.yaml.j2", text: include_str!("../../templates/etcd.yaml.j2") },
    File { path: "schemas/inventory.schema.json", text: include_str!("../../schemas/inventory.schema.json") },
    File { path: "schemas/playbook.schema.json", text: include_str!("../../schemas/playbook.schema.json") },
    File { path: "schemas/report.schema.json", text: include_str!("../../schemas/report.schema.json") },
];

impl File {
    /// The file as if it had been read, its name saying where it is from.
    #[must_use]
    pub fn source(&self) -> Source {
        Source::new(format!("{} (shipped)", self.path), self.text)
    }
}

/// A shipped playbook by its name, such as `recover`.
#[must_use]
pub fn playbook(name: &str) -> Option<File> {
    by_path(&format!("playbooks/{name}.yaml"))
}

/// A shipped template by its file name, such as `etcd.env.j2`.
#[must_use]
pub fn template(name: &str) -> Option<File> {
    by_path(&format!("templates/{name}"))
}

/// The JSON Schema of `inventory` or `playbook` files, or of a `report`.
#[must_use]
pub fn schema(kind: &str) -> Option<File> {
    by_path(&format!("schemas/{kind}.schema.json"))
}

fn by_path(path: &str) -> Option<File> {
    FILES.into_iter().find(|file| file.path == path)
}
