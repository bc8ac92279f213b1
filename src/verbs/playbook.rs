//! `playbook check`: every mistake of playbooks and of the templates that they name. Asks no master.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::model::diagnostic::{Diagnostic, Place, Source};
use crate::playbook::{Playbook, text};

use super::checked::{Checked, template};
use super::files::Files;
use super::forms::CheckForm;
use super::{Failure, InputPaths, Site, inputs};

/// `requorum playbook check`.
///
/// # Errors
/// When a file cannot be read or has mistakes.
pub fn check(
    inputs: &InputPaths,
    site: &Site,
    files: &dyn Files,
    paths: &[PathBuf],
    output: CheckForm,
) -> Result<u8, Failure> {
    let mut checked = Checked::default();
    for path in paths {
        let source = inputs::reviewed(path, files)?;
        match text::read(&source) {
            Ok(playbook) => {
                let (name, steps) = (&playbook.name, playbook.lines.len());
                checked.summary += &format!("{}: playbook {name}, {steps} steps\n", source.name);
                let old = text::old_words(&source);
                for note in &old {
                    let (line, said) = (note.place.line, &note.message);
                    checked.summary += &format!("{}:{line}: {said}\n", source.name);
                }
                checked.told.extend(old);
                checked.told.extend(templates_in(inputs, site, &source, &playbook)?);
            }
            Err(found) => checked.told.extend(found),
        }
    }
    checked.finish(site, output)
}

fn templates_in(
    inputs: &InputPaths,
    site: &Site,
    source: &Source,
    playbook: &Playbook,
) -> Result<Vec<Diagnostic>, Failure> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (name, line) in inputs::template_names(playbook) {
        if seen.insert(name.clone()) {
            let line = usize::try_from(line).unwrap_or(usize::MAX);
            found.extend(template(inputs, site, &name, Place::of_line(source, line))?);
        }
    }
    Ok(found)
}
