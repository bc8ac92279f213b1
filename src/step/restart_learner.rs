//! Restart the learner: once, right after it has applied the leader's snapshot, so that its client port opens at once.
//!
//! When it applies the snapshot, the joiner closes its peer connections, and the request by which it publishes itself
//! is lost; etcd tries again only after 5 s and two election timeouts. A restarted learner publishes at once. It has no
//! vote, so no quorum is at stake; a voter must never be restarted here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{AbsPath, Command, MasterName, Output, Supervisor, WalDir};
use crate::observe::peers;
use crate::observe::settings::Access;
use crate::observe::status::etcdctl;
use crate::observe::supervised::{Supervised, supervised};

use super::{Act, Effect, Facts, Judgement, Kind, Undo};

/// Restarts a learner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartLearner {
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
    /// Its peer URLs: how its own entry is known.
    pub peer_urls: Vec<String>,
    /// Its peer port, which answers before it is ready.
    pub peer: Access,
    /// Where etcdctl lies.
    #[serde(default = "usual_etcdctl")]
    pub etcdctl: String,
    /// Its client port.
    pub client: Access,
    /// How long the leader's snapshot may stand still.
    pub limit: Duration,
    /// Whose data grows while it comes; plans from before it was looked at lack both.
    #[serde(default)]
    pub joiner: Option<MasterName>,
    /// Where that data lies.
    #[serde(default)]
    pub data_dir: Option<AbsPath>,
    /// Where its log lies, where that is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_dir: Option<WalDir>,
}

/// Where plans of versions that asked by curl have it.
fn usual_etcdctl() -> String {
    "/usr/local/bin/etcdctl".to_owned()
}

/// How long a client port that answers takes; one that does not yet is to be restarted, not waited for.
const AT_ONCE: Duration = Duration::from_millis(300);
/// How long an answer is waited for by one call.
const WHILE_IT_STARTS: Duration = Duration::from_secs(2);

const RESTART: Supervised = supervised!("settle", "scripts/prelude/listens.sh", "scripts/restart-learner.sh");

const ANSWERS: Supervised = supervised!("settled", "scripts/prelude/listens.sh", "scripts/learner-answers.sh");

impl RestartLearner {
    fn on_the_client_port(&self, script: Supervised, patience: Duration) -> Command {
        let command = script.command(&self.supervisor).arg(self.client.url.clone());
        command.then(etcdctl(&self.etcdctl, &self.client, patience)).deadline(Duration::from_secs(30))
    }
}

impl Kind for RestartLearner {
    fn title(&self) -> String {
        "wait until the learner has caught up, restarting it if needed".to_owned()
    }

    fn acts(&self) -> Vec<Act> {
        vec![
            Act::ask(peers::command(&self.peer)).for_up_to(self.limit).while_grows(
                self.joiner.as_ref(),
                self.data_dir.as_ref(),
                self.wal_dir.as_ref(),
            ),
            Act::once(self.on_the_client_port(RESTART, AT_ONCE)),
            Act::ask(self.on_the_client_port(ANSWERS, WHILE_IT_STARTS)).for_up_to(self.limit),
        ]
    }

    fn judge(&self, act: usize, output: &Output, _facts: &Facts) -> Judgement {
        if act > 0 {
            return Judgement::spoken(output);
        }
        let members = match peers::parse(output) {
            Ok(members) => members,
            Err(why) => return Judgement::Again(format!("its peer port does not answer yet ({})", why.why)),
        };
        match members.by_peer_url(&self.peer_urls) {
            Some(entry) if entry.learner == Some(true) => Judgement::done("it has the leader's snapshot"),
            // etcd leaves `isLearner` out of a voter's entry; what it has published tells it from the list below.
            Some(entry) if entry.learner == Some(false) || !entry.client_urls.is_empty() => {
                Judgement::found("it votes already, so it is not restarted")
            }
            // Before the snapshot is applied the list is what it fetched at boot: no `isLearner`, no client URLs.
            _ => Judgement::Again("the leader's snapshot has not been applied yet".into()),
        }
    }

    fn log_of(&self) -> Option<&Supervisor> {
        Some(&self.supervisor)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::RestartsLearner]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UnitName;

    fn restarting() -> RestartLearner {
        let access = Access { url: "http://10.0.0.1:2380".into(), tls: None };
        RestartLearner {
            supervisor: Supervisor::Systemd(UnitName::new("etcd").unwrap()),
            peer_urls: vec!["http://10.0.0.1:2380".into()],
            peer: access.clone(),
            etcdctl: usual_etcdctl(),
            client: access,
            limit: Duration::from_secs(1),
            joiner: None,
            data_dir: None,
            wal_dir: None,
        }
    }

    fn answer(own: &str) -> Output {
        let stdout = format!(
            "HTTP/1.1 200 OK\r\nX-Etcd-Cluster-Id: abc\r\n\r\n[{{\"id\":1,\"peerURLs\":[\"http://10.0.0.1:2380\"],{own}\"name\":\"m1\"}}]\n"
        );
        Output { stdout, ..Output::default() }
    }

    #[test]
    fn a_member_that_votes_is_never_restarted() {
        let facts = Facts::default();
        assert!(matches!(restarting().judge(0, &answer("\"isLearner\":true,"), &facts), Judgement::Done(..)));
        assert!(matches!(restarting().judge(0, &answer("\"isLearner\":false,"), &facts), Judgement::FoundDone(..)));
        let published = answer("\"clientURLs\":[\"http://10.0.0.1:2379\"],");
        assert!(matches!(restarting().judge(0, &published, &facts), Judgement::FoundDone(..)));
        assert!(matches!(restarting().judge(0, &answer(""), &facts), Judgement::Again(_)));
    }
}
