//! `inventory diff`: what a change of inventories means. Reads the disk and git, and never connects to a master.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::diagnostic::Source;
use crate::model::{Cluster, ClusterName, inventory, json};
use crate::report::review::{self, Comparison, Review};
use crate::review::Changes;
use crate::run::exit;
use crate::run::redact::Redactor;
use crate::verbs::files::{Files, Side, Text};
use crate::verbs::forms::DiffForm;
use crate::verbs::{Failure, Site};

/// `requorum inventory diff`.
///
/// # Errors
/// When a side cannot be read, or is no inventory.
pub fn diff(site: &Site, files: &dyn Files, old: &str, new: Option<&str>, output: DiffForm) -> Result<u8, Failure> {
    let (old, new) = files.sides(old, new).map_err(Failure::input)?;
    let names: BTreeSet<&String> = old.texts.keys().chain(new.texts.keys()).collect();
    let (mut reviews, mut compared) = (Vec::new(), 0);
    for name in names {
        if old.texts.get(name) == new.texts.get(name) && !matches!(old.texts.get(name), Some(Text::File(_))) {
            // The same object holds the same text; whether it is an inventory need not be known.
            continue;
        }
        let (before, after) = (source(&old, name, files)?, source(&new, name, files)?);
        let given = || before.iter().chain(&after);
        // In a directory all sorts of files lie; one that was named is an inventory.
        if name.is_empty() || given().any(|source| inventory::is_likely(&source.text)) {
            compared += 1;
            reviews.extend(compare(name, before.as_ref(), after.as_ref()));
        }
    }
    // An inventory holds no secrets, and a review is for everybody to read.
    let redactor = Redactor::default();
    site.console.print(&match output {
        DiffForm::Text => redactor.clean(&review::text(&reviews, compared)),
        DiffForm::Markdown => redactor.clean(&review::markdown(&reviews, compared)),
        DiffForm::Json => {
            let mut value = review::json(&reviews, compared);
            redactor.value(&mut value);
            json::text(&value)
        }
    });
    let mistakes: Vec<_> = reviews.iter().flat_map(Review::mistakes).cloned().collect();
    if !mistakes.is_empty() {
        return Err(Failure::mistakes(mistakes).after_the_answer());
    }
    Ok(match () {
        () if reviews.iter().any(Review::is_dangerous) => exit::REFUSED,
        () if reviews.is_empty() => exit::DONE,
        () => exit::CHANGES,
    })
}

fn source(side: &Side, name: &str, files: &dyn Files) -> Result<Option<Source>, Failure> {
    let called = side.called(name);
    let unread = |error| Failure::input(format!("{called}: {error}; what cannot be read is not compared"));
    let text = side.read(name, files).map_err(unread)?;
    Ok(text.map(|text| Source::new(called, text)))
}

/// What each cluster's change means: the main one's, and that of each beside it, by its name.
fn compare(name: &str, before: Option<&Source>, after: Option<&Source>) -> Vec<Review> {
    let called = || after.or(before).map_or_else(|| name.to_owned(), |source| source.name.clone());
    let file = if name.is_empty() { called() } else { name.to_owned() };
    if before.map(|source| &source.text) == after.map(|source| &source.text) {
        return Vec::new();
    }
    let (new, beside) = match after.map(inventory::all).transpose() {
        Ok(new) => new.unzip(),
        Err(mistakes) => return vec![Review { file, verdict: Comparison::Unreadable { mistakes } }],
    };
    let ((old, was_beside), old_mistakes) = match before.map(inventory::all).transpose() {
        Ok(old) => (old.unzip(), 0),
        Err(mistakes) => ((None, None), mistakes.len()),
    };
    let (beside, was_beside) = (by_name(beside), by_name(was_beside));
    let names: BTreeSet<&ClusterName> = beside.keys().chain(was_beside.keys()).collect();
    let others = names
        .into_iter()
        .map(|name| (format!("{file}, cluster {name}"), Changes::between(was_beside.get(name), beside.get(name)), 0));
    std::iter::once((file.clone(), Changes::between(old.as_ref(), new.as_ref()), old_mistakes))
        .chain(others)
        .filter_map(|(file, changes, mistakes)| {
            let changes = changes.filter(|changes| !changes.is_empty())?;
            Some(Review::changed(file, changes, mistakes))
        })
        .collect()
}

fn by_name(clusters: Option<Vec<Cluster>>) -> BTreeMap<ClusterName, Cluster> {
    clusters.into_iter().flatten().map(|cluster| (cluster.name.clone(), cluster)).collect()
}
