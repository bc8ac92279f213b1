//! Reads inventory, playbook and templates, from the site's files or the shipped ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::model::command::harmless;
use crate::model::diagnostic::{Diagnostic, Source};
use crate::model::{Cluster, inventory};
use crate::playbook::{Action, Line, Playbook, shipped, text};
use crate::report::diagnostic;
use crate::world::files;

use super::args::Common;
use super::{Bastion, Failure, exit};

/// A file as a source of diagnostics.
pub(super) fn source(path: &Path) -> Result<Source, Failure> {
    let shown = harmless(&path.display().to_string());
    let text = files::text(path).map_err(|error| Failure::new(exit::BAD_INPUT, format!("error: {shown}: {error}")))?;
    Ok(Source::new(shown.clone(), text))
}

/// The same for a file of a change under review: a link that leads out of the tree is not followed, since lines of what
/// is there would be shown.
pub(super) fn reviewed(path: &Path) -> Result<Source, Failure> {
    let shown = harmless(&path.display().to_string());
    let refuse = |error: std::io::Error| Failure::new(exit::BAD_INPUT, format!("error: {shown}: {error}"));
    let text = files::inside(path).and_then(|real| files::text(&real)).map_err(refuse)?;
    Ok(Source::new(shown.clone(), text))
}

/// Every mistake as the failure's text.
fn mistakes(diagnostics: &[Diagnostic], bastion: &Bastion) -> Failure {
    Failure::new(exit::BAD_INPUT, diagnostic::text(diagnostics, bastion.colour))
}

/// The inventory.
pub(super) fn cluster(common: &Common, bastion: &Bastion) -> Result<Cluster, Failure> {
    let path = &common.inventory;
    if !path.exists() {
        let text = format!(
            "error: there is no inventory at {}\n  next: name one with -i FILE, or make one to change: requorum init .",
            path.display()
        );
        return Err(Failure::new(exit::BAD_INPUT, text));
    }
    inventory::read(&source(path)?).map_err(|diagnostics| mistakes(&diagnostics, bastion))
}

/// The playbook of a goal.
pub(super) fn playbook(common: &Common, bastion: &Bastion, name: &str) -> Result<Playbook, Failure> {
    let own = common.playbooks.as_ref().map(|dir| dir.join(format!("{name}.yaml"))).filter(|path| path.exists());
    let source = match own {
        Some(path) => source(&path)?,
        None => match shipped::playbook(name) {
            Some(file) => file.source(),
            None => return Err(Failure::usage(format!("error: there is no playbook {name}"))),
        },
    };
    text::read(&source).map_err(|diagnostics| mistakes(&diagnostics, bastion))
}

/// Every template that the playbook or the inventory names.
pub(super) fn templates(
    common: &Common,
    playbook: &Playbook,
    cluster: &Cluster,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut templates = BTreeMap::new();
    let of_masters = cluster.masters().map(|master| master.etcd.template.clone());
    for name in template_names(playbook).into_iter().map(|(name, _)| name).chain(of_masters).collect::<BTreeSet<_>>() {
        let Some(source) = template(common, &name)? else {
            let text = format!("error: the template {name} is neither shipped nor in --templates");
            return Err(Failure::new(exit::BAD_INPUT, text));
        };
        templates.insert(name, source.text);
    }
    Ok(templates)
}

/// A template of the site's, else the shipped one, where there is one.
pub(super) fn template(common: &Common, name: &str) -> Result<Option<Source>, Failure> {
    let own = common.templates.as_ref().map(|dir| dir.join(name)).filter(|path| path.exists());
    match own {
        Some(path) => source(&path).map(Some),
        None => Ok(shipped::template(name).map(|file| file.source())),
    }
}

/// The templates that a playbook names, each with its line, from 1.
pub(super) fn template_names(playbook: &Playbook) -> Vec<(String, u64)> {
    let mut names = Vec::new();
    collect(&playbook.lines, &mut names);
    names
}

fn collect(lines: &[Line], names: &mut Vec<(String, u64)>) {
    for line in lines {
        match &line.action {
            Action::Write { template: Some(template), .. } => names.push((template.clone(), line.at)),
            Action::Each { steps, .. } => collect(steps, names),
            _ => {}
        }
    }
}
