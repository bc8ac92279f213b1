//! A master's file of settings: the text as it is, and what its settings mean. Knows nothing about the running process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{SettingsFile, Values, flags};
use crate::model::command::Script;
use crate::model::{ClientFiles, Command, Master, Output};

use super::{Unclear, client_urls};

/// The file in which a master's etcd finds its settings, as found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    #[serde(flatten)]
    pub file: SettingsFile,
    /// The flags that the unit passes beside an env file: etcd takes them first. Those that say the cluster are not among them.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub flags: Values,
    /// Owner, group and mode: `root root 640`.
    pub owner: String,
    /// What the server's certificate is made out to; absent where it was not asked or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// The client's certificate that the inventory names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientFiles>,
    /// The client URL that answered, where the one that fits best did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers_at: Option<String>,
}

/// How to talk to one endpoint: where it is and the files that open it. Paths are no secrets; what they hold is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub url: String,
    /// CA, certificate and key on the master; absent for plain HTTP.
    pub tls: Option<TlsFiles>,
}

impl Access {
    /// CA, certificate and key as a script takes them; empty for plain HTTP.
    #[must_use]
    pub fn files(&self) -> [&str; 3] {
        self.tls.as_ref().map_or([""; 3], |TlsFiles { ca, cert, key }| [ca, cert, key])
    }
}

/// Files on the master that open a TLS endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFiles {
    /// The CA's certificate.
    pub ca: String,
    /// The client's certificate.
    pub cert: String,
    pub key: String,
}

/// etcd's default heartbeat interval (`embed/config.go`).
const DEFAULT_HEARTBEAT: Duration = Duration::from_millis(100);

/// etcd's default election timeout (`embed/config.go`).
const DEFAULT_ELECTION: Duration = Duration::from_millis(1000);

/// etcd's default quota, which 0 means too (`server/storage/quota.go`).
const DEFAULT_QUOTA: u64 = 2 << 30;

impl Settings {
    /// A file of which nothing else was asked.
    #[must_use]
    pub fn of(file: SettingsFile) -> Self {
        let flags = Values::new();
        Self { file, flags, owner: "root root 640".to_owned(), names: None, client: None, answers_at: None }
    }

    /// The answer with such a file: what stands before its text, and the text, where it is not too large.
    pub(super) fn answered<'a>(what: &str, output: &'a Output) -> Result<(&'a str, &'a str), Unclear> {
        if !output.ok() {
            return Err(Unclear::failed(what, output));
        }
        let (head, text) = output.stdout.split_once('\n').ok_or_else(|| Unclear::text(what, "no answer"))?;
        if text.len() > LARGEST {
            return Err(Unclear::text(what, "it is larger than 256 KiB, which is too large for an etcd settings file"));
        }
        Ok((head, text))
    }

    /// Every setting by etcd's flag. A file that cannot be read is no `Settings`.
    #[must_use]
    pub fn values(&self) -> Values {
        let mut values = self.file.values().unwrap_or_default();
        values.extend(self.flags.clone());
        values
    }

    /// A setting by etcd's flag.
    #[must_use]
    pub fn get(&self, flag: &str) -> Option<String> {
        self.values().remove(flag)
    }

    /// The template that rewrites the file: the inventory's, else the shipped one for such a file.
    #[must_use]
    pub fn template_of<'a>(&self, master: &'a Master) -> &'a str {
        master.etcd.template.as_deref().unwrap_or(self.file.form.template())
    }

    /// The member's name. etcd's own default is `default`.
    #[must_use]
    pub fn member_name(&self) -> String {
        self.get("name").unwrap_or_else(|| "default".to_owned())
    }

    /// The peer URLs that others know the member by.
    #[must_use]
    pub fn peer_urls(&self) -> Vec<String> {
        self.list("initial-advertise-peer-urls")
    }

    /// How long a follower waits before it stands for election.
    #[must_use]
    pub fn election_timeout(&self) -> Duration {
        self.milliseconds("election-timeout").unwrap_or(DEFAULT_ELECTION)
    }

    /// How large the database may grow before etcd refuses writes; none where the quota is switched off.
    #[must_use]
    pub fn quota_bytes(&self) -> Option<u64> {
        Self::quota_of(self.get("quota-backend-bytes").as_deref())
    }

    /// What etcd makes of a quota's setting.
    #[must_use]
    pub fn quota_of(setting: Option<&str>) -> Option<u64> {
        match setting.and_then(flags::integer) {
            None | Some(0) => Some(DEFAULT_QUOTA),
            // A negative number becomes none: no quota.
            Some(bytes) => u64::try_from(bytes).ok(),
        }
    }

    /// How long etcd lets a request take: 5 s plus two election timeouts (`config.ReqTimeout`).
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(5) + self.election_timeout() * 2
    }

    /// The member's own client port: the URL that answered where that is known, else the first of
    /// [`client_urls`](super::client_urls) that its certificate is made out to, or else the first.
    #[must_use]
    pub fn client_access(&self) -> Option<Access> {
        self.accesses().into_iter().next()
    }

    /// Every way to its client port, best first.
    #[must_use]
    pub fn accesses(&self) -> Vec<Access> {
        let fits = |url: &String| client_urls::fits(url, self.names.as_deref());
        let (fit, others): (Vec<_>, Vec<_>) = client_urls::candidates(self).into_iter().partition(fits);
        let mut urls: Vec<String> = Vec::new();
        for url in self.answers_at.iter().cloned().chain(fit).chain(others) {
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        urls.into_iter().filter_map(|url| self.client_access_to(url)).collect()
    }

    fn client_access_to(&self, url: String) -> Option<Access> {
        let tls = self.admin_files().or_else(|| self.files("trusted-ca-file", "cert-file", "key-file"));
        Some(Access { tls: if url.starts_with("https:") { Some(tls?) } else { None }, url })
    }

    /// Where it shows its metrics: the client port does, unless it speaks gRPC only (etcd `embed/etcd.go`, `serveClients`).
    #[must_use]
    pub fn metrics_access(&self) -> Option<Access> {
        let moved = ["listen-metrics-urls", "listen-client-http-urls"].map(|flag| self.list(flag));
        match moved.iter().find_map(|urls| client_urls::local(urls)) {
            Some(url) => self.client_access_to(url),
            None => self.client_access(),
        }
    }

    /// How often a leader sends a heartbeat.
    #[must_use]
    pub fn heartbeat(&self) -> Duration {
        self.milliseconds("heartbeat-interval").unwrap_or(DEFAULT_HEARTBEAT)
    }

    fn milliseconds(&self, flag: &str) -> Option<Duration> {
        u64::try_from(flags::integer(&self.get(flag)?)?).ok().map(Duration::from_millis)
    }

    /// The member's own peer port.
    #[must_use]
    pub fn peer_access(&self) -> Option<Access> {
        let urls = self.list("listen-peer-urls");
        let url = client_urls::local(&urls).or_else(|| self.peer_urls().into_iter().next())?;
        self.peer_access_to(&url)
    }

    /// Another member's peer port, opened with this member's peer certificate.
    #[must_use]
    pub fn peer_access_to(&self, url: &str) -> Option<Access> {
        let tls = self.files("peer-trusted-ca-file", "peer-cert-file", "peer-key-file");
        Some(Access { url: url.to_owned(), tls: if url.starts_with("https:") { Some(tls?) } else { None } })
    }

    /// The peer URLs of the other members, as this one's file lists them.
    #[must_use]
    pub fn other_peers(&self) -> Vec<String> {
        let own = self.peer_urls();
        let list = self.get("initial-cluster").unwrap_or_default();
        let urls = list.split(',').filter_map(|pair| pair.split_once('=').map(|(_, url)| url.to_owned()));
        urls.filter(|url| !own.contains(url)).collect()
    }

    /// What the node's own etcdctl is given: `ETCDCTL_…` in an env file, by the flag that it sets.
    #[must_use]
    pub fn of_etcdctl(&self, flag: &str) -> Option<String> {
        let said = self.file.named().remove(&format!("ETCDCTL_{}", flag.to_ascii_uppercase()));
        said.filter(|value| !value.is_empty())
    }

    /// A list of URLs.
    #[must_use]
    pub(crate) fn list(&self, flag: &str) -> Vec<String> {
        listed(self.get(flag))
    }

    fn admin_files(&self) -> Option<TlsFiles> {
        let file = |flag| self.of_etcdctl(flag);
        let Some(ClientFiles { cert, key }) = &self.client else {
            return Some(TlsFiles { ca: file("cacert")?, cert: file("cert")?, key: file("key")? });
        };
        let ca = file("cacert").or_else(|| self.get("trusted-ca-file"))?;
        Some(TlsFiles { ca, cert: cert.to_string(), key: key.to_string() })
    }

    fn files(&self, ca: &str, cert: &str, key: &str) -> Option<TlsFiles> {
        Some(TlsFiles { ca: self.get(ca)?, cert: self.get(cert)?, key: self.get(key)? })
    }
}

/// The words of a list.
pub(super) fn listed(value: Option<String>) -> Vec<String> {
    let value = value.unwrap_or_default();
    value.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

const SCRIPT: Script = Script { name: "env file", text: include_str!("scripts/env-file.sh") };

/// Asks for the env file.
#[must_use]
pub fn command(path: &str) -> Command {
    Command::script(SCRIPT).arg(path)
}

/// Real ones have some kilobytes. It is compared, searched and shown, and a master must not fill the bastion with it.
pub(super) const LARGEST: usize = 256 << 10;

/// Reads owner line and text.
///
/// # Errors
/// When the file is not there or not readable.
pub fn parse(path: &str, output: &Output) -> Result<Settings, Unclear> {
    let (head, text) = Settings::answered("reading the env file", output)?;
    let (owner, names) = head.split_once('\t').unwrap_or((head, ""));
    let names = (!names.trim().is_empty()).then(|| client_urls::names(names));
    Ok(Settings { owner: owner.to_owned(), names, ..Settings::of(SettingsFile::env_file(path, text)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::of(SettingsFile::env_file("/etc/etcd.env", text))
    }

    #[test]
    fn the_loopback_port_and_the_admin_certificate_are_preferred() {
        let seen = settings(
            "ETCD_LISTEN_CLIENT_URLS=https://10.0.0.1:2379,https://127.0.0.1:2379\nETCDCTL_CACERT=/ca\nETCDCTL_CERT=/c\n\
             ETCDCTL_KEY=/k\nETCD_ELECTION_TIMEOUT=5000\n",
        );
        let access = seen.client_access().unwrap();
        assert_eq!(access.url, "https://127.0.0.1:2379");
        assert_eq!(access.tls.unwrap().cert, "/c");
        assert_eq!(seen.request_timeout(), Duration::from_secs(15));
    }

    #[test]
    fn the_inventorys_certificate_is_shown_instead_of_any_other() {
        let path = |text: &str| crate::model::AbsPath::new(text).unwrap();
        let client = Some(ClientFiles { cert: path("/root.crt"), key: path("/root.key") });
        let urls = "ETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:2379\nETCD_TRUSTED_CA_FILE=/ca\n";
        for text in ["", "ETCDCTL_CACERT=/ca\nETCDCTL_CERT=/c\nETCDCTL_KEY=/k\n"] {
            let seen = Settings { client: client.clone(), ..settings(&format!("{urls}{text}")) };
            let tls = seen.client_access().unwrap().tls.unwrap();
            assert_eq!([tls.ca, tls.cert, tls.key], ["/ca", "/root.crt", "/root.key"]);
        }
    }

    #[test]
    fn metrics_are_asked_where_the_file_moves_them() {
        let at =
            |text: &str| settings(&format!("ETCD_LISTEN_CLIENT_URLS=http://10.0.0.1:2379\n{text}")).metrics_access();
        let url = |text: &str| at(text).unwrap().url;
        assert_eq!(url(""), "http://10.0.0.1:2379");
        assert_eq!(
            url("ETCD_LISTEN_METRICS_URLS=http://10.0.0.1:2381,http://127.0.0.1:2381\n"),
            "http://127.0.0.1:2381"
        );
        assert_eq!(url("ETCD_LISTEN_CLIENT_HTTP_URLS=http://0.0.0.0:2378\n"), "http://127.0.0.1:2378");
        assert_eq!(at("ETCD_LISTEN_METRICS_URLS=https://127.0.0.1:2381\n"), None, "TLS without its files");
    }

    #[test]
    fn a_file_without_measure_is_not_taken() {
        let said = |text: &str| {
            parse("/etc/etcd.env", &Output { stdout: format!("root root 640\n{text}"), ..Output::default() })
        };
        assert!(said(&"A=1\n".repeat(60_000)).is_ok());
        assert!(said(&"x".repeat(LARGEST + 1)).is_err_and(|unclear| unclear.why.contains("256 KiB")));
    }

    #[test]
    fn a_quota_of_zero_is_the_default_and_a_negative_one_is_none() {
        let quota = |text: &str| settings(text).quota_bytes();
        assert_eq!(quota(""), Some(2_147_483_648));
        assert_eq!(quota("ETCD_QUOTA_BACKEND_BYTES=0\n"), Some(2_147_483_648));
        assert_eq!(quota("ETCD_QUOTA_BACKEND_BYTES=8589934592\n"), Some(8 << 30));
        assert_eq!(quota("ETCD_QUOTA_BACKEND_BYTES=-1\n"), None);
    }

    #[test]
    fn tls_without_its_files_is_no_access() {
        assert_eq!(settings("ETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:2379\n").client_access(), None);
        let plain = settings("ETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:2379\n").client_access().unwrap();
        assert_eq!(plain, Access { url: "http://127.0.0.1:2379".into(), tls: None });
    }
}
