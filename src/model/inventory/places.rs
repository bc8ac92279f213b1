//! Where a zone, a master and each resolved setting is written in an inventory's text. Does not know what a value
//! means.

use crate::model::cluster::Master;
use crate::model::diagnostic::{Place, Source};
use crate::model::name::ZoneName;
use crate::model::yaml::{self, Entry, Kind, Node};

/// An inventory's text as a tree, for looking places up.
#[derive(Debug)]
pub struct Places<'s> {
    source: &'s Source,
    root: Node,
}

/// Who said a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The master itself.
    Master,
    Zone,
    /// The whole cluster.
    Cluster,
    /// The OpenSSH configuration of the bastion.
    Ssh,
}

impl<'s> Places<'s> {
    /// The places of a text that is YAML.
    #[must_use]
    pub fn of(source: &'s Source) -> Option<Self> {
        Some(Self { source, root: yaml::parse(source).ok()? })
    }

    /// A top-level key.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<Place> {
        self.place(below(&self.root, &[key])?)
    }

    /// A zone's name.
    #[must_use]
    pub fn zone(&self, zone: &ZoneName) -> Option<Place> {
        self.place(below(&self.root, &["zones", zone.as_str()])?)
    }

    /// A master's name.
    #[must_use]
    pub fn master(&self, master: &Master) -> Option<Place> {
        self.place(self.entry_of(master)?)
    }

    /// Who said a setting of a master, and where: the nearest that has the key. Nobody, where a default holds.
    #[must_use]
    pub fn setting(&self, master: &Master, path: &[&str]) -> Option<(Level, Place)> {
        if let Some(cluster) = master.etcd.record.cluster().filter(|_| path.first() == Some(&"etcd")) {
            let own = below(&self.root, &["clusters", cluster.as_str()])?;
            return Some((Level::Cluster, self.place(below(&own.value, path)?)?));
        }
        let zone = below(&self.root, &["zones", master.zone.as_str()]);
        let levels = [
            (Level::Master, self.entry_of(master).map(|entry| &entry.value)),
            (Level::Zone, zone.map(|entry| &entry.value)),
            (Level::Cluster, Some(&self.root)),
        ];
        levels.into_iter().find_map(|(level, node)| Some((level, self.place(below(node?, path)?)?)))
    }

    fn entry_of(&self, master: &Master) -> Option<&Entry> {
        below(&self.root, &["zones", master.zone.as_str(), "masters", master.name.as_str()])
    }

    fn place(&self, entry: &Entry) -> Option<Place> {
        Some(Place::of(self.source, entry.span.clone()))
    }
}

/// The entry at the end of a path of keys.
fn below<'n>(node: &'n Node, path: &[&str]) -> Option<&'n Entry> {
    let Kind::Map(entries) = &node.kind else { return None };
    let (first, rest) = path.split_first()?;
    let entry = entries.iter().find(|entry| entry.key == *first)?;
    if rest.is_empty() { Some(entry) } else { below(&entry.value, rest) }
}
