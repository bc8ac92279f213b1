//! Variables in YAML: a whole file, or a set of keys. Does not know what a variable means.

use crate::model::diagnostic::Source;
use crate::model::yaml::{self, Kind, Node};

use super::Refusal;
use super::groups::{Value, Var, Vars};

/// Reads a file of variables; an empty one has none.
pub fn read(source: &Source, wanted: &dyn Fn(&str) -> bool) -> Result<Vars, Refusal> {
    match yaml::parse_foreign(source) {
        Ok(root) => Ok(of(&root, source, wanted)),
        Err(refusal) if refusal.code == "empty-file" => Ok(Vars::new()),
        Err(refusal) => Err(Refusal::of(&refusal)),
    }
}

/// The wanted ones of a set of keys.
pub fn of(node: &Node, source: &Source, wanted: &dyn Fn(&str) -> bool) -> Vars {
    let var = |node: &Node| Var { value: value(node), from: source.name.clone() };
    let entries = entries(node).into_iter().filter(|(name, _)| wanted(name));
    entries.map(|(name, node)| (name.to_owned(), var(node))).collect()
}

fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Text(text) => Value::of(text),
        Kind::Null => Value::Nothing,
        _ => Value::Unread(node.described()),
    }
}

/// A set's keys and values; those that `<<` brings come first, as what is written out wins over them.
pub fn entries(node: &Node) -> Vec<(&str, &Node)> {
    let mut found = Vec::new();
    let mut open = vec![node];
    let mut layers: Vec<Vec<(&str, &Node)>> = Vec::new();
    while let Some(node) = open.pop() {
        match &node.kind {
            Kind::Map(entries) => {
                let (merged, own): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.key == "<<");
                layers.push(own.into_iter().map(|entry| (entry.key.as_str(), &entry.value)).collect());
                open.extend(merged.into_iter().map(|entry| &entry.value));
            }
            // Of several sets brought in at once the first wins.
            Kind::List(items) if !layers.is_empty() => open.extend(items.iter().rev()),
            _ => {}
        }
    }
    found.extend(layers.into_iter().rev().flatten());
    found
}
