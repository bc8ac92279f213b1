//! Other etcd clusters on the same masters (`clusters:`), such as kubespray's for events. They share zones, addresses and SSH;
//! what an etcd has of its own must be named, and differ. Knows nothing of what the masters say.

use std::collections::BTreeSet;

use crate::model::cluster::{Cluster, EtcdSettings, RecordAt};
use crate::model::diagnostic::word;
use crate::model::fields::{Fields, Reader};
use crate::model::name::{ClusterName, MasterName};
use crate::model::yaml::{Entry, Kind};

use super::settings::Layer;

const FORM: &str = "prod-events: { etcd: { unit: etcd-events, data_dir: /var/lib/etcd-events } }";
const KEYS: [&str; 2] = ["etcd", "masters"];

/// Every one of them, in the file's order.
pub(super) fn all(reader: &mut Reader<'_>, entry: &Entry, main: &Cluster) -> Vec<Cluster> {
    let Some(entries) = reader.entries(&entry.value, "`clusters`", FORM) else { return Vec::new() };
    let mut found: Vec<Cluster> = Vec::new();
    for entry in entries {
        let Some(cluster) = one(reader, entry, main) else { continue };
        for other in std::iter::once(main).chain(&found) {
            if let Some(said) = clash(&cluster, other) {
                reader.hinted(
                    "same-etcd",
                    &entry.span,
                    said,
                    "each cluster's etcd has a unit and a directory of its own",
                );
            }
        }
        found.push(cluster);
    }
    found
}

fn one(reader: &mut Reader<'_>, entry: &Entry, main: &Cluster) -> Option<Cluster> {
    let name = reader.checked(&entry.key, &entry.span, ClusterName::new);
    let what = format!("cluster {}", word(&entry.key));
    let fields = reader.fields(&entry.value, &entry.span, &what, &KEYS, FORM)?;
    reader.required(&fields, "etcd", &what, FORM)?;
    let layer = Layer::default().over(reader, &fields);
    if let Some(missing) = layer.missing_of_its_own() {
        let said = format!("{what} does not say the `{missing}` of its etcd");
        reader.hinted("missing-key", &entry.span, said, format!("write `{FORM}`"));
        return None;
    }
    let only = only(reader, &fields, main)?;
    let name = name?;
    let etcd = EtcdSettings { record: RecordAt::beside(name.clone()), ..layer.etcd()? };
    let mut zones = main.zones.clone();
    for zone in zones.values_mut() {
        zone.masters.retain(|master, _| only.as_ref().is_none_or(|only| only.contains(master)));
        // The API server is the same, which may have a list of this cluster's etcds beside that of the main one's.
        for master in zone.masters.values_mut() {
            master.etcd = etcd.clone();
        }
    }
    zones.retain(|_, zone| !zone.masters.is_empty());
    if zones.len() < 2 {
        let said = format!("the masters of {what} stand in one zone");
        reader.hinted("one-zone", &entry.span, said, "a cluster that can lose a zone has masters in at least two");
        return None;
    }
    Some(Cluster { name, environment: main.environment, objectives: main.objectives, zones })
}

/// The masters that have it, where not all do; nothing where the list has a mistake.
#[allow(clippy::option_option, reason = "a mistake, all, or these")]
fn only(reader: &mut Reader<'_>, fields: &Fields<'_>, main: &Cluster) -> Option<Option<BTreeSet<MasterName>>> {
    let Some(entry) = fields.get("masters") else { return Some(None) };
    let form = "masters: [m1, m2, m3]";
    let Kind::List(nodes) = &entry.value.kind else {
        reader.wrong_type(&entry.value, "`masters`", "a list of names", form);
        return None;
    };
    let mut names = BTreeSet::new();
    for node in nodes {
        let Kind::Text(text) = &node.kind else {
            reader.wrong_type(node, "a master's name", "a word", form);
            return None;
        };
        let name = reader.checked(text, &node.span, MasterName::new)?;
        if main.master(&name).is_none() {
            let said = format!("{} is no master of this inventory", word(text));
            reader.hinted("unknown-master", &node.span, said, "name masters that stand under `zones`");
            return None;
        }
        names.insert(name);
    }
    Some(Some(names))
}

/// What two clusters would share on a master.
fn clash(one: &Cluster, other: &Cluster) -> Option<String> {
    if one.name == other.name {
        return Some(format!("two clusters have the name {}", one.name));
    }
    let mut both = one.masters().filter_map(|master| Some((master, other.master(&master.name)?)));
    both.find_map(|(here, there)| {
        let same = shared(&here.etcd, &there.etcd)?;
        Some(format!("clusters {} and {} have the same {same} on {}", one.name, other.name, here.name))
    })
}

fn shared(mine: &EtcdSettings, theirs: &EtcdSettings) -> Option<String> {
    if mine.data_dir == theirs.data_dir {
        return Some(format!("data directory {}", mine.data_dir));
    }
    if mine.supervisor().to_string() == theirs.supervisor().to_string() {
        return Some(format!("unit {}", mine.supervisor()));
    }
    let file = mine.config.names_a_file() && mine.config == theirs.config;
    file.then(|| format!("file {}", mine.config.first_read()))
}

#[cfg(test)]
mod tests {
    use crate::model::diagnostic::Source;
    use crate::model::inventory::all;

    fn with(clusters: &str) -> Source {
        let text = "cluster: prod\nenvironment: lab\netcd: { config: { env_file: /etc/etcd.env } }\nzones:\n  z1: { masters: \
                    { m1: { address: 10.0.1.11 }, m2: { address: 10.0.1.12 } } }\n  z2: { masters: { m3: { address: \
                    10.0.2.11 } } }\n";
        Source::new("i.yaml", format!("{text}clusters:\n{clusters}"))
    }

    const EVENTS: &str = "  events: { etcd: { unit: etcd-events, data_dir: /var/lib/etcd-events } }\n";

    #[test]
    fn another_cluster_has_the_same_masters_and_an_etcd_of_its_own() {
        let (main, others) = all(&with(EVENTS)).unwrap();
        let [events] = &others[..] else { panic!("{others:?}") };
        assert_eq!(main.record().to_string(), "/var/lib/requorum/cluster.json");
        assert_eq!(events.record().to_string(), "/var/lib/requorum/cluster-events.json");
        for (own, main) in events.masters().zip(main.masters()) {
            assert_eq!((&own.name, &own.address, &own.ssh), (&main.name, &main.address, &main.ssh));
            assert_eq!((own.etcd.unit.as_str(), own.etcd.data_dir.as_str()), ("etcd-events", "/var/lib/etcd-events"));
            // Nothing of the main one's etcd is taken over.
            assert!(own.etcd.config.shown().is_none() && main.etcd.config.shown().is_some());
        }
        let named = EVENTS.replace(" etcd: {", " masters: [m2, m3], etcd: {");
        let (_, others) = all(&with(&named)).unwrap();
        assert_eq!(others[0].masters().map(|master| master.name.as_str()).collect::<Vec<_>>(), ["m2", "m3"]);
    }

    #[test]
    fn a_master_with_settings_of_its_own_is_compared_too() {
        let own = "m3: { address: 10.0.2.11, etcd: { data_dir: /var/lib/etcd-events } }";
        let text = with(EVENTS).text.replace("m3: { address: 10.0.2.11 }", own);
        let found = all(&Source::new("i.yaml", text)).unwrap_err();
        let said = "clusters events and prod have the same data directory /var/lib/etcd-events on m3";
        assert!(found.iter().any(|one| one.code == "same-etcd" && one.message == said), "{found:#?}");
    }

    #[test]
    fn a_mistake_in_it_is_told_with_its_line() {
        for (clusters, code, line) in [
            ("  events: { etcd: { data_dir: /var/lib/etcd-events } }\n", "missing-key", 8),
            ("  events: { etcd: { unit: etcd-events } }\n", "missing-key", 8),
            ("  events: { masters: [m1, m3] }\n", "missing-key", 8),
            ("  events: { etcd: { unit: etcd-events, data_dir: /var/lib/etcd } }\n", "same-etcd", 8),
            ("  events: { etcd: { unit: etcd, data_dir: /var/lib/e } }\n", "same-etcd", 8),
            ("  prod: { etcd: { unit: e, data_dir: /var/lib/e } }\n", "same-etcd", 8),
            (&format!("{EVENTS}  more: {{ etcd: {{ unit: etcd-events, data_dir: /var/lib/m }} }}\n"), "same-etcd", 9),
            (&EVENTS.replace(" etcd: {", " masters: [m1, m9], etcd: {"), "unknown-master", 8),
            (&EVENTS.replace(" etcd: {", " masters: [m1, m2], etcd: {"), "one-zone", 8),
            (
                &EVENTS.replace("unit: etcd-events", "unit: etcd-events, config: { env_file: /etc/etcd.env }"),
                "same-etcd",
                8,
            ),
            (&EVENTS.replace("etcd: {", "ssh: { port: 1 }, etcd: {"), "unknown-key", 8),
        ] {
            let found = all(&with(clusters)).unwrap_err();
            assert!(found.iter().any(|one| one.code == code && one.place.line == line), "{clusters}: {found:#?}");
        }
    }
}
