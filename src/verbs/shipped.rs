//! `init` and the schemas: hands out files that are built into the program. Asks no master.

use std::io;
use std::path::Path;

use crate::playbook::shipped;
use crate::run::exit::{self, Kind};

use super::files::Files;
use super::{Failure, Site};

/// `requorum inventory schema`, `requorum playbook schema` and `requorum report --schema`.
///
/// # Errors
/// When there is no schema of that.
pub fn schema(site: &Site, kind: &str) -> Result<u8, Failure> {
    let file = shipped::schema(kind).ok_or_else(|| Failure::usage(format!("there is no schema of {kind}")))?;
    site.console.print(file.text);
    Ok(exit::DONE)
}

/// Writes files by name into a directory.
///
/// # Errors
/// When one is there, or the disk refuses.
pub fn write(site: &Site, files: &dyn Files, directory: &Path, texts: &[(String, String)]) -> Result<u8, Failure> {
    for (name, text) in texts {
        let path = directory.join(name);
        files.write_new(&path, text).map_err(|error| Failure::file(Kind::Failed, &path, error))?;
        site.console.print(&format!("wrote {}\n", path.display()));
    }
    Ok(exit::DONE)
}

/// `requorum init`.
///
/// # Errors
/// When the disk refuses.
pub fn init(site: &Site, files: &dyn Files, directory: &Path) -> Result<u8, Failure> {
    for file in shipped::FILES {
        let path = directory.join(file.path);
        match files.write_new(&path, file.text) {
            Ok(()) => site.console.print(&format!("wrote {}\n", path.display())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                site.console.print(&format!("kept  {} (it was there)\n", path.display()));
            }
            Err(error) => return Err(Failure::file(Kind::Failed, &path, error)),
        }
    }
    let example = directory.join("inventory/example.yaml");
    let example = example.strip_prefix(".").unwrap_or(&example).display().to_string();
    let example = crate::model::command::harmless(&shlex::try_quote(&example).unwrap_or_default());
    site.console.print(&format!("next: cp {example} inventory.yaml, edit it, then: requorum inventory check\n"));
    Ok(exit::DONE)
}
