//! Which host keys of a target are believed: reads the files that say it. Does not know what they mean.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::super::super::regular;
use super::super::Bastion;
use super::super::known_hosts::Known;
use super::Target;
use crate::run::ports::RemoteError;

/// The largest file that is read.
const MOST: u64 = 16 << 20;

impl Target {
    /// What the files say of this host. A file that is not there says nothing; one that cannot be read might hold a
    /// revocation.
    pub(in super::super) async fn known(&self, bastion: &Bastion) -> Result<Known, RemoteError> {
        let refuse = |why: String| RemoteError::HostKey { why };
        let named = self.known_hosts.iter().map(|path| bastion.keyring.expanded(path).map_err(refuse));
        let mut paths = named.collect::<Result<Vec<PathBuf>, _>>()?;
        if paths.is_empty() {
            paths.clone_from(&bastion.options.known_hosts);
        }
        let mut files = Vec::new();
        for path in paths {
            match read(&path) {
                Ok(bytes) => files.push((path, String::from_utf8_lossy(&bytes).into_owned())),
                Err(error) if error.kind() == ErrorKind::NotFound => files.push((path, String::new())),
                Err(error) => {
                    return Err(refuse(format!("cannot tell who {} is: {}: {error}", self.place(), path.display())));
                }
            }
        }
        let mut known = Known::read(&files, &self.address, self.port);
        // As OpenSSH: where the list of what is revoked cannot be read, nobody is believed.
        if let Some(path) = &self.revoked {
            let path = bastion.keyring.expanded(path).map_err(refuse)?;
            let list = read(&path).map_err(|error| {
                let what = "its RevokedHostKeys cannot be read";
                refuse(format!("cannot tell who {} is: {what}: {}: {error}", self.place(), path.display()))
            })?;
            known.revoke(&path, &list);
        }
        Ok(known)
    }
}

/// A file's bytes. `/dev/null`, by which many say "none", has none.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path == Path::new("/dev/null") {
        return Ok(Vec::new());
    }
    regular::read(regular::open(path)?, MOST)
}
