//! Turns playbook text into a [`Playbook`] and finds every mistake in it. Knows neither clusters nor the order of
//! steps.

use crate::model::diagnostic::{Diagnostic, Place, Severity, Source, nearest, one_of, word};
use crate::model::fields::{Fields, Reader};
use crate::model::yaml::{self, Entry, Kind, Node};

use super::{Action, Expectation, Phase, Playbook, PlaybookLine, Role, Service, order};

/// The kinds of step, as written.
const KINDS: [&str; 25] = [
    "expect",
    "prepare-fence",
    "fence",
    "snapshot",
    "distribute-snapshot",
    "fetch-snapshot",
    "stop",
    "start",
    "retire",
    "restore",
    "write",
    "join",
    "restart-learner",
    "promote",
    "clear-nospace",
    "compare",
    "record",
    "park",
    "narrow",
    "clear-leases",
    "cordon",
    "uncordon",
    "serve-api",
    "each",
    "phase",
];
/// Words that earlier versions had, and what they are called now. They are still read.
const RENAMED: [(&str, &str); 5] = [
    ("guard", "prepare-fence"),
    ("share", "distribute-snapshot"),
    ("keep", "fetch-snapshot"),
    ("settle", "restart-learner"),
    ("relieve", "clear-nospace"),
];
const ROLES: [(&str, Role); 6] = [
    ("failed", Role::Failed),
    ("survivors", Role::Survivors),
    ("seed", Role::Seed),
    ("returned", Role::Returned),
    ("joiner", Role::Joiner),
    ("everyone", Role::Everyone),
];
const EXPECTATIONS: [(&str, Expectation); 4] = [
    ("quorum-lost", Expectation::QuorumLost),
    ("still-lost", Expectation::StillLost),
    ("one-writable-cluster", Expectation::OneWritableCluster),
    ("everyone-serves", Expectation::EveryoneServes),
];
const PHASES: [(&str, Phase); 10] = [
    ("doctor", Phase::Doctor),
    ("snapshot", Phase::Snapshot),
    ("canaries", Phase::Canaries),
    ("outage", Phase::Outage),
    ("detection", Phase::Detection),
    ("initiate-dr", Phase::InitiateDr),
    ("return", Phase::Return),
    ("recover", Phase::Recover),
    ("verification", Phase::Verification),
    ("ledger", Phase::Ledger),
];
const STEPS_FORM: &str = "steps: [ … ]";

/// Reads a playbook.
///
/// # Errors
/// Every mistake in its form; if there is none, every place where the order of its steps is unsafe.
pub fn read(source: &Source) -> Result<Playbook, Vec<Diagnostic>> {
    let root = yaml::parse(source).map_err(|refusal| vec![*refusal])?;
    let mut reader = Reader::new(source);
    let playbook = playbook(&mut reader, &root);
    let playbook = reader.finish(playbook)?;
    let unsafe_steps = order::check(&playbook, source);
    if unsafe_steps.is_empty() { Ok(playbook) } else { Err(unsafe_steps) }
}

/// What a word for a step is called now.
fn now(word: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == word).map_or(word, |(_, new)| new)
}

/// A note for each step that is called by a word of an earlier version; nothing where the text cannot be read.
#[must_use]
pub fn old_words(source: &Source) -> Vec<Diagnostic> {
    fn steps<'n>(node: &'n Node, found: &mut Vec<&'n Entry>) {
        match &node.kind {
            Kind::List(nodes) => nodes.iter().for_each(|node| steps(node, found)),
            Kind::Map(entries) => {
                for entry in entries {
                    if entry.key == "steps" {
                        steps(&entry.value, found);
                    } else if now(&entry.key) != entry.key {
                        found.push(entry);
                    }
                }
            }
            _ => {}
        }
    }
    let Ok(root) = yaml::parse(source) else { return Vec::new() };
    let mut found = Vec::new();
    steps(&root, &mut found);
    let note = |entry: &&Entry| {
        let (old, new) = (&entry.key, now(&entry.key));
        let place = Place::of(source, entry.span.clone());
        let said = format!("`{old}` is called `{new}` now; the old word is still read");
        Diagnostic::of(Severity::Note, "renamed-step", place, said).hint(format!("write `{new}`"))
    };
    found.iter().map(note).collect()
}

fn playbook(reader: &mut Reader<'_>, root: &Node) -> Option<Playbook> {
    let top = root.span.start..root.span.start;
    let keys = ["playbook", "summary", "steps"];
    let fields = reader.fields(root, &top, "a playbook", &keys, "playbook: NAME")?;
    let name = reader.required(&fields, "playbook", "the playbook", "playbook: initiate_dr");
    let name = name.and_then(|entry| reader.file_name(entry, "playbook: initiate_dr"));
    let summary = reader.required(&fields, "summary", "the playbook", "summary: What is true once it ran.");
    let summary = summary.and_then(|entry| sentence(reader, entry));
    let steps = reader.required(&fields, "steps", "the playbook", STEPS_FORM);
    let lines = steps.and_then(|entry| lines(reader, entry, false));
    Some(Playbook { name: name?, summary: summary?, lines: lines? })
}

/// Words for a person, in one line.
fn sentence(reader: &mut Reader<'_>, entry: &Entry) -> Option<String> {
    let text = reader.text(entry, &format!("{}: A sentence.", entry.key))?.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        let said = format!("`{}` must be words in one line", entry.key);
        reader.mistake("bad-value", &entry.value.span, said);
        return None;
    }
    Some(text.to_owned())
}

fn lines(reader: &mut Reader<'_>, steps: &Entry, within_each: bool) -> Option<Vec<PlaybookLine>> {
    let Kind::List(nodes) = &steps.value.kind else {
        reader.wrong_type(&steps.value, "`steps`", "a list", "- expect: quorum-lost");
        return None;
    };
    if nodes.is_empty() {
        reader.mistake("no-steps", &steps.span, "`steps` holds no step");
    }
    // Every step is read even if one before is wrong.
    let lines: Vec<Option<PlaybookLine>> = nodes.iter().map(|node| line(reader, node, within_each)).collect();
    lines.into_iter().collect()
}

fn line(reader: &mut Reader<'_>, node: &Node, within_each: bool) -> Option<PlaybookLine> {
    const FORM: &str = "- fence: failed";
    let entries = reader.entries(node, "a step", FORM)?;
    let is_kind = |entry: &&&Entry| KINDS.contains(&now(&entry.key));
    let kind = entries.iter().find(is_kind).copied();
    for entry in &entries {
        let key = entry.key.as_str();
        let known = match kind {
            Some(kind) if std::ptr::eq(*entry, kind) => continue,
            Some(kind) if KINDS.contains(&now(key)) => {
                let said = format!("one step does two things, `{}` and `{key}`", kind.key);
                reader.hinted("two-kinds", &entry.span, said, "begin a step of its own with a dash");
                continue;
            }
            Some(kind) if kind.key == "each" => ["why", "steps"].as_slice(),
            Some(_) => ["why"].as_slice(),
            None => continue,
        };
        if !known.contains(&key) {
            let hint = nearest(key, known)
                .map_or_else(|| format!("known here: {}", one_of(known)), |near| format!("did you mean `{near}`?"));
            reader.hinted("unknown-key", &entry.span, format!("{} is not a key of this step", word(key)), hint);
        }
    }
    let why = entries.iter().find(|entry| entry.key == "why");
    let why = why.map(|entry| sentence(reader, entry));
    let Some(kind) = kind else {
        unknown_kind(reader, node, &entries);
        return None;
    };
    let action = action(reader, kind, &entries, within_each)?;
    let at = reader.place(&kind.span).line as u64;
    Some(PlaybookLine { action, why: why.map_or(Some(None), |why| why.map(Some))?, at })
}

fn unknown_kind(reader: &mut Reader<'_>, node: &Node, entries: &[&Entry]) {
    let known = format!("known are {}", one_of(&KINDS));
    match entries.iter().find(|entry| !matches!(entry.key.as_str(), "why" | "steps")) {
        None => reader.hinted("no-kind", &node.span, "the step does not say what to do", known),
        Some(entry) => {
            let hint = match (entry.key.as_str(), nearest(&entry.key, &KINDS)) {
                ("unfence", _) => "leave it out: `start` lifts the fence".to_owned(),
                (_, Some(near)) => format!("did you mean `{near}`?"),
                (_, None) => known,
            };
            reader.hinted("unknown-step", &entry.span, format!("{} is not a kind of step", word(&entry.key)), hint);
        }
    }
}

fn action(reader: &mut Reader<'_>, kind: &Entry, entries: &[&Entry], within_each: bool) -> Option<Action> {
    let of_role: fn(Role) -> Action = match now(&kind.key) {
        "expect" => return reader.choice(kind, &EXPECTATIONS).map(Action::Expect),
        "stop" | "start" => return service(reader, kind, within_each),
        "write" => return write(reader, kind, within_each),
        "phase" => return reader.choice(kind, &PHASES).map(Action::Phase),
        "each" => return each(reader, kind, entries, within_each),
        "prepare-fence" => Action::PrepareFence,
        "fence" => Action::Fence,
        "snapshot" => Action::Snapshot,
        "distribute-snapshot" => Action::DistributeSnapshot,
        "fetch-snapshot" => Action::FetchSnapshot,
        "retire" => Action::Retire,
        "restore" => Action::Restore,
        "join" => Action::Join,
        "restart-learner" => Action::RestartLearner,
        "promote" => Action::Promote,
        "compare" => Action::Compare,
        "clear-nospace" => Action::ClearNospace,
        "record" => Action::Record,
        "park" => Action::Park,
        "narrow" => Action::Narrow,
        "clear-leases" => Action::ClearLeases,
        "cordon" => Action::Cordon,
        "uncordon" => Action::Uncordon,
        "serve-api" => Action::ServeApi,
        _ => return None,
    };
    role(reader, kind, within_each).map(of_role)
}

fn role(reader: &mut Reader<'_>, entry: &Entry, within_each: bool) -> Option<Role> {
    let role = reader.choice(entry, &ROLES)?;
    if role == Role::Joiner && !within_each {
        let said = "`joiner` is known only within `each`";
        reader.hinted("no-joiner", &entry.value.span, said, "put the step under `- each: returned` and its `steps`");
        return None;
    }
    Some(role)
}

fn service(reader: &mut Reader<'_>, kind: &Entry, within_each: bool) -> Option<Action> {
    let form = format!("{}: {{ what: etcd, on: survivors }}", kind.key);
    let (fields, on) = on_role(reader, kind, "what", &form, within_each)?;
    let what = reader.required(&fields, "what", &format!("`{}`", kind.key), &form);
    let what = what.and_then(|entry| reader.choice(entry, &[("etcd", Service::Etcd)]))?;
    let on = on?;
    Some(if kind.key == "stop" { Action::Stop { what, on } } else { Action::Start { what, on } })
}

/// `write: survivors` takes the template that the inventory names for each master; a set of keys names one itself.
fn write(reader: &mut Reader<'_>, kind: &Entry, within_each: bool) -> Option<Action> {
    if matches!(kind.value.kind, Kind::Text(_)) {
        return role(reader, kind, within_each).map(|on| Action::Write { template: None, on });
    }
    let form = "write: { template: etcd.env.j2, on: survivors }";
    let (fields, on) = on_role(reader, kind, "template", form, within_each)?;
    let template = reader.required(&fields, "template", "`write`", form);
    let template = template.and_then(|entry| reader.file_name(entry, "template: etcd.env.j2"));
    Some(Action::Write { template: Some(template?), on: on? })
}

/// The keys of a step that says on whom, beside `other`.
fn on_role<'n>(
    reader: &mut Reader<'_>,
    kind: &'n Entry,
    other: &str,
    form: &str,
    within_each: bool,
) -> Option<(Fields<'n>, Option<Role>)> {
    let what = format!("`{}`", kind.key);
    let fields = reader.fields(&kind.value, &kind.span, &what, &[other, "on"], form)?;
    let on = reader.required(&fields, "on", &what, form);
    let on = on.and_then(|entry| role(reader, entry, within_each));
    Some((fields, on))
}

fn each(reader: &mut Reader<'_>, kind: &Entry, entries: &[&Entry], within_each: bool) -> Option<Action> {
    if within_each {
        reader.mistake("nested-each", &kind.span, "`each` cannot stand within `each`");
        return None;
    }
    // `joiner` is the one who returned; going over others one by one has no name for the one.
    let role = reader.choice(kind, &[("returned", Role::Returned)]);
    let Some(steps) = entries.iter().find(|entry| entry.key == "steps") else {
        reader.hinted("missing-key", &kind.span, "`each` lacks `steps`", format!("write `{STEPS_FORM}` below it"));
        return None;
    };
    let steps = lines(reader, steps, true)?;
    Some(Action::Each { role: role?, steps })
}

#[cfg(test)]
mod tests;
