//! `inventory check`, `show` and `schema`, `playbook check` and `schema`, and `init`: work on files only, no network.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::model::diagnostic::{Diagnostic, Place, Severity, Source};
use crate::model::inventory::{self, places::Places};
use crate::model::{Cluster, Master, json};
use crate::playbook::{Playbook, shipped, template, text};
use crate::report::{annotations, diagnostic, resolved};
use crate::run::exit;
use crate::verbs::Failure;
use crate::verbs::inputs::template_names;
use crate::world::{files, terminal};

use super::args::{CheckForm, Common, Form};
use super::reviewed;

/// `requorum inventory check`.
pub(super) fn inventories(common: &Common, paths: &[PathBuf], output: CheckForm, colour: bool) -> Result<u8, Failure> {
    let mut heard = Heard::default();
    for path in paths {
        let source = reviewed::reviewed(path)?;
        match inventory::read(&source) {
            Ok(cluster) => {
                let remarks = inventory::remarks(&source, &cluster);
                heard.summary += &format!("{}: cluster {}\n", source.name, cluster.name);
                heard.summary += &remarks.iter().map(|remark| format!("  {}\n", remark.message)).collect::<String>();
                heard.told.extend(templates_of(common, &source, &cluster)?);
                heard.told.extend(remarks);
            }
            Err(found) => heard.told.extend(found),
        }
    }
    heard.finish(output, colour)
}

/// Every mistake in the templates that an inventory names, and every one that is not there.
fn templates_of(common: &Common, source: &Source, cluster: &Cluster) -> Result<Vec<Diagnostic>, Failure> {
    let places = Places::of(source);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for master in cluster.masters().filter(|master| seen.insert(master.etcd.template.clone())) {
        let named = |places: &Places<'_>, master: &Master| places.setting(master, &["etcd", "template"]);
        let place = places.as_ref().and_then(|places| Some(named(places, master)?.1));
        let place = place.unwrap_or_else(|| Place::of(source, 0..0));
        found.extend(template_found(common, &master.etcd.template, place)?);
    }
    Ok(found)
}

fn template_found(common: &Common, name: &str, place: Place) -> Result<Vec<Diagnostic>, Failure> {
    Ok(match reviewed::template(common, name)? {
        Some(source) => template::check(&source).err().unwrap_or_default(),
        None => {
            let said = format!("the template `{name}` is neither a shipped one nor in the --templates directory");
            vec![Diagnostic::error("no-template", place, said).hint("name the directory it is in: --templates DIR")]
        }
    })
}

/// `requorum playbook check`.
pub(super) fn playbooks(common: &Common, paths: &[PathBuf], output: CheckForm, colour: bool) -> Result<u8, Failure> {
    let mut heard = Heard::default();
    for path in paths {
        let source = reviewed::reviewed(path)?;
        match text::read(&source) {
            Ok(playbook) => {
                let (name, steps) = (&playbook.name, playbook.lines.len());
                heard.summary += &format!("{}: playbook {name}, {steps} steps\n", source.name);
                let old = text::old_words(&source);
                for note in &old {
                    let (line, said) = (note.place.line, &note.message);
                    heard.summary += &format!("{}:{line}: {said}\n", source.name);
                }
                heard.told.extend(old);
                heard.told.extend(templates_in(common, &source, &playbook)?);
            }
            Err(found) => heard.told.extend(found),
        }
    }
    heard.finish(output, colour)
}

fn templates_in(common: &Common, source: &Source, playbook: &Playbook) -> Result<Vec<Diagnostic>, Failure> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (name, line) in template_names(playbook) {
        if seen.insert(name.clone()) {
            let line = usize::try_from(line).unwrap_or(usize::MAX);
            found.extend(template_found(common, &name, Place::of_line(source, line))?);
        }
    }
    Ok(found)
}

/// What a check has to tell.
#[derive(Default)]
struct Heard {
    /// For people: what is right, in a few lines.
    summary: String,
    /// Mistakes, and remarks for the forms that carry them to their lines.
    told: Vec<Diagnostic>,
}

impl Heard {
    fn finish(self, output: CheckForm, colour: bool) -> Result<u8, Failure> {
        let (mistakes, remarks): (Vec<_>, Vec<_>) =
            self.told.into_iter().partition(|told| told.severity == Severity::Error);
        let all = [&mistakes[..], &remarks[..]].concat();
        terminal::print(&match output {
            CheckForm::Text => self.summary,
            CheckForm::Json => json::text(&diagnostic::json(&all)),
            CheckForm::Sarif => json::text(&annotations::sarif(&all)),
            CheckForm::Github => annotations::github(&all),
            CheckForm::Gitlab => json::text(&annotations::gitlab(&all)),
        });
        if mistakes.is_empty() {
            return Ok(exit::DONE);
        }
        let text = if output == CheckForm::Text { diagnostic::text(&mistakes, colour) } else { String::new() };
        Err(Failure::new(exit::BAD_INPUT, text))
    }
}

/// `requorum inventory show`.
pub(super) fn show(path: &Path, output: Form, colour: bool) -> Result<u8, Failure> {
    let source = reviewed::reviewed(path)?;
    let cluster = inventory::read(&source)
        .map_err(|mistakes| Failure::new(exit::BAD_INPUT, diagnostic::text(&mistakes, colour)))?;
    let masters = resolved::of(&source, &cluster);
    terminal::print(&match output {
        Form::Text => resolved::text(&cluster, &masters),
        Form::Json => json::text(&resolved::json(&cluster, &masters)),
    });
    Ok(exit::DONE)
}

/// `requorum inventory schema`, `requorum playbook schema` and `requorum report --schema`.
pub(super) fn schema(kind: &str) -> Result<u8, Failure> {
    let file = shipped::schema(kind).ok_or_else(|| Failure::usage(format!("error: there is no schema of {kind}")))?;
    terminal::print(file.text);
    Ok(exit::DONE)
}

/// `requorum init`.
pub(super) fn init(directory: &Path) -> Result<u8, Failure> {
    for file in shipped::FILES {
        let path = directory.join(file.path);
        match files::write_new(&path, file.text) {
            Ok(()) => terminal::print(&format!("wrote {}\n", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                terminal::print(&format!("kept  {} (it was there)\n", path.display()));
            }
            Err(error) => return Err(Failure::new(exit::FAILED, format!("error: {}: {error}", path.display()))),
        }
    }
    terminal::print("next: change inventory/example.yaml, then: requorum inventory check inventory/example.yaml\n");
    Ok(exit::DONE)
}
