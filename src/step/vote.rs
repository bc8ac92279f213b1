//! No vote: masters whose etcd is about to be stopped or whose data is about to be moved have no vote in the cluster
//! that serves. A promotion may have happened after the plan: by another run, or late by one whose connection was lost.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{ClusterId, MasterName, Output};
use crate::observe::peers;
use crate::observe::settings::Access;

use super::{Act, Effect, Facts, Judgement, Kind, Undo};

/// Asked at a member that serves, which knows who votes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoVote {
    /// Who must have none, and their peer URLs.
    pub joiners: BTreeMap<MasterName, Vec<String>>,
    /// The cluster that serves.
    pub cluster: ClusterId,
    /// The serving member's peer port.
    pub peer: Access,
    /// How long it is tried.
    pub limit: Duration,
}

impl Kind for NoVote {
    fn title(&self) -> String {
        let names: Vec<&str> = self.joiners.keys().map(MasterName::as_str).collect();
        let have = if names.len() == 1 { "has" } else { "have" };
        format!("check that {} {have} no vote in cluster {}", names.join(", "), self.cluster)
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::ask(peers::command(&self.peer)).for_up_to(self.limit)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        let members = match peers::parse(output) {
            Ok(members) => members,
            Err(why) => return Judgement::Again(why.to_string()),
        };
        if members.cluster != self.cluster {
            return Judgement::Stop(format!("it belongs to cluster {}, not {}", members.cluster, self.cluster));
        }
        let votes = |urls: &[String]| members.by_peer_url(urls).is_some_and(peers::Member::votes);
        match self.joiners.iter().find(|(_, urls)| votes(urls)) {
            Some((name, _)) => Judgement::Stop(format!(
                "{name} now votes in cluster {}: stopping it or moving its data would remove that vote",
                self.cluster
            )),
            None => Judgement::done("none of them votes"),
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ChecksNoVote(&self.joiners)]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(cluster: &str, own: &str) -> Judgement {
        let step = NoVote {
            joiners: BTreeMap::from([(MasterName::new("m1").unwrap(), vec!["http://10.0.0.1:2380".to_owned()])]),
            cluster: ClusterId(0xabc),
            peer: Access { url: "http://10.0.0.3:2380".into(), tls: None },
            limit: Duration::from_secs(1),
        };
        let stdout = format!("HTTP/1.1 200 OK\r\nX-Etcd-Cluster-Id: {cluster}\r\n\r\n[{own}]\n");
        step.judge(0, &Output { stdout, ..Output::default() }, &Facts::default())
    }

    #[test]
    fn who_votes_by_now_ends_the_run() {
        let entry = |more: &str| format!("{{\"id\":1,\"peerURLs\":[\"http://10.0.0.1:2380\"]{more}}}");
        assert!(matches!(judged("abc", ""), Judgement::Done(..)));
        assert!(matches!(judged("abc", &entry(",\"isLearner\":true")), Judgement::Done(..)));
        // etcd leaves `isLearner` out of a voter's entry.
        assert!(matches!(judged("abc", &entry("")), Judgement::Stop(_)));
        assert!(matches!(judged("abd", ""), Judgement::Stop(_)));
        assert!(matches!(judged("nonsense", ""), Judgement::Again(_)));
    }
}
