//! known_hosts files and what they say about one host. Pure: uses neither disk, clock nor network.

mod judge;
mod pattern;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

/// The port whose hosts are listed by bare name.
const SSH_PORT: u16 = 22;

/// What a binary revocation list begins with (OpenSSH, `PROTOCOL.krl`).
const BINARY_LIST: &[u8] = b"SSHKRL\n";

/// A line of a file, as an editor counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    file: PathBuf,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A key and where it is listed.
#[derive(Debug, Clone)]
struct Listed {
    place: Place,
    key: KeyData,
}

/// What the files say of one host.
#[derive(Debug, Clone)]
pub(super) struct Known {
    host: String,
    port: u16,
    files: Vec<PathBuf>,
    keys: Vec<Listed>,
    authorities: Vec<Listed>,
    revoked: Vec<Listed>,
    /// A revocation that cannot be read might be of the very key the host shows: which, and what to do.
    unreadable: Option<String>,
}

impl Known {
    /// Reads `files` (path and text, in the order in which they are consulted) for what they say of `host`.
    pub(super) fn read(files: &[(PathBuf, String)], host: &str, port: u16) -> Self {
        let mut known = Self {
            host: host.to_lowercase(),
            port,
            files: files.iter().map(|(path, _)| path.clone()).collect(),
            keys: Vec::new(),
            authorities: Vec::new(),
            revoked: Vec::new(),
            unreadable: None,
        };
        let name = known.name();
        for (file, text) in files {
            for (at, line) in text.lines().enumerate() {
                known.take(&name, line, || Place { file: file.clone(), line: at + 1 });
            }
        }
        known
    }

    fn take(&mut self, name: &str, line: &str, place: impl Fn() -> Place) {
        let marked = line.trim_start().starts_with('@');
        // The parser wants single blanks, and a comment is nothing to us.
        let fields: Vec<&str> = line.split_ascii_whitespace().take(if marked { 4 } else { 3 }).collect();
        if fields.first().is_none_or(|first| first.starts_with('#')) {
            return;
        }
        let Ok(entry) = fields.join(" ").parse::<Entry>() else {
            if fields[0].eq_ignore_ascii_case(Marker::Revoked.as_str()) {
                self.cannot_read(&place());
            }
            return;
        };
        let listed = Listed { place: place(), key: entry.public_key().key_data().clone() };
        let list = match entry.marker() {
            // Revoked is revoked: whichever host the line was written for.
            Some(Marker::Revoked) => return self.revoked.push(listed),
            Some(Marker::CertAuthority) => &mut self.authorities,
            None => &mut self.keys,
        };
        let listed_here = match entry.host_patterns() {
            HostPatterns::Patterns(patterns) => pattern::any(patterns, name),
            HostPatterns::HashedName { salt, hash } => &pattern::hashed(salt, name) == hash,
        };
        if listed_here {
            list.push(listed);
        }
    }

    /// Takes a list of revoked keys, a public key on each line (`RevokedHostKeys` of ssh_config(5)).
    pub(super) fn revoke(&mut self, file: &Path, list: &[u8]) {
        if list.starts_with(BINARY_LIST) {
            let why = format!(
                "{} is a binary revocation list, which requorum does not read; next: list the revoked keys there one a line",
                file.display()
            );
            self.unreadable.get_or_insert(why);
            return;
        }
        for (at, line) in String::from_utf8_lossy(list).lines().enumerate() {
            let place = Place { file: file.to_owned(), line: at + 1 };
            let fields: Vec<&str> = line.split_ascii_whitespace().take(2).collect();
            if fields.first().is_none_or(|first| first.starts_with('#')) {
                continue;
            }
            match fields.join(" ").parse::<PublicKey>() {
                Ok(key) => self.revoked.push(Listed { place, key: key.key_data().clone() }),
                Err(_) => self.cannot_read(&place),
            }
        }
    }

    fn cannot_read(&mut self, place: &Place) {
        let why = || format!("{place} revokes a key and cannot be read; next: repair or remove that line");
        self.unreadable.get_or_insert_with(why);
    }

    /// The host as known_hosts writes it.
    pub(super) fn name(&self) -> String {
        if self.port == SSH_PORT { self.host.clone() } else { format!("[{}]:{}", self.host, self.port) }
    }

    /// Host key algorithms to offer: those of the listed keys first, or a server with several keys would show one that
    /// is not listed. The others stay, so that an unlisted key can be shown to the operator.
    pub(super) fn key_algorithms(&self) -> Vec<Algorithm> {
        let (mut listed, others): (Vec<_>, Vec<_>) =
            offered().into_iter().partition(|algorithm| self.keys.iter().any(|known| is_of(&known.key, algorithm)));
        listed.extend(others);
        listed
    }

    /// Certificate algorithms to offer: none unless an authority is listed, or a server would show a certificate
    /// where its plain key is the one that is known.
    pub(super) fn certificate_algorithms(&self) -> Vec<Algorithm> {
        if self.authorities.is_empty() { Vec::new() } else { offered() }
    }

    /// Why no key that the host could show would be believed; nothing where one is listed.
    pub(super) fn lacks(&self) -> Option<String> {
        if let Some(why) = &self.unreadable {
            return Some(why.clone());
        }
        let files: Vec<String> = self.files.iter().map(|file| file.display().to_string()).collect();
        let none = self.keys.is_empty() && self.authorities.is_empty();
        none.then(|| format!("no key of {} in {}", self.name(), files.join(", ")))
    }

    /// Where a new line would go.
    fn first_file(&self) -> &Path {
        self.files.first().map_or(Path::new("known_hosts"), PathBuf::as_path)
    }
}

fn is_of(key: &KeyData, algorithm: &Algorithm) -> bool {
    match (key.algorithm(), algorithm) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
        (key, algorithm) => key == *algorithm,
    }
}

/// Every host key algorithm we accept, best first. `ssh-rsa` proper signs with SHA-1 and is not among them.
fn offered() -> Vec<Algorithm> {
    let mut offered = vec![
        Algorithm::Ed25519,
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    ];
    if cfg!(feature = "ssh-rsa") {
        offered.extend([HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) }));
    }
    offered
}
