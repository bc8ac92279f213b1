//! Reads the files that a person names to be checked or compared; some belong to a change under review. Does not know
//! what a verb does.

use std::path::Path;

use crate::model::command::harmless;
use crate::model::diagnostic::Source;
use crate::playbook::shipped;
use crate::run::exit;
use crate::verbs::Failure;
use crate::world::files;

use super::args::Common;

/// A file as a source of diagnostics.
pub(super) fn source(path: &Path) -> Result<Source, Failure> {
    read(path, files::text(path))
}

/// The same for a file of a change under review: a link that leads out of the tree is not followed, since lines of what
/// is there would be shown.
pub(super) fn reviewed(path: &Path) -> Result<Source, Failure> {
    read(path, files::inside(path).and_then(|real| files::text(&real)))
}

fn read(path: &Path, text: std::io::Result<String>) -> Result<Source, Failure> {
    let shown = harmless(&path.display().to_string());
    let text = text.map_err(|error| Failure::new(exit::BAD_INPUT, format!("error: {shown}: {error}")))?;
    Ok(Source::new(shown, text))
}

/// A template of the site's, else the shipped one, where there is one.
pub(super) fn template(common: &Common, name: &str) -> Result<Option<Source>, Failure> {
    let own = common.templates.as_ref().map(|dir| dir.join(name)).filter(|path| path.exists());
    match own {
        Some(path) => source(&path).map(Some),
        None => Ok(shipped::template(name).map(|file| file.source())),
    }
}
