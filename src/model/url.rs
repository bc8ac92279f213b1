//! The URL of an etcd member as a value: scheme, host and port. Uses no name resolution: two names of one host count as
//! two hosts.

use std::fmt;
use std::net::IpAddr;

/// Where a member is reached. Two are equal where etcd would be reached at the same place: upper case, a slash at the end
/// and the spelling of an IPv6 address make no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    scheme: String,
    host: String,
    port: Option<u16>,
    path: String,
}

impl Url {
    /// Reads `https://[fd00::1]:2380`. `None` for what has no scheme.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once("://")?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((six, rest)) => (six, rest.strip_prefix(':')),
            None => authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = port.and_then(|port| port.parse().ok());
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            host: plain(host),
            port,
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    /// The URL of a host's port; an IPv6 address is given without brackets.
    #[must_use]
    pub fn of(scheme: &str, host: &str, port: u16) -> Self {
        Self { scheme: scheme.to_owned(), host: plain(host), port: Some(port), path: String::new() }
    }

    /// The host in lower case, an IPv6 address without brackets; empty where the URL means every interface.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where the URL names one.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The address, where the host is one and no name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether it is spoken to by TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.scheme == "https"
    }

    /// The same at another host.
    #[must_use]
    pub fn at(&self, host: &str) -> Self {
        Self { host: plain(host), ..self.clone() }
    }
}

/// A host in lower case, an address as it is usually written.
fn plain(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    host.parse::<IpAddr>().map_or(host, |address| address.to_string())
}

impl fmt::Display for Url {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port, path } = self;
        match host.contains(':') {
            true => write!(to, "{scheme}://[{host}]")?,
            false => write!(to, "{scheme}://{host}")?,
        }
        port.map_or(Ok(()), |port| write!(to, ":{port}"))?;
        to.write_str(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_read_from_urls() {
        let read = |text: &str| Url::parse(text).map(|url| (url.host().to_owned(), url.port()));
        assert_eq!(read("https://10.0.0.1:2380"), Some(("10.0.0.1".into(), Some(2380))));
        assert_eq!(read("https://[FD00::1]:12380/"), Some(("fd00::1".into(), Some(12380))));
        assert_eq!(read("http://M1.example:4001/"), Some(("m1.example".into(), Some(4001))));
        assert_eq!(read("https://[fd00::1]"), Some(("fd00::1".into(), None)));
        assert_eq!(read("https://m1"), Some(("m1".into(), None)));
        assert_eq!(read("https://:2379"), Some((String::new(), Some(2379))));
        assert_eq!(read("unix:///run/etcd.sock"), Some((String::new(), None)));
        assert_eq!(read("10.0.0.1:2380"), None);
    }

    #[test]
    fn one_place_is_one_url_however_it_is_spelt() {
        let same = |some: &str, other: &str| Url::parse(some).unwrap() == Url::parse(other).unwrap();
        assert!(same("https://M1:2380/", "https://m1:2380"));
        assert!(same("https://[fd00:0:0:0:0:0:0:1]:2380", "https://[FD00::1]:2380"));
        assert!(!same("https://m1:2380", "http://m1:2380") && !same("https://m1:2380", "https://m1:2379"));
        assert!(!same("https://m1:2380", "https://m1.example:2380"));
    }

    #[test]
    fn what_was_read_is_written_again() {
        for text in ["https://10.0.0.1:2380", "http://[fd00::1]:2380", "https://m1", "https://m1:2379/under"] {
            assert_eq!(Url::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Url::of("https", "fd00::1", 2380).to_string(), "https://[fd00::1]:2380");
        assert_eq!(Url::parse("https://0.0.0.0:2379").unwrap().at("::1").to_string(), "https://[::1]:2379");
    }
}
