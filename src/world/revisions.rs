//! Inventories in files, directories and git revisions. Does not know what an inventory means. A side that cannot be
//! read completely is an error and never a side without files: otherwise a change that breaks a rule would look like a
//! cluster that was removed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::verbs::files::{Side, Text};

use super::{git, regular};

/// The most files looked at in a directory or a revision.
const MOST_FILES: usize = 20_000;
/// The most entries of a directory, whatever they are.
const MOST_ENTRIES: usize = 200_000;
/// The deepest directory.
const MOST_DEPTH: usize = 16;

/// Both sides of what the command line names: two places, or one range of revisions and perhaps a path in it.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn sides(first: &str, second: Option<&str>) -> Result<(Side, Side), String> {
    let Some((old, new)) = range(first)? else {
        let Some(second) = second else {
            return Err(format!(
                "{first} has nothing to be compared with: name a second file, directory or revision, or a range as main..HEAD"
            ));
        };
        let (old, new) = (side(first)?, side(second)?);
        return match (old.is_file(), new.is_file()) {
            (true, true) | (false, false) => Ok((old, new)),
            _ => Err(format!(
                "{first} and {second}: one is a file and the other is not; name two files or two directories"
            )),
        };
    };
    let Some(path) = second.map(|path| path.trim_start_matches("./").trim_end_matches('/')) else {
        return Ok((revision(&old)?, revision(&new)?));
    };
    match (within(&old, path)?, within(&new, path)?) {
        (None, None) => Err(format!("{path} in {old} and {new}: no such revision, or no such path in it")),
        // What is on one side only has been added or removed.
        (before, after) => Ok((
            before.unwrap_or_else(|| Side::of(&old, BTreeMap::new())),
            after.unwrap_or_else(|| Side::of(&new, BTreeMap::new())),
        )),
    }
}

/// What a revision has at a path, under the names it has from here; nothing where git says that the path is not there.
fn within(name: &str, path: &str) -> Result<Option<Side>, String> {
    let commit = object(&format!("{name}^{{commit}}"))?;
    let found = if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        // No plain path: git resolves it, and where it cannot, that is no absence.
        revision(&format!("{name}:./{path}"))?
    } else {
        match entry(&commit, path).map_err(|error| format!("{name}: {path}: {error}"))? {
            Some(entry) => of_entry(&format!("{name}:{path}"), &entry)?,
            None => {
                let mut above = path;
                while let Some((dir, _)) = above.rsplit_once('/') {
                    let seen = entry(&commit, dir).map_err(|error| format!("{name}: {dir}: {error}"))?;
                    if seen.is_some_and(|entry| entry.is_elsewhere()) {
                        return Err(format!("{name}: {dir} is a link or a submodule there, which is not followed"));
                    }
                    above = dir;
                }
                return Ok(None);
            }
        }
    };
    let from_here = |file: String| if file.is_empty() { path.to_owned() } else { format!("{path}/{file}") };
    let texts = found.texts.into_iter().map(|(file, text)| (from_here(file), text)).collect();
    let hidden = found.hidden.into_iter().map(from_here).collect();
    Ok(Some(Side { name: name.to_owned(), texts, hidden }))
}

/// `A..B`, or `A...B` (from where B left A), unless a file is called so.
fn range(text: &str) -> Result<Option<(String, String)>, String> {
    if Path::new(text).exists() || text.starts_with("../") || text.contains("/../") {
        return Ok(None);
    }
    let named = |revision: &str| if revision.is_empty() { "HEAD".to_owned() } else { revision.to_owned() };
    if let Some((old, new)) = text.split_once("...") {
        let (old, new) = (object(&format!("{}^{{commit}}", named(old)))?, named(new));
        let tip = object(&format!("{new}^{{commit}}"))?;
        let base = git::ask(&["merge-base", &old, &tip]).map_err(|error| format!("{text}: {error}"))?;
        return Ok(Some((String::from_utf8_lossy(&base).trim().to_owned(), new)));
    }
    Ok(text.split_once("..").map(|(old, new)| (named(old), named(new))))
}

fn side(name: &str) -> Result<Side, String> {
    let path = Path::new(name);
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let mut side = Side::of(name, BTreeMap::new());
            let root = path.canonicalize().map_err(|error| format!("{name}: {error}"))?;
            walk(&root, &root, 0, &mut 0, &mut side).map_err(|error| format!("{name}: {error}"))?;
            Ok(side)
        }
        Ok(_) => {
            let inside = regular::inside(path).map_err(|error| format!("{name}: {error}"))?;
            Ok(Side::of(name, BTreeMap::from([(String::new(), Text::File(inside))])))
        }
        Err(missing) => revision(name).map_err(|why| format!("{name}: as a file: {missing}; as a git revision: {why}")),
    }
}

/// The YAML files under a directory. A link is followed where it leads to a file of the same directory.
fn walk(root: &Path, dir: &Path, depth: usize, count: &mut usize, side: &mut Side) -> io::Result<()> {
    let no = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if depth > MOST_DEPTH {
        return no("its directories are nested too deeply".to_owned());
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        *count += 1;
        if side.texts.len() > MOST_FILES || *count > MOST_ENTRIES {
            return no("it holds too many files; name a smaller directory".to_owned());
        }
        if entry.file_name() == ".git" {
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path);
        let Some(name) = name.to_str().map(str::to_owned) else {
            if is_yaml(&name.to_string_lossy()) || !kind.is_file() {
                return no(format!("{}: the name is not UTF-8", name.display()));
            }
            continue;
        };
        if kind.is_dir() {
            walk(root, &path, depth + 1, count, side)?;
        } else if kind.is_symlink() && !is_yaml(&name) {
            side.hidden.insert(name);
        } else if is_yaml(&name) {
            let real = path.canonicalize().map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
            if !real.starts_with(root) {
                return no(format!("{name} is a link that leads out of the directory, which is not followed"));
            }
            side.texts.insert(name, Text::File(real));
        }
    }
    Ok(())
}

fn is_yaml(name: &str) -> bool {
    [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending))
}

/// `REV`, or `REV:PATH` of a file or a directory.
fn revision(name: &str) -> Result<Side, String> {
    let id = object(name)?;
    let kind = git::ask(&["cat-file", "-t", &id]).map_err(|error| format!("{name}: {error}"))?;
    let mode = match name.split_once(':') {
        Some((revision, path)) if !revision.is_empty() && kind.starts_with(b"blob") => {
            // What kind of file it is stands in the directory that names it.
            let near = if path.starts_with("./") { "--" } else { "--full-tree" };
            let listing = git::ask(&["ls-tree", "-z", near, &format!("{revision}^{{tree}}"), path]);
            let listed = listing.and_then(|listing| entries(&listing)).map_err(|error| format!("{name}: {error}"))?;
            let entry = listed.into_iter().next();
            entry.ok_or_else(|| format!("{name}: git does not say what kind of file it is"))?.mode
        }
        _ => "100644".to_owned(),
    };
    let kind = String::from_utf8_lossy(&kind).trim().to_owned();
    of_entry(name, &Entry { mode, kind, id, name: String::new() })
}

/// A line of a listing: `MODE TYPE OBJECT<tab>NAME`.
struct Entry {
    mode: String,
    kind: String,
    id: String,
    name: String,
}

impl Entry {
    /// A link or a submodule.
    fn is_elsewhere(&self) -> bool {
        self.mode == "120000" || self.kind == "commit" && self.mode == "160000"
    }
}

fn entry(commit: &str, path: &str) -> io::Result<Option<Entry>> {
    let listing = git::ask(&["ls-tree", "-z", commit, "--", &format!("./{path}")])?;
    Ok(entries(&listing)?.into_iter().next())
}

fn entries(listing: &[u8]) -> io::Result<Vec<Entry>> {
    let odd = || io::Error::other("git's listing cannot be read");
    let one = |line: &[u8]| {
        let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(odd)?;
        let about = std::str::from_utf8(&line[..tab]).map_err(|_| odd())?;
        let name = String::from_utf8(line[tab + 1..].to_vec()).map_err(|error| {
            io::Error::other(format!("{}: the name is not UTF-8", String::from_utf8_lossy(error.as_bytes())))
        })?;
        let mut words = about.split(' ').map(str::to_owned);
        let (Some(mode), Some(kind), Some(id)) = (words.next(), words.next(), words.next()) else {
            return Err(odd());
        };
        Ok(Entry { mode, kind, id, name })
    };
    listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()).map(one).collect()
}

/// The files of what an entry stands for: a blob by itself, or those of a tree or a commit.
fn of_entry(name: &str, entry: &Entry) -> Result<Side, String> {
    let mut side = Side::of(name, BTreeMap::new());
    if entry.is_elsewhere() {
        return Err(format!("{name} is a link or a submodule in git, which is not followed; name what it points to"));
    }
    if entry.kind == "blob" {
        side.texts.insert(String::new(), Text::Object(entry.id.clone()));
        return Ok(side);
    }
    let listing = git::ask(&["ls-tree", "-r", "-z", "--full-tree", &entry.id]);
    let listed = listing.and_then(|listing| entries(&listing)).map_err(|error| format!("{name}: {error}"))?;
    for entry in listed {
        match (entry.is_elsewhere(), is_yaml(&entry.name)) {
            (true, true) => drop(side.texts.insert(entry.name, Text::Elsewhere(entry.id))),
            (true, false) => drop(side.hidden.insert(entry.name)),
            (false, true) => drop(side.texts.insert(entry.name, Text::Object(entry.id))),
            (false, false) => {}
        }
    }
    if side.texts.len() > MOST_FILES {
        return Err(format!("{name}: it holds more than {MOST_FILES} YAML files; name a directory in it"));
    }
    Ok(side)
}

/// The full name of an object.
fn object(name: &str) -> Result<String, String> {
    if name.starts_with('-') {
        return Err(format!("{name} is not a revision"));
    }
    let id =
        git::ask(&["rev-parse", "--verify", "--end-of-options", name]).map_err(|error| format!("{name}: {error}"))?;
    let id = String::from_utf8_lossy(&id).trim().to_owned();
    let is_id = id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { Ok(id) } else { Err(format!("{name} is not a revision")) }
}
