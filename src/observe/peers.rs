//! The question "who belongs to your cluster?", asked at a member's peer port. It answers without quorum, after a
//! restart and on a learner, and needs no etcdctl (etcd `server/etcdserver/api/rafthttp`, `GET /members`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
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

/// Asks a survivor which of these peer URLs take a connection: the second view of a zone that the bastion cannot see.
#[must_use]
pub fn reach_command(urls: &[String]) -> Command {
    Command::script(REACH).args(urls.iter().cloned())
}

/// Reads which peer URLs are open.
///
/// # Errors
/// When the script did not run, or says of a port neither that it is open nor that it is closed.
pub fn parse_reach(output: &Output) -> Result<Vec<String>, Unclear> {
    const WHAT: &str = "trying the other masters' peer ports";
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let known = |line: &&str| line.starts_with("open ") || line.starts_with("closed ");
    if let Some(line) = output.stdout.lines().find(|line| !known(line)) {
        return Err(Unclear::text(WHAT, &format!("neither open nor closed: {line}")));
    }
    let mut open: Vec<String> =
        output.stdout.lines().filter_map(|line| line.strip_prefix("open ")).map(str::to_owned).collect();
    open.sort();
    Ok(open)
}
