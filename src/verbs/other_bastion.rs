//! Another bastion: which version of this program it has. Asks that host for nothing else, and no master.

use crate::model::cluster::Cluster;
use crate::model::diagnostic::{Source, word};
use crate::model::{Command, MasterName, Output, inventory, json};
use crate::report::doctor::bastion::{Check, What};
use crate::run::ports::Pipes;

use super::{Failure, Site, ssh_config};

/// What it is called where a master has its name.
const MASTER: &str = "other";

/// A host that is named on the command line.
pub(super) struct Other {
    place: String,
    /// As an inventory would have it, so that it is reached as a master is.
    cluster: Cluster,
    host: MasterName,
}

/// `[USER@]HOST[:PORT]`.
///
/// # Errors
/// When it is none, or the OpenSSH configuration of this host cannot be read.
pub(super) fn named(place: &str, site: &Site) -> Result<Other, Failure> {
    let (user, rest) = place.rsplit_once('@').map_or((None, place), |(user, rest)| (Some(user), rest));
    let (host, port) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let wrong = || Failure::usage(format!("--other {}: write USER@HOST or USER@HOST:PORT", word(place)));
    let quoted = |text: &str| json::text(&text).trim_end().to_owned();
    let user = user.map(|user| format!("user: {}, ", quoted(user))).unwrap_or_default();
    let port = port.map(|port| port.parse::<u16>().map_err(|_| wrong())).transpose()?;
    let port = port.map(|port| format!("port: {port}, ")).unwrap_or_default();
    let host = quoted(host);
    // An inventory has two zones; nobody asks this host.
    let text = format!(
        "cluster: other\nenvironment: lab\nzones:\n  here: {{ masters: {{ here: {{ address: localhost }} }} }}\n  \
         there: {{ masters: {{ {MASTER}: {{ address: {host}, ssh: {{ {user}{port}become: none }} }} }} }}\n"
    );
    let source = Source::new("the command line", text);
    let cluster = inventory::read(&source).map_err(|_| wrong())?;
    let cluster = ssh_config::apply(&source, cluster, site)?.cluster;
    let host = MasterName::new(MASTER).map_err(|_| wrong())?;
    Ok(Other { place: place.to_owned(), cluster, host })
}

/// Asks it.
pub(super) async fn check(other: &Other, site: &Site) -> Check {
    let command = Command { root: false, ..Command::new("requorum").arg("--version") };
    match site.bastion.remote(&other.cluster).run(&other.host, &command, Pipes::default()).await {
        Ok(output) => judged(&other.place, &output),
        Err(error) => {
            let next = "make it answer over SSH; no recovery could go on from there";
            Check::error(What::OtherBastion, &other.place, error.to_string(), next)
        }
    }
}

fn judged(place: &str, output: &Output) -> Check {
    const OWN: &str = env!("CARGO_PKG_VERSION");
    let there = output.stdout.trim().strip_prefix("requorum ").filter(|_| output.ok());
    match there {
        Some(OWN) => Check::ok(What::OtherBastion, place, format!("it has requorum {OWN}, as this host")),
        Some(there) => {
            let said = format!("it has requorum {there}, and this host {OWN}");
            Check::warning(What::OtherBastion, place, said, "install the same version on both")
        }
        None => {
            let said = format!("no requorum answers there ({})", output.complaint());
            let next = "install it there, where every login finds it (/usr/bin, /usr/local/bin); else no recovery can go on from there";
            Check::error(What::OtherBastion, place, said, next)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::doctor::bastion::State;

    #[test]
    fn the_same_version_is_well_and_another_or_none_is_said() {
        let said = |status: u32, stdout: &str| {
            let output = Output { status, stdout: stdout.to_owned(), stderr: "sh: requorum: not found".to_owned() };
            let check = judged("ops@b2", &output);
            (check.state, check.said)
        };
        let own = env!("CARGO_PKG_VERSION");
        assert_eq!(said(0, &format!("requorum {own}\n")).0, State::Ok);
        assert_eq!(
            said(0, "requorum 0.1.0\n"),
            (State::Warning, format!("it has requorum 0.1.0, and this host {own}"))
        );
        for (status, stdout) in [(127, ""), (1, "requorum 0.1.0\n"), (0, "hello\n")] {
            assert_eq!(said(status, stdout).0, State::Error, "{status} {stdout}");
        }
        assert!(said(127, "").1.contains("not found"));
    }
}
