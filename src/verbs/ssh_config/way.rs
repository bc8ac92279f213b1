//! The hosts of a `ProxyJump`, each with what the OpenSSH configuration says of it. Does not know what is behind them.

use crate::model::cluster::{ByConfig, Hop, Jump};
use crate::model::name::{Address, UserName};
use crate::model::ssh_config::SshFiles;

use super::lines::Lines;

/// As many as anybody has; a circle has more.
const MOST: usize = 8;

/// A way to a host.
pub(super) struct Way {
    pub(super) hops: Vec<Hop>,
    /// What connects to the first of them.
    pub(super) command: Option<String>,
    pub(super) warnings: Vec<String>,
}

/// `[user@]host[:port],…`, the first to be connected to first; or why it is not done.
pub(super) fn hops(files: &SshFiles, value: &str) -> Result<Way, &'static str> {
    let mut way = Way { hops: Vec::new(), command: None, warnings: Vec::new() };
    // How the first is reached its own lines say; that may be through others.
    let mut ahead = Some(value.to_owned());
    while let Some(value) = ahead.take() {
        let mut before = Vec::new();
        for (at, one) in value.split(',').enumerate() {
            let Hopped { hop, command, jump, warnings } = hop(files, one.trim())?;
            before.push(hop);
            way.warnings.extend(warnings);
            if at == 0 {
                (way.command, ahead) = (command, jump);
            }
        }
        way.hops.splice(..0, before);
        if way.hops.len() > MOST {
            return Err("more than eight jump hosts, or a circle of them; the host is reached directly");
        }
    }
    Ok(way)
}

/// A host to go through, and how it is reached itself.
struct Hopped {
    hop: Hop,
    command: Option<String>,
    jump: Option<String>,
    warnings: Vec<String>,
}

fn hop(files: &SshFiles, value: &str) -> Result<Hopped, &'static str> {
    let value = value.strip_prefix("ssh://").unwrap_or(value);
    let (user, rest) = value.rsplit_once('@').map_or((None, value), |(user, rest)| (Some(user), rest));
    let (named, port) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let config = files.of(named, user);
    let said = |keyword: &str| config.one(keyword).map(|said| said.value.clone());
    let port = port.map(str::to_owned).or_else(|| said("port")).unwrap_or_else(|| "22".to_owned());
    let user = user.map(str::to_owned).or_else(|| said("user")).unwrap_or_else(|| config.local_user.clone());
    let host = (Address::new(config.hostname(named)), port.parse().ok().filter(|port| *port > 0), UserName::new(user));
    let (Ok(address), Some(port), Ok(user)) = host else {
        return Err("this is no USER@HOST:PORT; the host is reached directly");
    };
    let mut lines = Lines::new(&config, named, address.as_str(), user.as_str(), port);
    let paths = |all: Vec<(String, _)>| all.into_iter().map(|(path, _)| path).collect();
    let by_config = ByConfig {
        identities: paths(lines.paths("identityfile")),
        certificates: paths(lines.paths("certificatefile")),
        agent: lines.agent().map(|(agent, _)| agent).unwrap_or_default(),
        known_hosts: lines.known_hosts().0,
        revoked: lines.revoked().map(|(path, _)| path),
        ..ByConfig::default()
    };
    let command = lines.command().map(|(command, _)| command);
    let jump = config.some("proxyjump").map(|said| said.value.clone());
    Ok(Hopped { hop: Hop { jump: Jump { address, port, user }, by_config }, command, jump, warnings: lines.warnings })
}
