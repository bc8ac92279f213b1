//! Whether a template, rendered with a node's current settings, changes only what disaster recovery owns. Knows nothing
//! about runs: the members are those that the file lists now.

use std::collections::BTreeSet;

use crate::model::command::clean;
use crate::model::diagnostic::Diagnostic;
use crate::model::{Master, unified};
use crate::observe::{Seen, Settings};
use crate::plan::Rule;
use crate::playbook::template::{Context, Node, Peer, check_rendered, render};
use crate::playbook::{Action, PlaybookLine};

use super::conditions::Condition;
use super::doctor::Check;
use super::rehearse::RehearsalInput;

/// What rendering would change on one node beyond its three settings, and where it cannot be rendered.
pub(super) fn conditions(given: RehearsalInput<'_>, master: &Master, seen: &Seen) -> Vec<Condition> {
    let Ok(settings) = &seen.settings else { return Vec::new() };
    let mut names = BTreeSet::new();
    collect(&given.playbook.lines, settings.template_of(master), &mut names);
    let condition =
        |said, text, next: &str, diff| Condition { said, check: Check::Template, text, next: next.to_owned(), diff };
    let rendering = |name: &str| {
        let text = given.templates.get(name).map_or("", String::as_str);
        match difference(name, text, master, settings) {
            Ok(None) => None,
            Ok(Some(OtherChanges { keys, diff })) => Some(condition(
                Rule::TemplateChangesMore.into(),
                format!(
                    "{name} would change more of {} than the three settings it owns: {}",
                    settings.file.path,
                    keys.join(", ")
                ),
                "make the node's file and the template agree: the difference would be applied in an incident (`requorum doctor` shows \
                 the difference)",
                Some(diff),
            )),
            Err(why) => Some(condition(
                Rule::Template.into(),
                why,
                "correct the template; `requorum inventory check` shows where it is wrong",
                None,
            )),
        }
    };
    names.into_iter().filter_map(rendering).collect()
}

/// What would change beside what is owned.
struct OtherChanges {
    keys: Vec<String>,
    diff: String,
}

/// Every template that the playbook writes to this master.
fn collect<'a>(lines: &'a [PlaybookLine], own: &'a str, names: &mut BTreeSet<&'a str>) {
    for line in lines {
        match &line.action {
            Action::Write { template, .. } => {
                names.insert(template.as_deref().unwrap_or(own));
            }
            Action::Each { steps, .. } => collect(steps, own, names),
            _ => {}
        }
    }
}

/// The difference beyond the three settings, as unified diff of the file; nothing where every other setting stays.
fn difference(
    name: &str,
    template: &str,
    master: &Master,
    settings: &Settings,
) -> Result<Option<OtherChanges>, String> {
    let before = &settings.file;
    let node = Node {
        name: master.name.to_string(),
        member: settings.member_name(),
        zone: master.zone.to_string(),
        address: master.address.to_string(),
    };
    // etcd takes this where nobody says one (`embed.NewConfig`).
    let token = settings.get("initial-cluster-token").unwrap_or_else(|| "etcd-cluster".to_owned());
    let context = Context::new(node, before, &token, peers(settings))?;
    let after = render(name, template, &context)
        .map_err(|mistakes| mistakes.iter().map(Diagnostic::in_one_line).collect::<Vec<_>>().join("; "))?;
    check_rendered(&after, before, &context).map_err(|why| format!("{name}: {why}"))?;
    let (stays, comes) = (before.with(&context.rewritten).named(), before.with(&after).named());
    if stays == comes {
        return Ok(None);
    }
    let all: BTreeSet<&String> = stays.keys().chain(comes.keys()).collect();
    let keys = all.into_iter().filter(|key| stays.get(*key) != comes.get(*key)).map(|key| clean(key)).collect();
    let path = before.path.as_str();
    let diff = unified::diff(&context.rewritten, &after, Some((path, &format!("{path} by {name}"))));
    Ok(Some(OtherChanges { keys, diff }))
}

/// The members as the node's own file lists them.
fn peers(settings: &Settings) -> Vec<Peer> {
    let list = settings.get("initial-cluster").unwrap_or_default();
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, url)| Peer { name: name.trim().to_owned(), peer_url: url.trim().to_owned() }).collect()
}
