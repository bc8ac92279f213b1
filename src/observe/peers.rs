//! The question "who belongs to your cluster?", asked at a member's peer port. It answers without quorum, after a
//! restart and on a learner, and needs no etcdctl (etcd `server/etcdserver/api/rafthttp`, `GET /members`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::{Script, clean};
use crate::model::{ClusterId, Command, MemberId, Output};

use super::{Unclear, settings::Access};

/// One entry of the member list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub id: MemberId,
    /// Its name; empty until it has started.
    #[serde(default)]
    pub name: String,
    /// Where its peers reach it.
    #[serde(default)]
    pub peer_urls: Vec<String>,
    /// Where clients reach it; empty until it has started.
    #[serde(default)]
    pub client_urls: Vec<String>,
    /// Whether it is a learner. Absent while the answering member only has the list it fetched at boot.
    pub learner: Option<bool>,
}

impl Member {
    /// Whether it has a vote.
    #[must_use]
    pub fn votes(&self) -> bool {
        self.learner != Some(true)
    }
}

/// A member list and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// The cluster's ID, from the answer's header.
    pub cluster: ClusterId,
    /// Its members, by ID.
    pub list: Vec<Member>,
}

impl Members {
    /// How many have a vote.
    #[must_use]
    pub fn voters(&self) -> usize {
        self.list.iter().filter(|member| member.votes()).count()
    }

    /// The entry with one of these peer URLs.
    #[must_use]
    pub fn by_peer_url(&self, urls: &[String]) -> Option<&Member> {
        self.list.iter().find(|member| member.peer_urls.iter().any(|url| urls.contains(url)))
    }
}

const SCRIPT: Script = Script {
    name: "peer members",
    text: concat!(include_str!("scripts/prelude/get.sh"), include_str!("scripts/peer-members.sh")),
};

/// Asks at a peer port.
#[must_use]
pub fn command(access: &Access) -> Command {
    Command::script(SCRIPT).arg(access.url.clone()).args(access.files())
}

#[derive(Deserialize)]
struct Raw {
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
    #[serde(default, rename = "clientURLs")]
    client_urls: Vec<String>,
    #[serde(rename = "isLearner")]
    learner: Option<bool>,
}

/// Reads header and JSON.
///
/// # Errors
/// When the port did not answer, or not with a member list.
pub fn parse(output: &Output) -> Result<Members, Unclear> {
    const WHAT: &str = "asking the peer port for its members";
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let text = output.stdout.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").ok_or_else(|| Unclear::text(WHAT, "no HTTP answer"))?;
    if !head.lines().next().is_some_and(|line| line.contains(" 200")) {
        return Err(Unclear::text(WHAT, head.lines().next().unwrap_or("no status line")));
    }
    let cluster = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("x-etcd-cluster-id"))
        .and_then(|(_, id)| id.parse::<ClusterId>().ok())
        .ok_or_else(|| Unclear::text(WHAT, "no X-Etcd-Cluster-ID"))?;
    let raw: Vec<Raw> = serde_json::from_str(body.trim()).map_err(|e| Unclear::text(WHAT, &e.to_string()))?;
    let mut list: Vec<Member> = raw
        .into_iter()
        .map(|raw| Member {
            id: MemberId(raw.id),
            name: raw.name,
            peer_urls: raw.peer_urls,
            client_urls: raw.client_urls,
            learner: raw.learner,
        })
        .collect();
    list.sort_by_key(|member| member.id);
    Ok(Members { cluster, list })
}

const AWAIT: Script = Script {
    name: "await peer",
    text: concat!(include_str!("scripts/prelude/get.sh"), include_str!("scripts/await-peer.sh")),
};

/// Waits until a peer port is served, for `limit` at most, and says whether it is.
#[must_use]
pub fn await_command(access: &Access, limit: Duration) -> Command {
    let command = Command::script(AWAIT).arg(access.url.clone()).args(access.files());
    command.arg(limit.as_secs().to_string()).deadline(limit + Duration::from_secs(5))
}

const REACH: Script = Script { name: "peer ports", text: include_str!("scripts/peer-ports.sh") };

/// What came of trying a connection to each of some URLs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Something takes the connection there.
    pub open: Vec<String>,
    /// It was tried, and nothing took it.
    pub closed: Vec<String>,
    /// It could not be tried, and why: a name was not resolved, say. Nobody knows whether anything is up there.
    pub unknown: BTreeMap<String, String>,
}

impl Ports {
    /// Which are open, where that is known of all.
    ///
    /// # Errors
    /// Which one could not be tried, and why.
    pub fn of_all(self) -> Result<Vec<String>, Unclear> {
        match self.unknown.first_key_value() {
            Some((url, why)) => Err(Unclear::text(&format!("trying {url}"), why)),
            None => Ok(self.open),
        }
    }
}

/// Asks a survivor which of these peer URLs take a connection: the second view of a zone that the bastion cannot see.
#[must_use]
pub fn reach_command(urls: &[String]) -> Command {
    Command::script(REACH).args(urls.iter().cloned())
}

/// Reads which peer URLs are open, which are closed, and which could not be tried.
///
/// # Errors
/// When the script did not run to its end, or a URL is missing.
pub fn parse_reach(output: &Output) -> Result<Ports, Unclear> {
    const WHAT: &str = "trying the other masters' peer ports";
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let (mut ports, mut asked) = (Ports::default(), None);
    for line in output.stdout.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "open" => ports.open.push(rest.to_owned()),
            "closed" => ports.closed.push(rest.to_owned()),
            "unknown" => {
                let (url, why) = rest.split_once(' ').unwrap_or((rest, ""));
                ports.unknown.insert(clean(url), clean(why));
            }
            "asked" => asked = rest.parse::<usize>().ok(),
            _ => return Err(Unclear::text(WHAT, &format!("neither open nor closed: {line}"))),
        }
    }
    let told = ports.open.len() + ports.closed.len() + ports.unknown.len();
    if asked != Some(told) {
        return Err(Unclear::text(WHAT, "not every port was tried"));
    }
    ports.open.sort();
    ports.closed.sort();
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Result<Ports, Unclear> {
        parse_reach(&Output { stdout: text.to_owned(), ..Output::default() })
    }

    #[test]
    fn a_port_that_could_not_be_tried_is_not_closed() {
        let ports = said(
            "closed https://10.0.0.2:2380\nunknown https://m1.example:2380 m1.example was not resolved within 2 s\n\
             open https://10.0.0.1:2380\nasked 3\n",
        )
        .unwrap();
        assert_eq!(ports.open, ["https://10.0.0.1:2380"]);
        assert_eq!(ports.closed, ["https://10.0.0.2:2380"]);
        let why = ports.of_all().unwrap_err().to_string();
        assert_eq!(why, "trying https://m1.example:2380: m1.example was not resolved within 2 s");
        assert_eq!(said("open https://10.0.0.1:2380\nasked 1\n").unwrap().of_all().unwrap().len(), 1);
        assert_eq!(said("asked 0\n").unwrap(), Ports::default());
    }

    #[test]
    fn an_answer_without_its_end_or_without_a_port_says_nothing() {
        for text in ["", "closed a\n", "closed a\nasked 2\n", "closed a\nasked x\n", "shut a\nasked 1\n"] {
            assert!(said(text).is_err(), "{text:?}");
        }
    }
}
