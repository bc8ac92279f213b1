//! Whether a host may be trusted, and what to tell the operator if not. Knows of a file only its name and line.

use std::fmt::Write;

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey, PublicKeyOrCertificate};

use super::{Known, Listed, pattern};
use crate::model::command::clean;

/// Why a host is not believed. The text is whole: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum Distrust {
    /// No file lists the host.
    #[error("{0}")]
    Unknown(String),
    /// Files list the host with other keys only.
    #[error("{0}")]
    Changed(String),
    /// A file revokes the key or its authority.
    #[error("{0}")]
    Revoked(String),
    /// A revocation could not be read.
    #[error("{0}")]
    Unreadable(String),
    /// The certificate is not good and the plain key is not listed either.
    #[error("{0}")]
    Certificate(String),
}

impl Known {
    /// Judges what the host shows; `now` in Unix seconds.
    ///
    /// # Errors
    /// [`Distrust`] unless the key is listed for the host, or a certificate over it is good.
    pub(in super::super) fn judge(&self, shown: &PublicKeyOrCertificate, now: u64) -> Result<(), Distrust> {
        if let Some(why) = &self.unreadable {
            return Err(Distrust::Unreadable(format!("no host key can be trusted: {why}")));
        }
        let key = shown.public_key();
        let signer = shown.certificate().map(Certificate::signature_key);
        let revoked = |listed: &&Listed| listed.key == *key.key_data() || Some(&listed.key) == signer;
        if let Some(listed) = self.revoked.iter().find(revoked) {
            return Err(self.revoked_error(listed));
        }
        if self.keys.iter().any(|listed| listed.key == *key.key_data()) {
            return Ok(());
        }
        match shown.certificate() {
            Some(certificate) => match self.fault_of(certificate, now) {
                None => Ok(()),
                Some(fault) => Err(Distrust::Certificate(format!(
                    "the host certificate of {} ({}, key {}) is not good: {fault}",
                    self.name(),
                    clean(certificate.key_id()),
                    fingerprint(key.key_data()),
                ))),
            },
            None if self.keys.is_empty() => Err(self.unknown_error(&key)),
            None => Err(self.changed_error(&key)),
        }
    }

    fn fault_of(&self, certificate: &Certificate, now: u64) -> Option<String> {
        let signer = certificate.signature_key();
        let Some(authority) = self.authorities.iter().find(|listed| listed.key == *signer) else {
            return Some(format!("no @cert-authority for this host has the key {}", fingerprint(signer)));
        };
        if !certificate.cert_type().is_host() {
            return Some("it is a user certificate, not a host certificate".to_owned());
        }
        if let Some(option) = certificate.critical_options().keys().next() {
            return Some(format!("it has the critical option {:?}, which is not supported for a host", clean(option)));
        }
        if matches!(certificate.signature().algorithm(), Algorithm::Rsa { hash: None }) {
            return Some("it is signed with SHA-1".to_owned());
        }
        // A certificate without names would be good for every host; we ask for the name.
        if !certificate.valid_principals().iter().any(|name| pattern::matches(&name.to_lowercase(), &self.host)) {
            let names = clean(&certificate.valid_principals().join(", "));
            return Some(format!("it is for [{names}], not for {}", self.host));
        }
        if now < certificate.valid_after() {
            return Some("it is not valid yet; compare the clocks".to_owned());
        }
        if now >= certificate.valid_before() {
            return Some("it has expired".to_owned());
        }
        let trusted = [authority.key.fingerprint(HashAlg::Sha256)];
        certificate.validate_at(now, &trusted).err().map(|error| format!("its signature is not valid: {error}"))
    }

    fn unknown_error(&self, key: &PublicKey) -> Distrust {
        let files: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        let mut text = format!(
            "the host key of {} is not known\n  shown: {}\n  looked in: {}\n",
            self.name(),
            described(key.key_data()),
            if files.is_empty() { "no file".to_owned() } else { files.join(", ") },
        );
        self.tell_how_to_add(&mut text, key);
        Distrust::Unknown(text)
    }

    fn changed_error(&self, key: &PublicKey) -> Distrust {
        let mut text = format!(
            "the host key of {} has CHANGED: the host was rebuilt, or the connection is intercepted\n  shown: {}\n",
            self.name(),
            described(key.key_data()),
        );
        let mut files = Vec::new();
        for Listed { place, key } in &self.keys {
            let _ = writeln!(text, "  known: {} at {place}", described(key));
            if !files.contains(&&place.file) {
                files.push(&place.file);
            }
        }
        self.tell_how_to_add(&mut text, key);
        for file in files {
            let _ = write!(text, "\n  and remove the old: {}", removal(&self.name(), file));
        }
        Distrust::Changed(text)
    }

    fn tell_how_to_add(&self, text: &mut String, key: &PublicKey) {
        let kind = match key.algorithm() {
            Algorithm::Ecdsa { .. } => "ecdsa",
            Algorithm::Rsa { .. } => "rsa",
            _ => "ed25519",
        };
        let plain = PublicKey::new(key.key_data().clone(), "").to_openssh().unwrap_or_default();
        let _ = write!(
            text,
            "  next: compare on the host's console, not over the network: ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub\n  \
             only if it is the same, add to {}: {} {plain}",
            self.first_file().display(),
            self.name(),
        );
    }

    fn revoked_error(&self, Listed { place, key }: &Listed) -> Distrust {
        Distrust::Revoked(format!(
            "the host key of {} (or its authority) is REVOKED: {} at {place}\n  \
             next: do not connect; give the host a new key, or ask who revoked this one and why",
            self.name(),
            described(key),
        ))
    }
}

fn fingerprint(key: &KeyData) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn described(key: &KeyData) -> String {
    format!("{} {}", key.algorithm(), fingerprint(key))
}

/// The command that takes a host out of a file.
fn removal(name: &str, file: &std::path::Path) -> String {
    let file = file.display().to_string();
    shlex::try_join(["ssh-keygen", "-f", &file, "-R", name]).unwrap_or_else(|_| format!("edit {file}"))
}
