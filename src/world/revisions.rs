//! Inventories as they lie in files, directories and git revisions. Knows no inventory's meaning; runs git's plumbing
//! only, which starts no hook, filter or transport.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::files;

/// The most files looked at in a directory or a revision.
const MOST_FILES: usize = 20_000;
/// The deepest directory.
const MOST_DEPTH: usize = 16;
/// The most that git may answer: a listing of [`MOST_FILES`] long names.
const MOST_ANSWER: u64 = 64 << 20;

/// One side of a comparison.
#[derive(Debug)]
pub struct Side {
    /// Its files by name, relative to the directory; a file by itself has the empty name.
    pub texts: BTreeMap<String, Text>,
    /// How the side is called in messages.
    name: String,
}

/// A text that has not been read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// On the disk.
    File(PathBuf),
    /// In git, by its object's name.
    Object(String),
}

impl Text {
    /// Reads it.
    ///
    /// # Errors
    /// As [`files::text`]'s, or what git says.
    pub fn read(&self) -> io::Result<String> {
        match self {
            Self::File(path) => files::text(path),
            Self::Object(id) => files::utf8(git(&["cat-file", "blob", id], files::MOST + 1)?),
        }
    }
}

impl Side {
    /// How a file of this side is called in messages.
    #[must_use]
    pub fn called(&self, file: &str) -> String {
        match (file, self.name.as_str()) {
            ("", name) => name.to_owned(),
            (file, name) if name.ends_with([':', '/']) => format!("{name}{file}"),
            (file, name) if self.texts.values().any(|text| matches!(text, Text::Object(_))) && !name.contains(':') => {
                format!("{name}:{file}")
            }
            (file, name) => format!("{name}/{file}"),
        }
    }

    /// Whether it is one file, named by itself.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.texts.contains_key("")
    }
}

/// Both sides of what the command line names: two places, or one range of revisions and perhaps a path in it.
///
/// # Errors
/// What is wrong, in words.
pub fn sides(first: &str, second: Option<&str>) -> Result<(Side, Side), String> {
    let Some((old, new)) = range(first)? else {
        let Some(second) = second else {
            return Err(format!(
                "{first} is compared with what? name a second file, directory or revision, or a range as main..HEAD"
            ));
        };
        let (old, new) = (side(first)?, side(second)?);
        return match (old.is_file(), new.is_file()) {
            (true, true) | (false, false) => Ok((old, new)),
            _ => Err(format!("{first} and {second}: one is a file and the other is not; name two of a kind")),
        };
    };
    let path = second.map(|path| path.trim_start_matches("./").trim_end_matches('/'));
    match (within(&old, path), within(&new, path)) {
        (Err(why), Err(_)) => Err(why),
        // What is on one side only has been added or removed.
        (Ok(old), Err(_)) => Ok((old, nothing(&new)?)),
        (Err(_), Ok(new)) => Ok((nothing(&old)?, new)),
        (Ok(old), Ok(new)) => Ok((old, new)),
    }
}

/// A revision's files, or those of a path in it, under the names they have from here.
fn within(name: &str, path: Option<&str>) -> Result<Side, String> {
    let Some(path) = path else { return revision(name) };
    let found = revision(&format!("{name}:./{path}"))?;
    let from_here = |file: String| if file.is_empty() { path.to_owned() } else { format!("{path}/{file}") };
    let texts = found.texts.into_iter().map(|(file, text)| (from_here(file), text)).collect();
    Ok(Side { texts, name: name.to_owned() })
}

/// A side without files, of a revision that exists.
fn nothing(revision: &str) -> Result<Side, String> {
    object(&format!("{revision}^{{commit}}"))?;
    Ok(Side { texts: BTreeMap::new(), name: revision.to_owned() })
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
        let base = git(&["merge-base", &old, &tip], MOST_ANSWER).map_err(|error| format!("{text}: {error}"))?;
        return Ok(Some((String::from_utf8_lossy(&base).trim().to_owned(), new)));
    }
    Ok(text.split_once("..").map(|(old, new)| (named(old), named(new))))
}

fn side(name: &str) -> Result<Side, String> {
    let path = Path::new(name);
    let text = |path: &Path| Text::File(path.to_owned());
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let mut texts = BTreeMap::new();
            walk(path, path, 0, &mut texts).map_err(|error| format!("{name}: {error}"))?;
            Ok(Side { texts, name: name.to_owned() })
        }
        Ok(_) => Ok(Side { texts: BTreeMap::from([(String::new(), text(path))]), name: name.to_owned() }),
        Err(missing) => revision(name).map_err(|why| format!("{name}: as a file: {missing}; as a git revision: {why}")),
    }
}

/// The YAML files under a directory. Links to directories are not followed, nor is what is hidden.
fn walk(root: &Path, dir: &Path, depth: usize, texts: &mut BTreeMap<String, Text>) -> io::Result<()> {
    let too_many = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what.to_owned()));
    if depth > MOST_DEPTH {
        return too_many("it has too many directories in each other");
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            walk(root, &path, depth + 1, texts)?;
        } else if is_yaml(&path.to_string_lossy()) && path.is_file() {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            texts.insert(name, Text::File(path));
        }
        if texts.len() > MOST_FILES {
            return too_many("it holds too many files; name a smaller directory");
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
    let said = |error: io::Error| format!("{name}: {error}");
    let kind = git(&["cat-file", "-t", &id], MOST_ANSWER).map_err(said)?;
    let texts = match String::from_utf8_lossy(&kind).trim() {
        "blob" => BTreeMap::from([(String::new(), Text::Object(id))]),
        _ => tree(&git(&["ls-tree", "-r", "-z", "--full-tree", &id], MOST_ANSWER).map_err(said)?),
    };
    if texts.len() > MOST_FILES {
        return Err(format!("{name}: it holds too many files; name a directory as {name}:PATH"));
    }
    Ok(Side { texts, name: name.to_owned() })
}

/// The YAML files of a listing: `MODE TYPE OBJECT<tab>NAME<nul>`.
fn tree(listing: &[u8]) -> BTreeMap<String, Text> {
    let listing = String::from_utf8_lossy(listing);
    let entry = |line: &str| {
        let (about, name) = line.split_once('\t')?;
        let mut words = about.split(' ');
        let (mode, _, id) = (words.next()?, words.next()?, words.next()?);
        (mode.starts_with("100") && is_yaml(name)).then(|| (name.to_owned(), Text::Object(id.to_owned())))
    };
    listing.split('\0').filter_map(entry).collect()
}

/// The full name of an object.
fn object(name: &str) -> Result<String, String> {
    if name.starts_with('-') {
        return Err(format!("{name} is no revision"));
    }
    let id = git(&["rev-parse", "--verify", "--end-of-options", name], MOST_ANSWER)
        .map_err(|error| format!("{name}: {error}"))?;
    let id = String::from_utf8_lossy(&id).trim().to_owned();
    let is_id = id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { Ok(id) } else { Err(format!("{name} is no revision")) }
}

/// Asks git something. No transport may be used, so that a partial clone stays as it is.
fn git(arguments: &[&str], most: u64) -> io::Result<Vec<u8>> {
    let mut command = Command::new("git");
    command.args(["--no-pager", "-c", "protocol.allow=never"]).args(arguments);
    command.envs([("GIT_OPTIONAL_LOCKS", "0"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_NO_LAZY_FETCH", "1")]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), "git is not installed"),
        _ => error,
    })?;
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(most).read_to_end(&mut answer)?;
    }
    let ended = child.wait_with_output()?;
    // What is longer than is read is for the caller to refuse; git then dies of the closed pipe.
    if ended.status.success() || answer.len() as u64 == most {
        return Ok(answer);
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let said = said.trim().trim_start_matches("fatal: ").lines().next().unwrap_or("git failed").to_owned();
    let said = if said == "Needed a single revision" { "no such revision, or no such path in it" } else { &said };
    Err(io::Error::other(crate::model::command::clean(said)))
}
