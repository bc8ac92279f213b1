//! In which zone each member is: by the words of the command line, or by the labels of Kubernetes' nodes. Asks nothing.

use std::collections::BTreeMap;

use crate::model::command::clean;
use crate::model::diagnostic::word;
use crate::model::{MemberId, ZoneName};
use crate::observe::node_zones::LABEL;
use crate::verbs::Failure;

use super::draft::Found;

/// Members by their zones, as far as those are known.
#[derive(Debug, Clone, Default)]
pub(super) struct Placed {
    of: BTreeMap<MemberId, String>,
    /// What a person should know of it.
    pub(super) remarks: Vec<String>,
}

impl Placed {
    /// By the words of the command line: a member's or a node's name, or a host of its URLs.
    ///
    /// # Errors
    /// When a word fits no member or more than one, or a member would be in two zones.
    pub(super) fn by_words(zones: &BTreeMap<ZoneName, Vec<String>>, found: &Found) -> Result<Self, Failure> {
        let mut placed = Self::default();
        for (zone, text) in zones.iter().flat_map(|(zone, words)| words.iter().map(move |text| (zone, text))) {
            let fits: Vec<MemberId> = found
                .members
                .list
                .iter()
                .filter(|member| found.is_called(member, text))
                .map(|member| member.id)
                .collect();
            let which = match fits[..] {
                [one] => one,
                [] | [_, _, ..] => {
                    let why =
                        if fits.is_empty() { "no member is called so" } else { "more than one member is called so" };
                    let all: Vec<String> = found.members.list.iter().map(|member| found.shown(&member.id)).collect();
                    let what = format!("--zone {zone}: {}: {why}", word(text));
                    return Err(Failure::usage(what)
                        .note(super::UNWRITTEN)
                        .note(format!("the members are {}", all.join(", "))));
                }
            };
            if let Some(other) = placed.of.insert(which, zone.to_string()).filter(|other| other != zone.as_str()) {
                let what = format!("--zone: {} is in two zones, {other} and {zone}", word(text));
                return Err(Failure::usage(what).note(super::UNWRITTEN));
            }
        }
        Ok(placed)
    }

    /// By the labels of the nodes, where nothing was said.
    pub(super) fn by_labels(&mut self, found: &Found) {
        let nodes = match &found.nodes {
            Ok(nodes) => nodes,
            Err(why) => {
                self.remarks.push(format!("Kubernetes does not say the zones: {why}"));
                return;
            }
        };
        let mut none = Vec::new();
        for member in self.open(found) {
            let node = found.node_of(&member).and_then(|name| nodes.iter().find(|node| node.name == name));
            match node.and_then(|node| node.zone.as_ref()).map(|zone| ZoneName::new(zone.as_str())) {
                Some(Ok(zone)) => self.put(member, zone.to_string()),
                Some(Err(bad)) => {
                    let why = format!("{}: its label {LABEL}, {}, {}", found.shown(&member), word(&bad.text), bad.why);
                    self.remarks.push(why);
                }
                None => none.push(found.shown(&member)),
            }
        }
        if !none.is_empty() {
            self.remarks.push(format!("{}: no node with the label {LABEL} was found for it", clean(&none.join(", "))));
        }
    }

    pub(super) fn put(&mut self, member: MemberId, zone: String) {
        self.of.insert(member, zone);
    }

    /// The members whose zone is not known.
    pub(super) fn open(&self, found: &Found) -> Vec<MemberId> {
        found.members.list.iter().map(|member| member.id).filter(|id| !self.of.contains_key(id)).collect()
    }

    pub(super) fn is_whole(&self, found: &Found) -> bool {
        self.open(found).is_empty()
    }

    pub(super) fn zone(&self, member: MemberId) -> Option<String> {
        self.of.get(&member).cloned()
    }
}
