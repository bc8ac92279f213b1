//! At which URL a member's own client port can be asked, and whether its certificate is valid for that URL; and the
//! question at which other URL it answers if it does not answer at the best one. Knows one master's settings.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::command::{Script, clean};
use crate::model::{Command, Output, Url};

use super::settings::{self, TlsFiles};
use super::{Seen, Settings, Status, Unclear, status};

/// The URLs to ask a member at on its own host, best first. Loopback works whatever the network does; then what the node's
/// own etcdctl uses; then where it listens, and last what it tells others.
#[must_use]
pub fn candidates(settings: &Settings) -> Vec<String> {
    let (listens, tells) = (settings.list("listen-client-urls"), settings.list("advertise-client-urls"));
    let own = settings::listed(settings.of_etcdctl("endpoints"));
    let named = |url: &String| listens.contains(url) || tells.contains(url) || is_loopback(url);
    // A list names the other members as well, and those must not be taken for this one.
    let own = if own.len() == 1 { own } else { own.into_iter().filter(named).collect() };
    let mapped: Vec<String> = listens.iter().flat_map(|url| mapped(url)).collect();
    let (loopback, others): (Vec<_>, Vec<_>) = mapped.into_iter().partition(|url| is_loopback(url));
    let mut all: Vec<String> = Vec::new();
    for url in loopback.into_iter().chain(own.iter().flat_map(|url| self::mapped(url))).chain(others).chain(tells) {
        if Url::parse(&url).is_some() && !all.contains(&url) {
            all.push(url);
        }
    }
    all
}

/// The loopback URL where there is one, else the first; an address for all interfaces is loopback too.
pub(super) fn local(urls: &[String]) -> Option<String> {
    let mapped: Vec<String> = urls.iter().flat_map(|url| mapped(url)).collect();
    mapped.iter().find(|url| is_loopback(url)).or_else(|| mapped.first()).cloned()
}

/// A URL for all interfaces as the URLs on this host that it means: `[::]` takes IPv4 too, unless the host forbids it.
fn mapped(text: &str) -> Vec<String> {
    let Some(url) = Url::parse(text) else { return vec![text.to_owned()] };
    let with = |hosts: &[&str]| hosts.iter().map(|host| url.at(host).to_string()).collect();
    match url.address() {
        Some(IpAddr::V4(address)) if address.is_unspecified() => with(&["127.0.0.1"]),
        Some(IpAddr::V6(address)) if address.is_unspecified() => with(&["127.0.0.1", "::1"]),
        None if url.host().is_empty() && url.port().is_some() => with(&["127.0.0.1"]),
        _ => vec![text.to_owned()],
    }
}

pub(super) fn is_loopback(url: &str) -> bool {
    Url::parse(url)
        .is_some_and(|url| url.host() == "localhost" || url.address().is_some_and(|address| address.is_loopback()))
}

/// So many other URLs are tried, and so long each: a node has two or three.
const MOST: usize = 4;
const EACH: Duration = Duration::from_millis(1500);

const SCRIPT: Script = Script { name: "client urls", text: include_str!("scripts/client-urls.sh") };

/// Asks for its status at the other URLs of an active etcd that did not answer at the one which fits best, in one script;
/// nothing where it did, or has no other. An etcd that has had no quorum since its start listens for no client.
#[must_use]
pub fn command(seen: &Seen) -> Option<Command> {
    let active = seen.unit.as_ref().is_ok_and(|unit| unit.running() && unit.active_state == "active");
    let unanswered = seen.status.as_ref().is_err_and(Unclear::was_asked);
    let etcdctl = seen.tools.as_ref().ok()?.etcdctl.as_ref().filter(|_| active && unanswered)?;
    let ways = seen.settings.as_ref().ok()?.accesses();
    let (first, others) = ways.split_first()?;
    let urls: Vec<String> = others.iter().map(|access| access.url.clone()).take(MOST).collect();
    if urls.is_empty() {
        return None;
    }
    let tls = others.iter().find_map(|access| access.tls.clone()).or_else(|| first.tls.clone());
    let files = tls.map_or_else(Default::default, |TlsFiles { ca, cert, key }| [ca, cert, key]);
    let limit = EACH * u32::try_from(urls.len()).unwrap_or(1) + Duration::from_secs(5);
    let command = Command::script(SCRIPT).arg(etcdctl.clone()).args(files);
    Some(command.arg(format!("{}ms", EACH.as_millis())).args(urls).deadline(limit))
}

/// Reads which URL answered, and what.
///
/// # Errors
/// When none did, or not with a status.
pub fn parse(output: &Output) -> Result<(String, Status), Unclear> {
    const WHAT: &str = "asking at its other client URLs";
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let (url, said) = output.stdout.split_once('\n').ok_or_else(|| Unclear::text(WHAT, "no answer"))?;
    let url = url.strip_prefix("url=").ok_or_else(|| Unclear::text(WHAT, url))?;
    Ok((clean(url), status::parse(&Output { stdout: said.to_owned(), ..output.clone() })?))
}

/// Whether the URL is one of the node's own and who answers there is the member of this node, as far as its peer port says.
#[must_use]
pub fn is_own(seen: &Seen, url: &str, status: &Status) -> bool {
    let Ok(settings) = &seen.settings else { return false };
    let listed = seen.members.as_ref().ok().and_then(|members| members.by_peer_url(&settings.peer_urls()));
    settings.accesses().iter().any(|access| access.url == url) && listed.is_none_or(|member| member.id == status.member)
}

/// Whether the certificate is made out to a URL's host. Without TLS, or where its names are not known, nothing speaks
/// against it.
#[must_use]
pub fn fits(url: &str, names: Option<&[String]>) -> bool {
    let (Some(names), Some(url)) = (names, Url::parse(url).filter(Url::is_tls)) else { return true };
    match url.address() {
        Some(address) => names.iter().any(|name| name.parse::<IpAddr>() == Ok(address)),
        None => names.iter().any(|name| is_for(name, url.host())),
    }
}

/// A name in a certificate; `*` stands for one label, the first.
fn is_for(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(domain) => host.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && rest == domain),
        None => name == host,
    }
}

/// The names as openssl prints them: `DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1`.
pub(super) fn names(text: &str) -> Vec<String> {
    let name = |part: &str| {
        let (kind, value) = part.trim().split_once(':')?;
        matches!(kind, "DNS" | "IP Address").then(|| value.trim().to_ascii_lowercase())
    };
    text.split(',').filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingsFile;

    fn of(text: &str, names: Option<&[&str]>) -> Settings {
        let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Settings { names, ..Settings::of(SettingsFile::env_file("/etc/etcd.env", text)) }
    }

    fn taken(urls: &str, names: &[&str]) -> String {
        let tls = "ETCDCTL_CACERT=/ca\nETCDCTL_CERT=/c\nETCDCTL_KEY=/k\n";
        of(&format!("{tls}{urls}"), Some(names)).client_access().unwrap().url
    }

    #[test]
    fn every_interface_is_the_loopback_interface_too() {
        for listens in
            ["https://[::]:2379", "https://0.0.0.0:2379", "https://:2379", "https://10.0.0.1:2379,https://[::]:2379"]
        {
            let urls = format!("ETCD_LISTEN_CLIENT_URLS={listens}\nETCD_ADVERTISE_CLIENT_URLS=https://10.0.0.1:2379\n");
            assert_eq!(taken(&urls, &["127.0.0.1", "10.0.0.1"]), "https://127.0.0.1:2379", "{listens}");
        }
        let six = "ETCD_LISTEN_CLIENT_URLS=https://[::]:2379\n";
        assert_eq!(taken(six, &["0:0:0:0:0:0:0:1"]), "https://[::1]:2379");
        assert_eq!(local(&["https://[::]:2380".into()]).unwrap(), "https://127.0.0.1:2380");
    }

    #[test]
    fn a_certificate_that_is_not_made_out_to_the_loopback_interface_is_asked_where_it_fits() {
        let urls = "ETCD_LISTEN_CLIENT_URLS=https://10.0.0.1:2379,https://127.0.0.1:2379\n\
                    ETCD_ADVERTISE_CLIENT_URLS=https://m1.example.org:2379\n";
        assert_eq!(taken(urls, &["10.0.0.1"]), "https://10.0.0.1:2379");
        assert_eq!(taken(urls, &["*.example.org"]), "https://m1.example.org:2379");
        assert_eq!(taken(urls, &["elsewhere"]), "https://127.0.0.1:2379", "none fits, and it may be asked anyhow");
        let own = format!("{urls}ETCDCTL_ENDPOINTS=https://m1:2379\n");
        assert_eq!(taken(&own, &["m1", "10.0.0.1"]), "https://m1:2379");
        let list = format!("{urls}ETCDCTL_ENDPOINTS=https://10.0.0.2:2379,https://10.0.0.1:2379\n");
        assert_eq!(taken(&list, &["10.0.0.2", "10.0.0.1"]), "https://10.0.0.1:2379", "another member is not this one");
        assert_eq!(taken("ETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:2379\n", &[]), "https://127.0.0.1:2379");
    }

    #[test]
    fn names_are_read_as_openssl_prints_them() {
        let read = names("DNS:LOCALHOST, DNS:*.etcd, email:a@b, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
        assert_eq!(read, ["localhost", "*.etcd", "127.0.0.1", "0:0:0:0:0:0:0:1"]);
        let fit = |url: &str| fits(url, Some(&read));
        assert!(fit("https://localhost:2379") && fit("https://m1.etcd:2379") && fit("https://[::1]:2379/"));
        assert!(!fit("https://a.m1.etcd:2379") && !fit("https://etcd:2379") && !fit("https://10.0.0.1:2379"));
        assert!(fit("http://10.0.0.1:2379") && fits("https://10.0.0.1:2379", None));
    }
}
