//! Reads inventory, playbook and templates, from the site's files or the shipped ones.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use super::files::Files;
use super::ssh_config::{self, Reached};
use super::{Failure, InputPaths, Site};
use crate::config::Form;
use crate::model::command::harmless;
use crate::model::diagnostic::Source;
use crate::model::{Cluster, inventory};
use crate::playbook::{Action, Playbook, PlaybookLine, shipped, text};
use crate::run::exit::Kind;
use crate::run::ports::Event;

/// A file as a source of diagnostics.
pub(super) fn source(path: &Path, site: &Site) -> Result<Source, Failure> {
    named(path, site.bastion.read(path))
}

/// The same for a file of a change under review.
pub(super) fn reviewed(path: &Path, files: &dyn Files) -> Result<Source, Failure> {
    let text = files.reviewed(path);
    let missing = matches!(&text, Err(error) if error.kind() == io::ErrorKind::NotFound);
    named(path, text).map_err(|failure| match missing {
        true => failure.hint("name a file that is there, or create an example to edit: requorum init ."),
        false => failure,
    })
}

fn named(path: &Path, text: io::Result<String>) -> Result<Source, Failure> {
    let text = text.map_err(|error| Failure::file(Kind::BadInput, path, error))?;
    Ok(Source::new(harmless(&path.display().to_string()), text))
}

/// The cluster that is meant: the main one of the inventory, where none is named. How its masters are reached the OpenSSH
/// configuration of this host says, where the inventory does not.
pub fn cluster(inputs: &InputPaths, site: &Site) -> Result<Cluster, Failure> {
    reached(inputs, site).map(|reached| reached.cluster)
}

/// The same, with what that configuration has added.
pub fn reached(inputs: &InputPaths, site: &Site) -> Result<Reached, Failure> {
    let source = self::inventory(inputs, site)?;
    ssh_config::apply(&source, named_cluster(inputs, &source)?, site)
}

/// The same; what stands there and is not done is told.
pub fn cluster_told(inputs: &InputPaths, site: &Site) -> Result<Cluster, Failure> {
    let Reached { cluster, warnings, .. } = reached(inputs, site)?;
    for text in warnings {
        site.console.tell(Event::Warning { text });
    }
    Ok(cluster)
}

fn named_cluster(inputs: &InputPaths, source: &Source) -> Result<Cluster, Failure> {
    let (main, others) = inventory::all(source).map_err(Failure::mistakes)?;
    let Some(name) = &inputs.cluster else { return Ok(main) };
    let known = std::iter::once(&main).chain(&others).map(|cluster| cluster.name.to_string()).collect::<Vec<_>>();
    std::iter::once(main).chain(others).find(|cluster| cluster.name == *name).ok_or_else(|| {
        let what = format!("{} has no cluster {name} (--cluster)", inputs.inventory.display());
        Failure::usage(what).hint(format!("it has {}", known.join(", ")))
    })
}

/// The inventory's text.
pub(super) fn inventory(inputs: &InputPaths, site: &Site) -> Result<Source, Failure> {
    let path = &inputs.inventory;
    if !site.bastion.is_there(path) {
        let what = format!("there is no inventory at {}", path.display());
        let next = "name one with -i FILE, or create an example to edit: requorum init .";
        return Err(Failure::input(what).hint(next));
    }
    source(path, site)
}

/// The playbook of a goal.
pub fn playbook(inputs: &InputPaths, site: &Site, name: &str) -> Result<Playbook, Failure> {
    for (flag, dir) in [("--playbooks", &inputs.playbooks), ("--templates", &inputs.templates)] {
        if let Some(dir) = dir.as_ref().filter(|dir| !site.bastion.is_there(dir)) {
            let what = format!("there is no directory {} ({flag})", dir.display());
            return Err(Failure::input(what).hint(format!("correct {flag}, or leave it out to use the shipped files")));
        }
    }
    let own = inputs
        .playbooks
        .as_ref()
        .map(|dir| dir.join(format!("{name}.yaml")))
        .filter(|path| site.bastion.is_there(path));
    let source = match own {
        Some(path) => source(&path, site)?,
        None => match shipped::playbook(name) {
            Some(file) => file.source(),
            None => return Err(Failure::usage(format!("there is no playbook {name}"))),
        },
    };
    text::read(&source).map_err(Failure::mistakes)
}

/// Every template that the playbook or the inventory names.
pub fn templates(
    inputs: &InputPaths,
    site: &Site,
    playbook: &Playbook,
    cluster: &Cluster,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut templates = BTreeMap::new();
    // Which form a master's settings have shows only there.
    let shipped =
        [Form::EnvFile, Form::UnitFlags, Form::ConfigFile, Form::Manifest].map(|form| form.template().to_owned());
    let of_masters = cluster.masters().filter_map(|master| master.etcd.template.clone()).chain(shipped);
    for name in template_names(playbook).into_iter().map(|(name, _)| name).chain(of_masters).collect::<BTreeSet<_>>() {
        let Some(source) = template(inputs, site, &name)? else {
            let what = format!("the template {name} is neither a shipped one nor in the --templates directory");
            return Err(Failure::input(what));
        };
        templates.insert(name, source.text);
    }
    Ok(templates)
}

/// A template of the site's, else the shipped one, where there is one.
pub fn template(inputs: &InputPaths, site: &Site, name: &str) -> Result<Option<Source>, Failure> {
    let own = inputs.templates.as_ref().map(|dir| dir.join(name)).filter(|path| site.bastion.is_there(path));
    match own {
        Some(path) => source(&path, site).map(Some),
        None => Ok(shipped::template(name).map(|file| file.source())),
    }
}

/// The templates that a playbook names, each with its line, from 1.
pub fn template_names(playbook: &Playbook) -> Vec<(String, u64)> {
    let mut names = Vec::new();
    collect(&playbook.lines, &mut names);
    names
}

fn collect(lines: &[PlaybookLine], names: &mut Vec<(String, u64)>) {
    for line in lines {
        match &line.action {
            Action::Write { template: Some(template), .. } => names.push((template.clone(), line.at)),
            Action::Each { steps, .. } => collect(steps, names),
            _ => {}
        }
    }
}
