//! The files of the OpenSSH configuration on this host: the user's and the system's, and what they include. Does not know what
//! they say.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::model::ssh_config::{SshFiles, Text, is_like};

use super::files;

const SYSTEM: &str = "/etc/ssh/ssh_config";

/// All of them.
///
/// # Errors
/// When one of the two is there and cannot be read, or the user's may be written by others, which OpenSSH refuses too.
pub fn read(home: Option<&Path>, local_user: &str) -> io::Result<SshFiles> {
    let own = home.map(|home| home.join(".ssh/config"));
    let mut texts = Vec::new();
    for path in own.iter().cloned().chain([PathBuf::from(SYSTEM)]) {
        match text(&path, Some(&path) == own.as_ref()) {
            Ok(text) => texts.push(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }
    let included = |from: &str, pattern: &str| -> Vec<Text> {
        let of_user =
            own.as_ref().is_some_and(|own| own.display().to_string() == from) || !from.starts_with("/etc/ssh/");
        let below = if of_user { home.map(|home| home.join(".ssh")) } else { Some(PathBuf::from("/etc/ssh")) };
        let pattern = match (pattern.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => below.unwrap_or_default().join(pattern),
        };
        // As OpenSSH: what is not there or cannot be read is passed over.
        matching(&pattern).iter().filter_map(|path| text(path, of_user).ok()).collect()
    };
    Ok(SshFiles::read(texts, local_user, &included))
}

fn text(path: &Path, of_user: bool) -> io::Result<Text> {
    let there = fs::metadata(path)?;
    let mine = there.uid() == 0 || there.uid() == rustix::process::geteuid().as_raw();
    if of_user && (!mine || there.mode() & 0o022 != 0) {
        let why = format!("others may write it, so it is not read; next: chmod go-w {}", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Ok(Text { path: path.display().to_string(), text: files::text(path)? })
}

/// Every file whose path is like the pattern, in order; `*` and `?` reach over no slash.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.components().skip(1) {
        let part = part.as_os_str().to_string_lossy().into_owned();
        let next = |dir: &PathBuf| -> Vec<PathBuf> {
            if !part.contains(['*', '?']) {
                return vec![dir.join(&part)];
            }
            let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
            let like = entries.filter(|name| {
                let name = name.to_string_lossy();
                is_like(&part, &name) && (!name.starts_with('.') || part.starts_with('.'))
            });
            let mut paths: Vec<PathBuf> = like.map(|name| dir.join(name)).collect();
            paths.sort();
            paths
        };
        found = found.iter().flat_map(next).collect();
    }
    found
}
