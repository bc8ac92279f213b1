//! The files of an Ansible inventory on this host: which ones there are, in Ansible's order. Does not know what they
//! mean.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::verbs::files::Variables;

/// What an inventory is called in its directory.
const NAMES: [&str; 8] =
    ["hosts.yaml", "hosts.yml", "hosts.ini", "hosts", "inventory.yaml", "inventory.yml", "inventory.ini", "inventory"];
/// How a file of variables may end; the first that exists is the one that counts.
const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".json"];
/// The most files of variables read for one import.
const MOST_FILES: usize = 1_000;
/// The deepest directory of variables.
const MOST_DEPTH: usize = 8;

/// The inventory file: the path itself, or the only one in that directory.
///
/// # Errors
/// When there is none, or more than one.
pub(super) fn inventory(path: &Path) -> io::Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let found: Vec<&str> = NAMES.into_iter().filter(|name| path.join(name).is_file()).collect();
    let kind = io::ErrorKind::InvalidInput;
    match found[..] {
        [name] => Ok(path.join(name)),
        [] => Err(io::Error::new(kind, format!("it holds no inventory: none of {}", NAMES.join(", ")))),
        _ => Err(io::Error::new(kind, format!("it holds several inventories: name one of {}", found.join(", ")))),
    }
}

/// The files that stand beside an inventory and set the variables of `name`, a group or a host.
///
/// # Errors
/// When a directory cannot be read, or there are too many files.
pub(super) fn vars(inventory: &Path, kind: Variables, name: &str) -> io::Result<Vec<PathBuf>> {
    // A name is no path: nothing outside the directory is read.
    if name.contains('/') || name.starts_with('.') {
        return Ok(Vec::new());
    }
    let kind = match kind {
        Variables::Group => "group_vars",
        Variables::Host => "host_vars",
    };
    let directory = inventory.parent().unwrap_or(Path::new("")).join(kind);
    let mut found = Vec::new();
    let exists = |ending: &&str| directory.join(format!("{name}{ending}")).exists();
    if let Some(ending) = ENDINGS.iter().find(|ending| exists(ending)) {
        gather(&directory.join(format!("{name}{ending}")), 0, &mut found)?;
    }
    Ok(found)
}

fn gather(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_file() {
        found.push(path.to_owned());
    }
    if found.len() > MOST_FILES || depth > MOST_DEPTH {
        return Err(io::Error::other(format!("more than {MOST_FILES} files of variables, or too deep")));
    }
    if !path.is_dir() {
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending = Path::new(&name).extension().map(|ending| format!(".{}", ending.to_string_lossy()));
        let known = ending.as_deref().is_none_or(|ending| ENDINGS.contains(&ending) && !entry.is_dir());
        if known && !name.starts_with('.') && !name.ends_with('~') {
            gather(&entry, depth + 1, found)?;
        }
    }
    Ok(())
}
