//! The files that a person names, below the directory we stand in and in its git repository. Does not know what they
//! mean.

use std::io;
use std::path::{Path, PathBuf};

use crate::verbs::files::{Files, Side, Text, Variables};

use super::git::Objects;
use super::{ansible, files, regular, revisions};

/// The directory we stand in.
#[derive(Debug, Default)]
pub struct Checkout {
    objects: Objects,
}

impl Files for Checkout {
    fn reviewed(&self, path: &Path) -> io::Result<String> {
        files::text(&regular::inside(path)?)
    }

    fn sides(&self, first: &str, second: Option<&str>) -> Result<(Side, Side), String> {
        revisions::sides(first, second)
    }

    fn text(&self, text: &Text) -> io::Result<String> {
        match text {
            Text::File(path) => files::text(path),
            Text::Object(id) => files::utf8(self.objects.read(id, files::MOST)?),
            Text::Elsewhere(_) => Err(io::Error::other("it is a link or a submodule in git, which is not followed")),
        }
    }

    fn ansible_inventory(&self, path: &Path) -> io::Result<PathBuf> {
        ansible::inventory(path)
    }

    fn ansible_vars(&self, inventory: &Path, kind: Variables, name: &str) -> io::Result<Vec<PathBuf>> {
        ansible::vars(inventory, kind, name)
    }

    fn write_new(&self, path: &Path, text: &str) -> io::Result<()> {
        files::write_new(path, text)
    }
}
