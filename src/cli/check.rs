//! `inventory check`, `playbook check` and `init`: pure work on files, no network.

use std::path::{Path, PathBuf};

use crate::model::diagnostic::Diagnostic;
use crate::model::inventory;
use crate::playbook::{shipped, text};
use crate::report::diagnostic;
use crate::world::{files, terminal};

use super::args::Form;
use super::{Failure, exit, input};

/// `requorum inventory check`.
pub(super) fn inventories(paths: &[PathBuf], output: Form, colour: bool) -> Result<u8, Failure> {
    let mut remarks = String::new();
    let mut mistakes = Vec::new();
    for path in paths {
        match inventory::read(&input::source(path)?) {
            Ok(cluster) => {
                remarks += &format!("{}: cluster {}\n", path.display(), cluster.name);
                for remark in inventory::remarks(&cluster) {
                    remarks += &format!("  {remark}\n");
                }
            }
            Err(found) => mistakes.extend(found),
        }
    }
    finish(&mistakes, &remarks, output, colour)
}

/// `requorum playbook check`.
pub(super) fn playbooks(paths: &[PathBuf], output: Form, colour: bool) -> Result<u8, Failure> {
    let mut remarks = String::new();
    let mut mistakes = Vec::new();
    for path in paths {
        let source = input::source(path)?;
        match text::read(&source) {
            Ok(playbook) => {
                remarks += &format!("{}: playbook {}, {} steps\n", path.display(), playbook.name, playbook.lines.len());
            }
            Err(found) => mistakes.extend(found),
        }
    }
    finish(&mistakes, &remarks, output, colour)
}

fn finish(mistakes: &[Diagnostic], remarks: &str, output: Form, colour: bool) -> Result<u8, Failure> {
    match output {
        Form::Json => terminal::print(&format!("{:#}\n", diagnostic::json(mistakes))),
        Form::Text => terminal::print(remarks),
    }
    if mistakes.is_empty() {
        return Ok(exit::DONE);
    }
    let text = if output == Form::Text { diagnostic::text(mistakes, colour) } else { String::new() };
    Err(Failure::new(exit::BAD_INPUT, text))
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
