//! Turns inventory text into a [`Cluster`] and finds every mistake in it. Reads no disk and contacts no master.

use std::collections::BTreeMap;
use std::ops::Range;

use super::cluster::{Cluster, Environment, EtcdSettings, Master, Objectives, Power, SshSettings, Zone};
use super::diagnostic::{Diagnostic, Source, word};
use super::fields::{Fields, Reader};
use super::name::{Address, ClusterName, MasterName, ZoneName};
use super::yaml::{self, Entry, Kind};

mod beside;
pub mod places;
mod remarks;
mod settings;
#[cfg(test)]
mod tests;

pub use remarks::remarks;
use settings::Layer;

const KEYS: [&str; 8] = ["cluster", "environment", "ssh", "etcd", "kubernetes", "objectives", "zones", "clusters"];
const ZONE_KEYS: [&str; 5] = ["ssh", "etcd", "kubernetes", "power", "masters"];
const POWER_FORM: &str = "power: { off: [ipmi-power, off, zone1], on: [ipmi-power, on, zone1] }";
const MASTER_KEYS: [&str; 4] = ["address", "ssh", "etcd", "kubernetes"];

/// How a master is written, for hints.
const MASTER_FORM: &str = "m1: { address: 10.0.1.11 }";

/// The main cluster of an inventory.
///
/// # Errors
/// As [`all`].
pub fn read(source: &Source) -> Result<Cluster, Vec<Diagnostic>> {
    all(source).map(|(main, _)| main)
}

/// Reads an inventory: its main cluster, and those whose etcd runs beside that one's on the same masters.
///
/// # Errors
/// Every mistake in it, in the file's order.
pub fn all(source: &Source) -> Result<(Cluster, Vec<Cluster>), Vec<Diagnostic>> {
    let root = yaml::parse(source).map_err(|refusal| vec![*refusal])?;
    let mut reader = Reader::new(source);
    let clusters = cluster(&mut reader, &root);
    reader.finish(clusters)
}

/// Reads a text of the blocks `ssh` and `etcd` alone, as they hold for a master of which nothing else is said.
///
/// # Errors
/// Every mistake in it, in the text's order.
pub fn master_settings(source: &Source) -> Result<(SshSettings, EtcdSettings), Vec<Diagnostic>> {
    let root = yaml::parse(source).map_err(|refusal| vec![*refusal])?;
    let mut reader = Reader::new(source);
    let fields = reader.fields(&root, &(0..0), "the settings", &["ssh", "etcd"], "ssh: { user: ops }");
    let layer = fields.map(|fields| Layer::default().over(&mut reader, &fields));
    reader.finish(layer.and_then(|layer| Some((layer.ssh()?, layer.etcd()?))))
}

/// Whether a text among others is meant to be an inventory, right or wrong: it has the two keys that none goes without.
#[must_use]
pub fn is_likely(text: &str) -> bool {
    let has = |key: &str| text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
    has("cluster") && has("zones")
}

fn cluster(reader: &mut Reader<'_>, root: &yaml::Node) -> Option<(Cluster, Vec<Cluster>)> {
    let top = root.span.start..root.span.start;
    let fields = reader.fields(root, &top, "an inventory", &KEYS, "cluster: NAME")?;
    let name = reader.required(&fields, "cluster", "the inventory", "cluster: NAME");
    let name = name.and_then(|entry| reader.name(entry, "cluster: NAME", ClusterName::new));
    let environment = reader.required(&fields, "environment", "the inventory", "environment: production");
    let environment = environment.and_then(|entry| {
        let known =
            [("production", Environment::Production), ("staging", Environment::Staging), ("lab", Environment::Lab)];
        reader.choice(entry, &known)
    });
    let objectives = fields.get("objectives").and_then(|entry| objectives(reader, entry));
    let layer = Layer::default().over(reader, &fields);
    let zones = reader.required(&fields, "zones", "the inventory", "zones: { zone1: …, zone2: … }");
    let zones = zones.and_then(|entry| zones_of(reader, entry, &layer));
    let main = Cluster { name: name?, environment: environment?, objectives, zones: zones? };
    let others = fields.get("clusters").map(|entry| beside::all(reader, entry, &main)).unwrap_or_default();
    Some((main, others))
}

fn objectives(reader: &mut Reader<'_>, entry: &Entry) -> Option<Objectives> {
    if entry.value.kind == Kind::Null {
        return None;
    }
    let form = "objectives: { rto: 60s, rpo: 0 }";
    let fields = reader.fields(&entry.value, &entry.span, "`objectives`", &["rto", "rpo"], form)?;
    let rto = fields.get("rto").and_then(|entry| reader.duration(entry));
    let rpo = fields.get("rpo").and_then(|entry| reader.duration(entry));
    Some(Objectives { rto, rpo })
}

/// Where each master and each address was first seen.
#[derive(Default)]
struct Seen {
    masters: BTreeMap<String, Range<usize>>,
    /// With the master that has it.
    addresses: BTreeMap<String, (Range<usize>, String)>,
}

fn zones_of(reader: &mut Reader<'_>, entry: &Entry, layer: &Layer) -> Option<BTreeMap<ZoneName, Zone>> {
    let form = format!("zones: {{ zone1: {{ masters: {{ {MASTER_FORM} }} }} }}");
    let entries = reader.entries(&entry.value, "`zones`", &form)?;
    if entries.len() < 2 {
        let said = format!("`zones` holds {} zone{}", entries.len(), if entries.len() == 1 { "" } else { "s" });
        reader.hinted("one-zone", &entry.span, said, "a cluster that can lose a zone has at least two");
    }
    let mut seen = Seen::default();
    let mut zones = BTreeMap::new();
    for entry in entries {
        let name = reader.checked(&entry.key, &entry.span, ZoneName::new);
        if let Some(zone) = zone(reader, entry, name, layer, &mut seen) {
            zones.insert(zone.name.clone(), zone);
        }
    }
    Some(zones)
}

/// One zone; with a bad name it is still read, for the mistakes in it.
fn zone(
    reader: &mut Reader<'_>,
    entry: &Entry,
    name: Option<ZoneName>,
    layer: &Layer,
    seen: &mut Seen,
) -> Option<Zone> {
    let what = format!("zone {}", word(&entry.key));
    let form = format!("masters: {{ {MASTER_FORM} }}");
    let fields = reader.fields(&entry.value, &entry.span, &what, &ZONE_KEYS, &form)?;
    let layer = layer.over(reader, &fields);
    let masters = reader.required(&fields, "masters", &what, &form)?;
    let entries = reader.entries(&masters.value, &format!("`masters` of {what}"), &form)?;
    if entries.is_empty() {
        reader.hinted("empty-zone", &entry.span, format!("{what} has no masters"), format!("write `{form}`"));
    }
    let mut found = BTreeMap::new();
    for master_entry in entries {
        let first = seen.masters.entry(master_entry.key.clone()).or_insert_with(|| master_entry.span.clone());
        if *first != master_entry.span {
            let said = format!("{} is in two zones", word(&master_entry.key));
            reader.twice("duplicate-master", &master_entry.span, first, said);
        }
        if let Some(master) = master(reader, master_entry, name.as_ref(), &layer, seen) {
            found.insert(master.name.clone(), master);
        }
    }
    let power = fields.get("power").filter(|entry| entry.value.kind != Kind::Null);
    let power = match power {
        Some(entry) => Some(power_of(reader, entry)?),
        None => None,
    };
    Some(Zone { name: name?, masters: found, power })
}

/// Commands for a drill: lists of words, since nothing of an inventory reaches a shell.
fn power_of(reader: &mut Reader<'_>, entry: &Entry) -> Option<Power> {
    let fields = reader.fields(&entry.value, &entry.span, "`power`", &["off", "on"], POWER_FORM)?;
    let mut words = |key: &str| {
        let entry = reader.required(&fields, key, "`power`", POWER_FORM)?;
        let Kind::List(nodes) = &entry.value.kind else {
            reader.wrong_type(&entry.value, &format!("`{key}`"), "a list of words", POWER_FORM);
            return None;
        };
        let text = |node: &yaml::Node| match &node.kind {
            Kind::Text(text) if !text.is_empty() && !text.chars().any(char::is_control) => Some(text.clone()),
            _ => None,
        };
        let words: Option<Vec<String>> = nodes.iter().map(text).collect();
        let words = words.filter(|words| !words.is_empty());
        if words.is_none() {
            let said = format!("`{key}` is not a command: write a program and its arguments, each as one word");
            reader.hinted("bad-command", &entry.value.span, said, format!("write `{POWER_FORM}`"));
        }
        words
    };
    let (off, on) = (words("off"), words("on"));
    Some(Power { off: off?, on: on? })
}

fn master(
    reader: &mut Reader<'_>,
    entry: &Entry,
    zone: Option<&ZoneName>,
    layer: &Layer,
    seen: &mut Seen,
) -> Option<Master> {
    let name = reader.checked(&entry.key, &entry.span, MasterName::new);
    let what = format!("master {}", word(&entry.key));
    let fields = reader.fields(&entry.value, &entry.span, &what, &MASTER_KEYS, MASTER_FORM)?;
    let address = address(reader, &fields, &what, &entry.key, seen);
    let layer = layer.over(reader, &fields);
    let (ssh, etcd, kubernetes) = (layer.ssh()?, layer.etcd()?, layer.kubernetes());
    Some(Master { name: name?, zone: zone?.clone(), address: address?, ssh, etcd, kubernetes })
}

fn address(reader: &mut Reader<'_>, fields: &Fields<'_>, what: &str, master: &str, seen: &mut Seen) -> Option<Address> {
    let form = "address: 10.0.1.11";
    let entry = reader.required(fields, "address", what, form)?;
    let address = reader.name(entry, form, Address::new)?;
    // One address can be written in many ways: `fd00::1` and `fd00:0::1`, `M1.example` and `m1.example`.
    let same = address
        .as_str()
        .parse::<std::net::IpAddr>()
        .map_or_else(|_| address.as_str().trim_end_matches('.').to_lowercase(), |ip| ip.to_canonical().to_string());
    if let Some((first, other)) = seen.addresses.get(&same).filter(|(_, other)| other != master) {
        let said = format!("{} is the address of {} too", word(address.as_str()), word(other));
        reader.twice("duplicate-address", &entry.value.span, &first.clone(), said);
    }
    seen.addresses.entry(same).or_insert_with(|| (entry.value.span.clone(), master.to_owned()));
    Some(address)
}
