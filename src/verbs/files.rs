//! The files that a person names to be checked, compared or imported, on the disk and in git's revisions. Knows what is
//! asked of them, not how it is done; `world::checkout` does it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// Reads and writes them.
pub trait Files: Send + Sync {
    /// Reads a file of a change under review. A link that leads out of the tree is not followed, since lines of what is
    /// there would be shown.
    ///
    /// # Errors
    /// As [`super::Bastion::read`]'s, and for such a link.
    fn reviewed(&self, path: &Path) -> io::Result<String>;

    /// Both sides of a comparison as the command line names it: two files, directories or revisions, or one range of
    /// revisions and perhaps a path in it.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn sides(&self, first: &str, second: Option<&str>) -> Result<(Side, Side), String>;

    /// Reads a text of a side.
    ///
    /// # Errors
    /// As [`super::Bastion::read`]'s, what git says, or that the text is elsewhere.
    fn text(&self, text: &Text) -> io::Result<String>;

    /// The file of an Ansible inventory: the path itself, or the only one in that directory.
    ///
    /// # Errors
    /// When there is none, or more than one.
    fn ansible_inventory(&self, path: &Path) -> io::Result<PathBuf>;

    /// The files beside an Ansible inventory that set the variables of `name`, a group or a host.
    ///
    /// # Errors
    /// When a directory cannot be read, or there are too many files.
    fn ansible_vars(&self, inventory: &Path, kind: Variables, name: &str) -> io::Result<Vec<PathBuf>>;

    /// Writes a file that must not exist, making its directories.
    ///
    /// # Errors
    /// When it exists or the disk refuses.
    fn write_new(&self, path: &Path, text: &str) -> io::Result<()>;
}

/// Whose variables are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    /// A group's.
    Group,
    /// A host's.
    Host,
}

/// One side of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Side {
    /// How the side is called in messages.
    pub name: String,
    /// Its files by name, relative to the directory; a file by itself has the empty name.
    pub texts: BTreeMap<String, Text>,
    /// Links to directories and submodules: what lies below them is not known.
    pub hidden: BTreeSet<String>,
}

/// A text that has not been read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// On the disk.
    File(PathBuf),
    /// In git, by its object's name.
    Object(String),
    /// In git, a link or a submodule, by its object's name. It is not followed.
    Elsewhere(String),
}

impl Side {
    /// A side of this name, with these files and nothing hidden.
    #[must_use]
    pub fn of(name: &str, texts: BTreeMap<String, Text>) -> Self {
        Self { name: name.to_owned(), texts, hidden: BTreeSet::new() }
    }

    /// Reads a file of this side; nothing if it has none of this name.
    ///
    /// # Errors
    /// As [`Files::text`]'s, or that nobody can know whether it is there.
    pub fn read(&self, file: &str, files: &dyn Files) -> io::Result<Option<String>> {
        if let Some(text) = self.texts.get(file) {
            return files.text(text).map(Some);
        }
        let above = |dir: &&String| file.strip_prefix(dir.as_str()).is_some_and(|rest| rest.starts_with('/'));
        match self.hidden.iter().find(above) {
            None => Ok(None),
            Some(dir) => {
                Err(io::Error::other(format!("{dir} is a link or a submodule there, so its contents are not known")))
            }
        }
    }

    /// How a file of this side is called in messages.
    #[must_use]
    pub fn called(&self, file: &str) -> String {
        match (file, self.name.as_str()) {
            ("", name) => name.to_owned(),
            (file, name) if name.ends_with([':', '/']) => format!("{name}{file}"),
            (file, name) if self.texts.values().any(|text| !matches!(text, Text::File(_))) && !name.contains(':') => {
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
