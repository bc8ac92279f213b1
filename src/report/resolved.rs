//! An inventory with every setting resolved, and where each one was set. Touches no disk.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::cluster::{Cluster, Master};
use crate::model::diagnostic::{Place, Source};
use crate::model::inventory::places::{Level, Places};
use crate::model::ssh_config::Said;

/// One master with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolved {
    pub master: String,
    pub zone: String,
    /// Its settings, in the order in which the example writes them.
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its keys, with dots between them.
    pub name: String,
    /// What holds; nothing for `null`.
    pub value: Option<String>,
    /// Who said it; nobody, where a default holds.
    pub from: Option<From>,
}

/// Who said a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct From {
    /// The master, its zone, the cluster, or the OpenSSH configuration of this host.
    pub level: Level,
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// A setting that the OpenSSH configuration of this host adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    pub master: String,
    /// Its keys, with dots between them.
    pub setting: &'static str,
    pub value: String,
    pub said: Said,
}

/// Every master of a cluster that was read from `source`, with what was added to it.
#[must_use]
pub fn with(source: &Source, cluster: &Cluster, added: &[Added]) -> Vec<Resolved> {
    let mut masters = of(source, cluster);
    for master in &mut masters {
        for one in added.iter().filter(|one| one.master == master.master) {
            let from = From { level: Level::Ssh, file: one.said.file.clone(), line: one.said.line };
            let setting = Setting { name: one.setting.to_owned(), value: Some(one.value.clone()), from: Some(from) };
            // One of which there are several has a row for each.
            match master.settings.iter_mut().find(|known| known.name == one.setting && known.from.is_none()) {
                Some(known) => *known = setting,
                None => master.settings.push(setting),
            }
        }
    }
    masters
}

/// Every master of a cluster that was read from `source`.
#[must_use]
pub fn of(source: &Source, cluster: &Cluster) -> Vec<Resolved> {
    let places = Places::of(source);
    let from = |(level, place): (Level, Place)| From { level, file: place.file, line: place.line };
    let settings = |master: &Master| {
        master
            .settings()
            .into_iter()
            .map(|(name, value)| {
                let path: Vec<&str> = name.split('.').collect();
                let said = places.as_ref().and_then(|places| places.setting(master, &path));
                Setting { name: name.to_owned(), value, from: said.map(from) }
            })
            .collect()
    };
    let resolved = |master: &Master| Resolved {
        master: master.name.to_string(),
        zone: master.zone.to_string(),
        settings: settings(master),
    };
    cluster.masters().map(resolved).collect()
}

/// For people: a block a master.
#[must_use]
pub fn text(cluster: &Cluster, masters: &[Resolved]) -> String {
    let mut out = format!("cluster {} ({})\n", cluster.name, cluster.environment);
    for master in masters {
        let _ = writeln!(out, "\n{} in {}", master.master, master.zone);
        for setting in &master.settings {
            let value = setting.value.as_deref().unwrap_or("null");
            let from = setting.from.as_ref().map_or_else(
                || "default".to_owned(),
                |from| {
                    let level = match from.level {
                        Level::Master => "master",
                        Level::Zone => "zone",
                        Level::Cluster => "cluster",
                        Level::Ssh => "ssh config",
                    };
                    format!("{level}, {}:{}", from.file, from.line)
                },
            );
            let _ = writeln!(out, "  {:<22}{value:<28} {from}", setting.name);
        }
    }
    super::harmless(&out)
}

/// For machines.
#[must_use]
pub fn json(cluster: &Cluster, masters: &[Resolved]) -> Value {
    json!({
        "cluster": cluster.name,
        "environment": cluster.environment,
        "objectives": cluster.objectives,
        "masters": masters,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory;

    #[test]
    fn the_nearest_word_holds_and_is_named() {
        let source = Source::new(
            "i.yaml",
            "\
cluster: Site
environment: lab
ssh: { user: ops, jump: \"ops@[fd00::1]:23\" }
zones:
  z1:
    ssh: { port: 2222 }
    masters:
      m1: { address: 10.0.1.11, etcd: { config: { env_file: /etc/e.env } } }
  z2: { masters: { m2: { address: 10.0.2.11, ssh: { jump: null } } } }
",
        );
        let cluster = inventory::read(&source).unwrap();
        insta::assert_snapshot!(text(&cluster, &of(&source, &cluster)), @r"
        cluster Site (lab)

        m1 in z1
          address               10.0.1.11                    master, i.yaml:8
          ssh.user              ops                          cluster, i.yaml:3
          ssh.port              2222                         zone, i.yaml:6
          ssh.become            sudo                         default
          ssh.identity          null                         default
          ssh.known_hosts       null                         default
          ssh.jump              ops@[fd00::1]:23             cluster, i.yaml:3
          etcd.unit             etcd                         default
          etcd.data_dir         /var/lib/etcd                default
          etcd.config           { env_file: /etc/e.env }     master, i.yaml:8
          etcd.template         null                         default
          etcd.client           null                         default
          etcd.tools            null                         default
          kubernetes            as found on the node         default

        m2 in z2
          address               10.0.2.11                    master, i.yaml:9
          ssh.user              ops                          cluster, i.yaml:3
          ssh.port              22                           default
          ssh.become            sudo                         default
          ssh.identity          null                         default
          ssh.known_hosts       null                         default
          ssh.jump              null                         master, i.yaml:9
          etcd.unit             etcd                         default
          etcd.data_dir         /var/lib/etcd                default
          etcd.config           null                         default
          etcd.template         null                         default
          etcd.client           null                         default
          etcd.tools            null                         default
          kubernetes            as found on the node         default
        ");
    }
}
