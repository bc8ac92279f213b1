//! The question "when do the certificates in the env file expire?", by the master's own clock, because etcd uses that
//! one too. Opens no private key and does not verify the chain.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::model::command::{Script, clean};
use crate::model::{Command, Output};

use super::settings::Settings;
use super::{Answer, Unclear};

/// The certificates of one master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificates {
    /// What the master's clock said.
    pub now: Timestamp,
    /// By file: when it ends; none where no certificate could be read in it.
    pub ends: BTreeMap<String, Option<Timestamp>>,
    /// Of those without: why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub causes: BTreeMap<String, String>,
}

impl Certificates {
    /// How many whole days a certificate lasts, negative once it has ended.
    #[must_use]
    pub fn days(&self, end: Timestamp) -> i64 {
        (end.as_second() - self.now.as_second()).div_euclid(SECONDS_A_DAY)
    }

    /// Those that have ended: file and day.
    pub fn ended(&self) -> impl Iterator<Item = (&str, String)> {
        let ended = self.ends.iter().filter_map(|(file, end)| Some((file.as_str(), (*end)?)));
        let ended = ended.filter(|(_, end)| self.days(*end) < 0);
        ended.map(|(file, end)| (file, end.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string()))
    }

    /// The files in which no certificate could be read, and why.
    pub fn unread(&self) -> impl Iterator<Item = Unclear> {
        let unread = self.ends.iter().filter(|(_, end)| end.is_none());
        unread.map(|(file, _)| {
            let why = self.causes.get(file).map_or("no certificate could be read in it", String::as_str);
            Unclear::text(&format!("reading the certificate {file}"), why)
        })
    }

    /// The first to end.
    #[must_use]
    pub fn first_end(&self) -> Option<Timestamp> {
        self.ends.values().flatten().min().copied()
    }
}

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// What etcd and requorum's own questions show to others.
const OWN: [&str; 2] = ["cert-file", "peer-cert-file"];
/// What they hold others against.
const AUTHORITIES: [&str; 2] = ["trusted-ca-file", "peer-trusted-ca-file"];

const SCRIPT: Script = Script { name: "certificates", text: include_str!("scripts/certificates.sh") };

/// Asks for the ends of the certificates that the settings name, each file once.
#[must_use]
pub fn command(settings: &Settings) -> Command {
    let values = settings.values();
    let named = |flags: &[&str], kind: &'static str| -> Vec<(String, &'static str)> {
        flags.iter().filter_map(|flag| values.get(*flag)).map(|file| (file.clone(), kind)).collect()
    };
    let admin = settings.client.as_ref().map(|client| client.cert.to_string());
    let admin = admin.or_else(|| settings.of_etcdctl("cert")).map(|file| (file, "own"));
    let all = named(&AUTHORITIES, "authority").into_iter().chain(named(&OWN, "own")).chain(admin);
    let files: BTreeMap<String, &str> = all.filter(|(file, _)| !file.is_empty()).collect();
    Command::script(SCRIPT).args(files.into_iter().flat_map(|(file, kind)| [kind.to_owned(), file]))
}

/// Reads `now=`, then for each file its line and an `end=` for each certificate in it. A chain of one's own breaks with
/// the first that ends; a bundle of authorities serves until the last.
///
/// # Errors
/// When openssl is missing or a date cannot be read.
pub fn parse(output: &Output) -> Result<Certificates, Unclear> {
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let mut now = None;
    let mut ends: BTreeMap<String, Option<Timestamp>> = BTreeMap::new();
    let mut causes: BTreeMap<String, String> = BTreeMap::new();
    let mut file = ("", "");
    for (name, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        match name {
            "now" => now = value.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()),
            "own" | "authority" => {
                file = (name, value);
                ends.insert(value.to_owned(), None);
            }
            "why" => {
                causes.insert(file.1.to_owned(), clean(value));
            }
            "end" => {
                let end = date(value).ok_or_else(|| Unclear::text(WHAT, &format!("no date: {value}")))?;
                let known = ends.entry(file.1.to_owned()).or_default();
                let later = file.0 == "authority";
                *known = Some(known.map_or(end, |known| if later { known.max(end) } else { known.min(end) }));
            }
            _ => {}
        }
    }
    let now = now.ok_or_else(|| Unclear::text(WHAT, "the master's clock did not answer"))?;
    Ok(Certificates { now, ends, causes })
}

const WHAT: &str = "asking when certificates end";

/// As openssl prints it: `Nov  2 22:25:00 2036 GMT`.
fn date(text: &str) -> Option<Timestamp> {
    let broken_down = jiff::fmt::strtime::parse("%b %e %H:%M:%S %Y", text.trim().strip_suffix(" GMT")?).ok()?;
    let date = broken_down.to_datetime().ok()?;
    // "No end" is the last second of 9999, which a timestamp does not hold.
    Some(date.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |time| time.timestamp()))
}

/// What an observation says that was made before this question was.
pub(super) fn not_asked() -> Answer<Certificates> {
    Err(Unclear::text(WHAT, super::NOT_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingsFile;

    fn said(stdout: &str) -> Answer<Certificates> {
        parse(&Output { stdout: stdout.into(), ..Output::default() })
    }

    #[test]
    fn each_file_is_asked_for_once_and_only_where_it_is_named() {
        let text = "ETCD_TRUSTED_CA_FILE=/ca\nETCD_PEER_TRUSTED_CA_FILE=/ca\nETCD_CERT_FILE=/m\nETCD_PEER_CERT_FILE=/m\n\
                    ETCDCTL_CERT=/a\nETCD_KEY_FILE=/k\n";
        let settings = Settings::of(SettingsFile::env_file("/etc/etcd.env", text));
        assert_eq!(command(&settings).shown(), "[certificates] own /a authority /ca own /m");
        let none = Settings::of(SettingsFile::env_file("/etc/etcd.env", "ETCD_NAME=x\n"));
        assert_eq!(command(&none).shown(), "[certificates]");
        assert!(said("now=1767225600\n").unwrap().ends.is_empty());
    }

    #[test]
    fn a_chain_breaks_with_its_first_end_and_authorities_serve_until_their_last() {
        let seen = said(
            "now=1767225600\nown=/m\nend=Jan 31 00:00:00 2026 GMT\nend=Jan  9 23:59:59 2026 GMT\nauthority=/ca\n\
             end=Jan  1 00:00:00 2020 GMT\nend=Dec 31 23:59:59 9999 GMT\nown=/gone\nwhy=head: /gone: No such file\n",
        )
        .unwrap();
        let end = |file: &str| seen.ends[file].map(|end| end.to_string());
        assert_eq!(end("/m").as_deref(), Some("2026-01-09T23:59:59Z"));
        assert_eq!(seen.ends["/ca"], Some(Timestamp::MAX));
        assert_eq!(end("/gone"), None);
        let unread: Vec<String> = seen.unread().map(|unclear| unclear.to_string()).collect();
        assert_eq!(unread, ["reading the certificate /gone: head: /gone: No such file"]);
        assert_eq!(seen.days(seen.first_end().unwrap()), 8);
        assert_eq!(seen.days("2025-12-31T23:59:59Z".parse().unwrap()), -1);
    }

    #[test]
    fn what_cannot_be_read_is_unclear() {
        assert!(said("own=/m\nend=Jan 31 00:00:00 2026 GMT\n").is_err(), "no clock");
        assert!(said("now=1767225600\nown=/m\nend=soon\n").is_err());
        let missing = Output { status: 1, stderr: "openssl is not installed\n".into(), ..Output::default() };
        assert!(parse(&missing).unwrap_err().to_string().contains("openssl is not installed"));
    }
}
