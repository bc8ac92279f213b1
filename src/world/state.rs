//! The state directory of this bastion: whether it can keep a run, and what the doctor stores there. Contacts no
//! master.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use crate::model::ClusterName;
use crate::observe::StateDirectory;
use crate::verbs::site::Diagnosed;

/// Looks at the state directory, or where it is not there yet at what it would be made in.
///
/// # Errors
/// When the disk does not answer.
pub fn directory(state: &Path) -> io::Result<StateDirectory> {
    let state = super::files::absolute(state);
    let near = state.ancestors().find(|place| place.exists()).unwrap_or(Path::new("/"));
    let disk = statvfs(near)?;
    let mode = match fs::metadata(&state) {
        Ok(there) => Some(there.permissions().mode() & 0o7777),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    Ok(StateDirectory {
        place: state.display().to_string(),
        free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        mode,
        writable: near.is_dir() && access(near, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
    })
}

fn place(state: &Path, cluster: &ClusterName, which: Diagnosed) -> PathBuf {
    let ending = match which {
        Diagnosed::Last => "",
        Diagnosed::LastGood => "-good",
    };
    state.join("doctor").join(format!("{cluster}{ending}.json"))
}

/// Keeps a result in the place of the one before, whole or not at all; only its owner may read it.
///
/// # Errors
/// When the disk refuses.
pub fn keep(state: &Path, cluster: &ClusterName, which: Diagnosed, text: &str) -> io::Result<PathBuf> {
    let path = place(state, cluster, which);
    let (dir, name) = (state.join("doctor"), path.file_name().unwrap_or_default().to_string_lossy());
    put(&dir, &name, text)
}

/// Puts a file of this bastion's own into one of its folders, in the place of the one before.
///
/// # Errors
/// When the disk refuses.
pub(super) fn put(dir: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let path = dir.join(name);
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    // Of this process alone, so that two of them do not write into one file.
    let fresh = path.with_extension(format!("json.{}", std::process::id()));
    // One of a process of the same number that was killed. A link put there is removed and never written through.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).and_then(|mut file: File| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    written.and_then(|()| fs::rename(&fresh, &path)).inspect_err(|_| drop(fs::remove_file(&fresh)))?;
    File::open(dir)?.sync_all()?;
    Ok(path)
}

/// A result that was kept; nothing where there is none that can be read.
#[must_use]
pub fn kept(state: &Path, cluster: &ClusterName, which: Diagnosed) -> Option<String> {
    super::files::own_text(&place(state, cluster, which)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_takes_the_place_of_the_one_before_and_is_its_owners_only() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let cluster = ClusterName::new("prod").unwrap();
        assert_eq!(kept(&state, &cluster, Diagnosed::Last), None);
        for text in ["one, which is longer", "two"] {
            keep(&state, &cluster, Diagnosed::Last, text).unwrap();
        }
        let path = keep(&state, &cluster, Diagnosed::LastGood, "good").unwrap();
        assert_eq!(kept(&state, &cluster, Diagnosed::Last).as_deref(), Some("two"));
        assert_eq!(kept(&state, &cluster, Diagnosed::LastGood).as_deref(), Some("good"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let names = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 2, "something temporary is left");
    }

    #[test]
    fn nothing_is_written_or_read_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let cluster = ClusterName::new("prod").unwrap();
        let path = keep(&state, &cluster, Diagnosed::Last, "one").unwrap();
        let other = dir.path().join("other");
        fs::write(&other, "others").unwrap();
        let fresh = path.with_extension(format!("json.{}", std::process::id()));
        std::os::unix::fs::symlink(&other, &fresh).unwrap();
        keep(&state, &cluster, Diagnosed::Last, "two").unwrap();
        assert_eq!(kept(&state, &cluster, Diagnosed::Last).as_deref(), Some("two"));
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert_eq!(kept(&state, &cluster, Diagnosed::Last), None);
        keep(&state, &cluster, Diagnosed::Last, "three").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "others");
        assert_eq!(kept(&state, &cluster, Diagnosed::Last).as_deref(), Some("three"));
    }

    #[test]
    fn a_directory_that_is_not_there_yet_is_looked_at_where_it_would_be() {
        let dir = tempfile::tempdir().unwrap();
        let found = directory(&dir.path().join("a/b")).unwrap();
        assert!(found.mode.is_none() && found.writable && found.free_bytes > 0);
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(!directory(&dir.path().join("file/b")).is_ok_and(|found| found.writable));
    }
}
