//! What the runs would write into the env files, derived from inventories alone. Asks no node: what only a node knows
//! is written as [`UNKNOWN`].
//!
//! Only the three settings that disaster recovery owns are derived. A run refuses a rendered file in which they have
//! any other value (`template::check_rendered`), so no template is needed to know them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::config::flags;
use crate::model::{MasterName, ZoneName};
use crate::playbook::template::{Peer, Target};
use crate::review::{Changes, Side};

/// Stands for what only a node knows: its member's peer URLs.
pub const UNKNOWN: &str = "<from node>";
/// Stands for the token.
const TOKEN: &str = "<new in each run>";

/// What a run would write otherwise than before, into the files of some nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvFileChange {
    pub playbook: &'static str,
    /// The zone that was lost; nothing where it does not matter which.
    pub zone: Option<ZoneName>,
    /// The nodes whose files differ so.
    pub nodes: Vec<MasterName>,
    /// The three settings before; nothing where the run would not write to these nodes.
    pub before: Option<Vec<String>>,
    /// The three settings after, likewise.
    pub after: Option<Vec<String>>,
}

/// Every difference, `initiate_dr` first: for each zone whose loss costs the quorum before or after.
#[must_use]
pub fn differences(changes: &Changes) -> Vec<EnvFileChange> {
    let (before, after) = (changes.before.as_ref(), changes.after.as_ref());
    let zones: BTreeSet<&ZoneName> = before.into_iter().chain(after).flat_map(|side| side.zones.keys()).collect();
    let mut found = Vec::new();
    for zone in zones {
        let survivors = |side: Option<&Side>| {
            let loss = side?.zones.get(zone).filter(|loss| !loss.quorum_kept)?;
            Some(loss.survivors.clone())
        };
        found.extend(by_nodes("initiate_dr", Some(zone), survivors(before), survivors(after)));
    }
    found.extend(by_nodes("recover", None, before.map(everyone), after.map(everyone)));
    found
}

fn everyone(side: &Side) -> Vec<MasterName> {
    let all: BTreeSet<&MasterName> = side.zones.values().flat_map(|loss| &loss.lost).collect();
    all.into_iter().cloned().collect()
}

/// Nodes that are written to before and after, only before, and only after.
fn by_nodes(
    playbook: &'static str,
    zone: Option<&ZoneName>,
    before: Option<Vec<MasterName>>,
    after: Option<Vec<MasterName>>,
) -> Vec<EnvFileChange> {
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    if before == after {
        return Vec::new();
    }
    let (was, is): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), after.iter().collect());
    let groups: [(Vec<MasterName>, bool, bool); 3] = [
        (was.intersection(&is).map(|name| (*name).clone()).collect(), true, true),
        (was.difference(&is).map(|name| (*name).clone()).collect(), true, false),
        (is.difference(&was).map(|name| (*name).clone()).collect(), false, true),
    ];
    let change = |(nodes, then, now): (Vec<MasterName>, bool, bool)| EnvFileChange {
        playbook,
        zone: zone.cloned(),
        nodes,
        before: then.then(|| settings(&before)),
        after: now.then(|| settings(&after)),
    };
    groups.into_iter().filter(|(nodes, ..)| !nodes.is_empty()).map(change).collect()
}

/// The three settings of a cluster of these masters, as lines.
fn settings(members: &[MasterName]) -> Vec<String> {
    let peers = members.iter().map(|name| Peer { name: name.to_string(), peer_url: UNKNOWN.to_owned() }).collect();
    Target::new(TOKEN, peers)
        .identity()
        .settings()
        .map(|(flag, value)| format!("{}={value}", flags::variable_of(flag)))
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diagnostic::Source;
    use crate::model::inventory;

    #[test]
    fn each_file_that_would_differ_is_named_once() {
        let read = |text: &str| inventory::read(&Source::new("i.yaml", text)).unwrap();
        let old = "\
cluster: site
environment: lab
zones:
  z1: { masters: { m1: { address: 10.0.1.1 }, m2: { address: 10.0.1.2 } } }
  z2: { masters: { m3: { address: 10.0.2.1 } } }
";
        let new = old.replace("m3: { address: 10.0.2.1 }", "m3: { address: 10.0.2.1 }, m4: { address: 10.0.2.2 }");
        let changes = Changes::between(Some(&read(old)), Some(&read(&new))).unwrap();
        let shown: Vec<String> = differences(&changes)
            .iter()
            .map(|change| {
                let zone = change.zone.as_ref().map(ToString::to_string).unwrap_or_default();
                let list = |side: &Option<Vec<String>>| side.as_ref().map_or("-".to_owned(), |lines| lines[0].clone());
                let nodes: Vec<&str> = change.nodes.iter().map(MasterName::as_str).collect();
                let (before, after) = (list(&change.before), list(&change.after));
                format!("{} {zone} {nodes:?}\n  {before}\n  {after}", change.playbook)
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        initiate_dr z1 ["m3"]
          ETCD_INITIAL_CLUSTER=m3=<from node>
          ETCD_INITIAL_CLUSTER=m3=<from node>,m4=<from node>
        initiate_dr z1 ["m4"]
          -
          ETCD_INITIAL_CLUSTER=m3=<from node>,m4=<from node>
        initiate_dr z2 ["m1", "m2"]
          -
          ETCD_INITIAL_CLUSTER=m1=<from node>,m2=<from node>
        recover  ["m1", "m2", "m3"]
          ETCD_INITIAL_CLUSTER=m1=<from node>,m2=<from node>,m3=<from node>
          ETCD_INITIAL_CLUSTER=m1=<from node>,m2=<from node>,m3=<from node>,m4=<from node>
        recover  ["m4"]
          -
          ETCD_INITIAL_CLUSTER=m1=<from node>,m2=<from node>,m3=<from node>,m4=<from node>
        "#);
    }
}
