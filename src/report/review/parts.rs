//! A review as titled parts of short lines, before any output format is applied. Knows neither terminal nor Markdown.

use std::collections::BTreeSet;

use crate::model::{MasterName, ZoneName};
use crate::report::names;

use super::{Change, Changes, Comparison, EnvFileChange, Loss, Review, Setting, Side};

/// How many names stand in a line before the rest is counted.
const NAMES: usize = 8;

/// How a part's lines are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Plain,
    /// In this order.
    Ordered,
    /// Each begins with `+`, `-` or a blank.
    Diff,
}

/// A titled part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) title: String,
    pub(super) form: Form,
    /// Whether a reader in a hurry can do without it.
    pub(super) detail: bool,
    pub(super) lines: Vec<String>,
}

/// What is reviewed, in a line.
pub(super) fn title(review: &Review) -> String {
    match &review.verdict {
        Comparison::Unreadable { .. } => format!("{}: no inventory can be read", review.file),
        Comparison::Changed { changes, .. } => {
            let how = match (&changes.before, &changes.after) {
                (None, _) => "is new",
                (_, None) => "is gone",
                _ => "changes",
            };
            let danger = if review.is_dangerous() { ", against a safety rule" } else { "" };
            format!("{}: cluster {} {how}{danger}", review.file, changes.cluster)
        }
    }
}

/// The parts, the most important first.
pub(super) fn of(review: &Review) -> Vec<Part> {
    let (changes, env_files, old_mistakes) = match &review.verdict {
        Comparison::Changed { changes, env_files, old_mistakes } => (changes, env_files, *old_mistakes),
        Comparison::Unreadable { mistakes } => {
            let lines = mistakes.iter().map(|mistake| {
                let place = &mistake.place;
                format!("{}:{}:{}: {} ({})", place.file, place.line, place.column, mistake.message, mistake.code)
            });
            let title = "Mistakes".to_owned();
            return vec![Part { title, form: Form::Plain, detail: false, lines: lines.collect() }];
        }
    };
    let mut parts = vec![plain("Blast radius", radius(changes, old_mistakes))];
    if !changes.dangers.is_empty() {
        let lines = changes
            .dangers
            .iter()
            .flat_map(|danger| [format!("{}: {}", danger.rule, danger.why), format!("  instead: {}", danger.instead)]);
        parts.push(plain("Against a safety rule", lines.collect()));
    }
    let settings = changes.settings.iter().map(|setting| format!("~ {}", set(setting)));
    parts.push(plain("Changes", settings.chain(changes.masters.iter().map(master)).collect()));
    parts.extend(env_files.iter().map(env_file));
    if !changes.follow.is_empty() {
        let title = "To follow it on the cluster, in this order".to_owned();
        parts.push(Part { title, form: Form::Ordered, detail: true, lines: changes.follow.clone() });
    }
    parts
}

fn plain(title: &str, lines: Vec<String>) -> Part {
    Part { title: title.to_owned(), form: Form::Plain, detail: false, lines }
}

/// Members and quorum before and after, and what the loss of each zone means.
fn radius(changes: &Changes, old_mistakes: usize) -> Vec<String> {
    let (before, after) = (changes.before.as_ref(), changes.after.as_ref());
    let count = |number: fn(&Side) -> usize| match (before.map(number), after.map(number)) {
        (Some(before), Some(after)) if before == after => format!("{after} as before"),
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(after)) => after.to_string(),
        (Some(before), None) => format!("{before} → none"),
        (None, None) => "none".to_owned(),
    };
    let mut lines = vec![format!(
        "members {}; quorum {}; tolerated losses {}",
        count(|side| side.voters),
        count(|side| side.needed),
        count(|side| side.tolerance)
    )];
    if old_mistakes > 0 {
        lines.push(format!(
            "the old text is not a valid inventory ({old_mistakes} mistake{}), so the whole new one is shown",
            if old_mistakes == 1 { "" } else { "s" }
        ));
    }
    if let Some(even) = after.filter(|side| side.voters.is_multiple_of(2)) {
        let fewer = even.voters - 1;
        let they = if fewer == 1 { "1 member does" } else { &format!("{fewer} do") };
        lines.push(format!("{} members tolerate no more losses than {they}", even.voters));
    }
    let zones: BTreeSet<&ZoneName> = before.into_iter().chain(after).flat_map(|side| side.zones.keys()).collect();
    let mut alike = Vec::new();
    for zone in zones {
        let loss = |side: Option<&Side>| side.and_then(|side| side.zones.get(zone)).cloned();
        match (loss(before), loss(after)) {
            (Some(before), Some(after)) if before.quorum_kept && after.quorum_kept => alike.push(zone),
            (before, after) if before == after => {
                lines.push(format!("{zone} lost: {}, as before", lost(after.as_ref())))
            }
            (None, after) if changes.before.is_none() => lines.push(format!("{zone} lost: {}", lost(after.as_ref()))),
            (before, after) => lines.push(format!("{zone} lost: {} → {}", lost(before.as_ref()), lost(after.as_ref()))),
        }
    }
    match alike[..] {
        [] => {}
        [zone] => lines.push(format!("{zone} lost: quorum kept, as before")),
        _ => lines.push(format!("each of {} other zones lost: quorum kept, as before", alike.len())),
    }
    lines
}

fn lost(loss: Option<&Loss>) -> String {
    let Some(loss) = loss else { return "no such zone".to_owned() };
    let survivors = loss.survivors.len();
    let s = if survivors == 1 { "" } else { "s" };
    if loss.quorum_kept {
        format!("quorum kept, {survivors} survivor{s}")
    } else {
        format!("quorum lost, {survivors} survivor{s} ({})", few(&loss.survivors))
    }
}

/// The first names, and how many more.
fn few(all: &[MasterName]) -> String {
    match all.len().checked_sub(NAMES + 1) {
        None => names(all),
        Some(_) => format!("{} and {} more", names(&all[..NAMES]), all.len() - NAMES),
    }
}

fn set(setting: &Setting) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    format!("{} {} → {}", setting.setting, shown(&setting.from), shown(&setting.to))
}

fn master((name, changes): (&MasterName, &Vec<Change>)) -> String {
    let words: Vec<String> = changes
        .iter()
        .map(|change| match change {
            Change::Added { zone, address } | Change::Removed { zone, address } => format!("in {zone} at {address}"),
            Change::Moved { from, to } => format!("moves from {from} to {to}"),
            Change::Set(setting) => set(setting),
        })
        .collect();
    let sign = match changes.first() {
        Some(Change::Added { .. }) => '+',
        Some(Change::Removed { .. }) => '-',
        _ => '~',
    };
    format!("{sign} {name}: {}", words.join("; "))
}

fn env_file(change: &EnvFileChange) -> Part {
    let nodes = few(&change.nodes);
    let title = match &change.zone {
        Some(zone) => format!("{} when {zone} is lost: the env file of {nodes}", change.playbook),
        None => format!("{} at its end: the env file of {nodes}", change.playbook),
    };
    let (before, after) = (change.before.as_deref().unwrap_or_default(), change.after.as_deref().unwrap_or_default());
    let mut lines: Vec<String> = Vec::new();
    for line in before {
        let sign = if after.contains(line) { ' ' } else { '-' };
        lines.push(format!("{sign}{line}"));
        // A setting's new value stands below its old one.
        let key = line.split('=').next();
        let new = after.iter().filter(|new| sign == '-' && new.split('=').next() == key);
        lines.extend(new.map(|new| format!("+{new}")));
    }
    let added = after.iter().filter(|line| before.is_empty() && !before.contains(line));
    lines.extend(added.map(|line| format!("+{line}")));
    if change.after.is_none() {
        lines.push(" (these files would no longer be written)".to_owned());
    }
    Part { title, form: Form::Diff, detail: true, lines }
}
