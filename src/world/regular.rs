//! Opens regular files only: no pipe, no device, no file that the kernel generates. Does not know what a file means.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FsWord, OFlags, fstatfs};

/// File systems whose files are made while they are read: a process's environment stands in one (`linux/magic.h`).
const MADE_UP: &[FsWord] = &[
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x6367_7270, // cgroup2
    0x7363_6673, // securityfs
];

/// Opens a file to be read, following links. Never waits: a pipe without a writer is refused and not waited for.
///
/// # Errors
/// When it cannot be opened or is no regular file.
pub(super) fn open(path: &Path) -> io::Result<File> {
    opened(path, OFlags::NONBLOCK)
}

/// The same for a file of our own, which is never a link.
///
/// # Errors
/// As [`open`]'s, also for a link.
pub(super) fn open_own(path: &Path) -> io::Result<File> {
    opened(path, OFlags::NONBLOCK | OFlags::NOFOLLOW)
}

fn opened(path: &Path, flags: OFlags) -> io::Result<File> {
    let refuse = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what.to_owned()));
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return refuse("it is a link, which is not followed");
        }
        Err(error) => return Err(error),
    };
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return refuse("it is a directory; name the files in it, as DIR/*.yaml");
    }
    if !kind.is_file() {
        return refuse("it is not a regular file");
    }
    if MADE_UP.contains(&fstatfs(&file)?.f_type) {
        return refuse("it is a virtual file of the kernel, not a stored one");
    }
    Ok(file)
}

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// As [`open`]'s, and when it is larger.
pub(super) fn read(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_large(most));
    }
    Ok(bytes)
}

/// Says how large a file may be.
pub(super) fn too_large(most: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {} MiB", most >> 20))
}

/// Where a file of a change under review really lies. A link may lead to a file of the tree, which is where we stand, or
/// the file's own directory where that is elsewhere; nowhere else, since what is found there would be shown.
///
/// # Errors
/// When it leads out of the tree, or to nothing.
pub(super) fn inside(path: &Path) -> io::Result<PathBuf> {
    let here = path.is_relative() && !path.components().any(|part| part == std::path::Component::ParentDir);
    let tree = match path.parent() {
        Some(parent) if !here => parent.canonicalize()?,
        _ => std::env::current_dir()?.canonicalize()?,
    };
    let real = path.canonicalize()?;
    if real.starts_with(&tree) {
        return Ok(real);
    }
    let why = format!("it is a link that leads out of {}, which is not followed in a review", tree.display());
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_are_opened_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_bits_truncate(0o600),
            0,
        )
        .unwrap();
        for (name, to) in [
            ("to-file", "file"),
            ("to-pipe", "pipe"),
            ("zero", "/dev/zero"),
            ("tty", "/dev/tty"),
            ("environ", "/proc/self/environ"),
            ("self", "/proc/self/fd/0"),
            ("uevent", "/sys/kernel/uevent_seqnum"),
        ] {
            symlink(to, at(name)).unwrap();
        }
        assert_eq!(read(open(&at("file")).unwrap(), 4).unwrap(), b"text");
        assert_eq!(read(open(&at("to-file")).unwrap(), 4).unwrap(), b"text");
        assert!(read(open(&at("file")).unwrap(), 3).is_err());
        assert!(open_own(&at("file")).is_ok());
        assert!(open_own(&at("to-file")).unwrap_err().to_string().contains("link"));
        for name in ["pipe", "to-pipe", "zero", "tty", "environ", "uevent", "."] {
            assert!(open(&at(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_link_out_of_the_tree_is_not_followed_in_a_review() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, secret) = (dir.path().join("tree"), dir.path().join("secret"));
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(&secret, "token").unwrap();
        std::fs::write(tree.join("file"), "text").unwrap();
        symlink("file", tree.join("near")).unwrap();
        symlink("../secret", tree.join("far")).unwrap();
        assert_eq!(inside(&tree.join("near")).unwrap(), tree.canonicalize().unwrap().join("file"));
        assert!(inside(&tree.join("far")).unwrap_err().to_string().contains("leads out of"));
    }
}
