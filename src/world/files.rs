//! Input files on the bastion: read with a limit, snapshots hashed, shipped files written out. Does not know what they
//! mean.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::regular;
use crate::model::digest::hex;
use crate::observe::database::{self, Ends};
use crate::plan::{SnapshotFile, TrailingHash};
use crate::verbs::site::StoredRun;

/// Beyond this an input file is not read; the parsers refuse far smaller ones with a better word.
pub(super) const MOST: u64 = 4 << 20;

/// Beyond this a run's journal is not read: some thousand times the longest that was seen.
pub(super) const MOST_JOURNAL: u64 = 256 << 20;

/// Reads a text file.
///
/// # Errors
/// When it cannot be read, is no regular file, is larger than 4 MiB, or is not UTF-8.
pub fn text(path: &Path) -> io::Result<String> {
    utf8(regular::read(regular::open(path)?, MOST)?)
}

/// The same for a file of our own, which is never a link.
///
/// # Errors
/// As [`text`]'s, also for a link.
pub(super) fn own_text(path: &Path) -> io::Result<String> {
    utf8(regular::read(regular::open_own(path)?, MOST)?)
}

/// The largest program that is sent to a master.
const LARGEST_PROGRAM: u64 = 256 << 20;

/// Reads a program that is to run as root on masters: whoever may write it here would be root there.
///
/// # Errors
/// When it cannot be read, is too large, or somebody else may write it or put another in its place.
pub(super) fn program(path: &Path) -> io::Result<Vec<u8>> {
    let file = regular::open(path)?;
    // The version's folder, and the one in which another of that name could be put.
    let folders = path.ancestors().skip(1).take(2);
    let folders = folders.map(|folder| Ok((folder, fs::metadata(folder)?))).collect::<io::Result<Vec<_>>>()?;
    for (place, found) in std::iter::once((path, file.metadata()?)).chain(folders) {
        let mode = found.permissions().mode();
        let is_ours = found.uid() == 0 || found.uid() == rustix::process::geteuid().as_raw();
        // In a sticky folder (/tmp) nobody puts another in the place of what is ours.
        let is_sticky = found.is_dir() && mode & 0o1000 != 0;
        if (mode & 0o022 != 0 && !is_sticky) || !is_ours {
            let said = format!(
                "others may write {} (of user {}, mode {:o}): it must be yours or root's, and chmod go-w",
                place.display(),
                found.uid(),
                mode & 0o7777
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, said));
        }
    }
    regular::read(file, LARGEST_PROGRAM)
}

/// An input file's text.
pub(super) fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Writes a file that must not exist, making its directories.
///
/// # Errors
/// When it exists or the disk refuses.
pub(super) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Writes a file that others read while it is written, mode 0644: they see the old text or the new one, never a part.
///
/// # Errors
/// When the disk refuses; the old file is there still.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let (mut file, place) = beside(path)?;
    // The process's umask may have taken bits away.
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(place)?.sync_all()
}

/// Whether [`replace`] would find a place for that file; leaves nothing there.
///
/// # Errors
/// When it would not.
pub fn replaceable(path: &Path) -> io::Result<()> {
    beside(path).map(|_| ())
}

/// An unfinished file beside `path`, and where that is.
fn beside(path: &Path) -> io::Result<(tempfile::NamedTempFile, &Path)> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let place = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The collector reads what ends in `.prom`; the unfinished file must not.
    let file = tempfile::Builder::new()
        .prefix(&format!(".{}.", name.to_string_lossy()))
        .suffix(".part")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(place)?;
    Ok((file, place))
}

/// A page of bbolt: a bare database is a whole number of these, a snapshot has 32 bytes more.
const PAGE: u64 = 512;
const HASH_BYTES: u64 = 32;

/// Reads a snapshot file once: its hash, the hash etcd put at its end, and which of `ids` occur in it.
///
/// # Errors
/// When it cannot be read.
pub fn snapshot(path: &Path, ids: &BTreeSet<String>) -> io::Result<SnapshotFile> {
    let mut file = regular::open(path)?;
    let ends = ends(&file)?;
    let about = file.metadata()?;
    let bytes = about.len();
    let written = about.modified().ok().and_then(|at| jiff::Timestamp::try_from(at).ok());
    let hashed = bytes % PAGE == HASH_BYTES;
    let mut whole = Sha256::new();
    let mut body = Sha256::new();
    let mut found = BTreeSet::new();
    // An ID may lie across two chunks: each search begins a little before the chunk.
    let overlap = ids.iter().map(String::len).max().unwrap_or(0);
    let (mut window, mut chunk, mut at) = (Vec::new(), vec![0u8; 1 << 20], 0u64);
    let mut tail: Vec<u8> = Vec::new();
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        let piece = &chunk[..read];
        whole.update(piece);
        let body_left = bytes.saturating_sub(HASH_BYTES).saturating_sub(at);
        let split = usize::try_from(body_left.min(read as u64)).unwrap_or(read);
        body.update(&piece[..split]);
        tail.extend_from_slice(&piece[split..]);
        at += read as u64;
        window.extend_from_slice(piece);
        for id in ids.iter().filter(|id| !found.contains(*id)).cloned().collect::<Vec<_>>() {
            if window.windows(id.len().max(1)).any(|part| part == id.as_bytes()) {
                found.insert(id);
            }
        }
        let keep = window.len().saturating_sub(overlap);
        window.drain(..keep);
    }
    let hash = match (hashed, tail.as_slice() == body.finalize().as_slice()) {
        (true, true) => TrailingHash::Right,
        (false, _) if bytes > 0 && bytes % PAGE == 0 => TrailingHash::Absent,
        _ => TrailingHash::Wrong,
    };
    Ok(SnapshotFile {
        path: path.display().to_string(),
        bytes,
        sha256: hex(&whole.finalize()),
        hash,
        member_ids: found,
        origins: Vec::new(),
        ends,
        written,
    })
}

/// Where the database in a file ends. A read that fails is no answer about the file.
fn ends(file: &File) -> io::Result<Result<Ends, String>> {
    let mut failed = None;
    let ends = database::ends(file.metadata()?.len(), &mut |at, length| {
        let mut bytes = vec![0; length];
        match file.read_exact_at(&mut bytes, at) {
            Ok(()) => Ok(bytes),
            Err(error) => {
                let why = error.to_string();
                failed = Some(error);
                Err(why)
            }
        }
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(ends),
    }
}

/// The journals of all runs kept under `state`; what cannot be read is left out.
#[must_use]
pub fn journals(state: &Path) -> Vec<String> {
    let Ok(runs) = fs::read_dir(state.join("runs")) else { return Vec::new() };
    let text = |run: fs::DirEntry| String::from_utf8(journal(&run.path().join(super::store::JOURNAL)).ok()?).ok();
    runs.flatten().filter_map(text).collect()
}

fn journal(path: &Path) -> io::Result<Vec<u8>> {
    regular::read(regular::open_own(path)?, MOST_JOURNAL)
}

/// Every run kept under `state`, by name and so oldest first; also those whose journal cannot be read.
///
/// # Errors
/// When it cannot be told which there are. That there is no such directory tells that there is none.
pub fn runs(state: &Path) -> io::Result<Vec<StoredRun>> {
    let entries = match fs::read_dir(state.join("runs")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names: Vec<_> = entries.collect::<io::Result<_>>()?;
    names.retain(|entry| entry.path().is_dir());
    names.sort_by_key(fs::DirEntry::file_name);
    let kept = |entry: fs::DirEntry| {
        let path = absolute(&entry.path().join(super::store::JOURNAL));
        let bytes = journal(&path);
        StoredRun { run: entry.file_name().to_string_lossy().into_owned(), path, bytes }
    };
    Ok(names.into_iter().map(kept).collect())
}

/// Writes a file that must not exist and that nobody else may read, making its directories.
///
/// # Errors
/// When it exists or the disk refuses.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// `path` made absolute, so that a report can be acted on from elsewhere.
#[must_use]
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_through_a_link_and_each_file_has_its_final_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (others, link) = (dir.path().join("others"), dir.path().join("link"));
        fs::write(&others, "theirs").unwrap();
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        std::os::unix::fs::symlink(&others, &link).unwrap();
        for write in [write_private, write_new] {
            assert!(write(&link, "ours").is_err());
        }
        replace(&link, "ours").unwrap();
        assert_eq!((fs::read_to_string(&others).unwrap().as_str(), mode(&link)), ("theirs", 0o644));
        assert!(fs::symlink_metadata(&link).unwrap().is_file(), "the link itself was replaced");
        // Also where what it points to is not there yet.
        let nowhere = dir.path().join("nowhere");
        std::os::unix::fs::symlink(dir.path().join("gone"), &nowhere).unwrap();
        assert!(write_private(&nowhere, "ours").is_err() && !dir.path().join("gone").exists());
        write_private(&dir.path().join("report"), "ours").unwrap();
        assert_eq!(mode(&dir.path().join("report")), 0o600);
    }

    #[test]
    fn runs_that_cannot_be_listed_are_not_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(runs(dir.path()).unwrap().is_empty());
        fs::create_dir_all(dir.path().join("runs/20261123-134443-449f")).unwrap();
        assert_eq!(runs(dir.path()).unwrap().len(), 1);
        // Root may read what nobody else may: a file in its place is as unreadable.
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("runs"), "").unwrap();
        assert!(runs(other.path()).is_err());
    }

    #[test]
    fn a_snapshot_is_hashed_searched_and_its_end_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let real = include_bytes!("../../tests/databases/etcd-3.5.16.db");
        fs::write(&path, real).unwrap();
        let ids = ["628170c800dbcee".to_owned(), "8e9e05c52164694d".to_owned()].into();
        let file = snapshot(&path, &ids).unwrap();
        assert_eq!((file.hash, file.bytes, file.member_ids.len()), (TrailingHash::Right, real.len() as u64, 1));
        assert_eq!(file.ends, Ok(Ends { revision: 52, index: Some(55), term: Some(2) }));
        fs::write(&path, &real[..20_000]).unwrap();
        let file = snapshot(&path, &ids).unwrap();
        assert_eq!(file.hash, TrailingHash::Wrong);
        fs::write(&path, "none").unwrap();
        assert!(snapshot(&path, &ids).unwrap().ends.is_err());
    }

    #[test]
    fn a_program_that_others_may_write_is_sent_to_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etcdctl");
        fs::write(&path, "x").unwrap();
        let may = |place: &Path, mode| fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
        for (of_file, of_folder, sent) in
            [(0o755, 0o755, true), (0o775, 0o755, false), (0o757, 0o755, false), (0o755, 0o777, false)]
        {
            may(&path, of_file);
            may(dir.path(), of_folder);
            assert_eq!(program(&path).is_ok(), sent, "{of_file:o} {of_folder:o}");
        }
    }

    #[test]
    fn a_replaced_file_is_whole_readable_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("requorum.prom");
        for text in ["one\n", "two\n"] {
            replace(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        replaceable(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(replaceable(&dir.path().join("nowhere/x.prom")).is_err());
        assert!(replace(&dir.path().join("nowhere/x.prom"), "x").is_err());
        assert!(replace(Path::new("/"), "x").is_err());
    }
}
