//! The parts of a pod's manifest, and the words that a kubelet starts a container with. Knows no program.

use std::ops::Range;

use crate::model::diagnostic::{Place, Source};
use crate::model::yaml::{Entry, Kind, Node};

use super::{Outcome, refused};

/// A word of a container's, and its bytes in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// The value of a key.
pub(super) fn child<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Kind::Map(entries) = &node.kind else { return None };
    entries.iter().rev().find(|entry: &&Entry| entry.key == key).map(|entry| &entry.value)
}

/// The text below these keys.
pub(super) fn text_at<'a>(node: &'a Node, keys: &[&str]) -> Option<&'a str> {
    let found = keys.iter().try_fold(node, |node, key| child(node, key))?;
    match &found.kind {
        Kind::Text(text) => Some(text),
        Kind::Null | Kind::List(_) | Kind::Map(_) | Kind::Tagged => None,
    }
}

/// A list of words.
///
/// # Errors
/// What is no word.
pub(super) fn words_of(source: &Source, node: &Node) -> Outcome<Vec<Word>> {
    let place = |node: &Node| Place::of(source, node.span.clone());
    let next = "write `command` with one word a line";
    let Kind::List(items) = &node.kind else {
        return Err(refused("manifest-command", place(node), "this is no list of words", next));
    };
    let words = items.iter().map(|item| match &item.kind {
        Kind::Text(text) => Ok(Word { text: text.clone(), span: item.span.clone() }),
        Kind::Null | Kind::List(_) | Kind::Map(_) | Kind::Tagged => {
            Err(refused("manifest-command", place(item), "this is no word", next))
        }
    });
    words.collect()
}
