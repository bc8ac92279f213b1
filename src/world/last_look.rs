//! What this bastion keeps from one look to the next, in its state directory: which member each master is, and what its
//! own finished runs recorded. Judges nothing.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::ClusterName;
use crate::observe::known_before::{KnownBefore, LastLook};
use crate::run::journal;

use super::{files, state};

fn folder(state: &Path) -> PathBuf {
    state.join("members")
}

fn file(cluster: &ClusterName) -> String {
    format!("{cluster}.json")
}

/// Everything that is known from before; what cannot be read is not known.
#[must_use]
pub fn known_before(place: &Path, cluster: &ClusterName) -> KnownBefore {
    let text = files::text(&folder(place).join(file(cluster))).ok();
    let look = text.and_then(|text| LastLook::read(&text, cluster));
    let records = files::journals(place).iter().filter_map(|text| journal::recorded(text, cluster)).collect();
    KnownBefore { look, records, ..KnownBefore::default() }
}

/// Keeps a look in the place of the one before, whole or not at all.
///
/// # Errors
/// When the disk refuses.
pub fn keep(place: &Path, look: &LastLook) -> io::Result<()> {
    let text = serde_json::to_string(look).map_err(io::Error::other)? + "\n";
    state::put(&folder(place), &file(&look.name), &text).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_look_is_kept_for_its_own_cluster_and_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let [prod, test] = ["prod", "test"].map(|name| ClusterName::new(name).unwrap());
        assert_eq!(known_before(dir.path(), &prod), KnownBefore::default());
        let text = r#"{"version":1,"name":"prod","cluster":"ab","members":{"m1":{"id":"1","name":"etcd1","peer_urls":["https://h:2380"]}}}"#;
        let look = LastLook::read(text, &prod).unwrap();
        keep(dir.path(), &look).unwrap();
        assert_eq!(known_before(dir.path(), &prod).look, Some(look));
        let path = folder(dir.path()).join(file(&prod));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // Another cluster's, a format that is not known, and no JSON are nothing.
        fs::copy(&path, folder(dir.path()).join(file(&test))).unwrap();
        assert_eq!(known_before(dir.path(), &test).look, None);
        for bad in [text.replace("\"version\":1", "\"version\":2"), "{".to_owned()] {
            fs::write(&path, bad).unwrap();
            assert_eq!(known_before(dir.path(), &prod).look, None);
        }
    }
}
