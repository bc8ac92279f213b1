//! The verbs that work on inventories as files: check, show, diff, import. Ask no master.

use std::path::Path;

use crate::model::{inventory, json};
use crate::report::resolved;
use crate::run::exit;

use super::files::Files;
use super::forms::Form;
use super::{Failure, Site, inputs};

pub mod check;
pub mod diff;
pub mod import;

/// `requorum inventory show`.
///
/// # Errors
/// When the file cannot be read or has mistakes.
pub fn show(site: &Site, files: &dyn Files, path: &Path, output: Form) -> Result<u8, Failure> {
    let source = inputs::reviewed(path, files)?;
    let cluster = inventory::read(&source).map_err(Failure::mistakes)?;
    let masters = resolved::of(&source, &cluster);
    site.console.print(&match output {
        Form::Text => resolved::text(&cluster, &masters),
        Form::Json => json::text(&resolved::json(&cluster, &masters)),
    });
    Ok(exit::DONE)
}
