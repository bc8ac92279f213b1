//! Last revision: what a member of a cluster that was left says of its revision before its etcd is stopped. Afterwards
//! nobody can ask it, and who rejoins it wants to know what its cluster wrote that the new one lacks. Judges nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{MasterName, Output, Supervisor};
use crate::observe::fork::{Forks, When};
use crate::observe::settings::Access;
use crate::observe::status;
use crate::observe::supervised::{Supervised, supervised};
use crate::observe::traces::LastRevision;

use super::{Act, Effect, Fact, Facts, Judgement, Kind, Undo};

/// Asks before a stop. Whatever comes of it, the stop is not kept waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskRevision {
    pub master: MasterName,
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
    /// Where etcdctl lies.
    pub etcdctl: String,
    /// The member's client port.
    pub access: Access,
    /// The newest cluster, and where those before it were left.
    pub forks: Forks,
}

/// A member answers about itself at once or not at all.
const LIMIT_S: u64 = 3;
/// The script's own limit, and what systemd needs.
const DEADLINE: Duration = Duration::from_secs(LIMIT_S + 7);

const SCRIPT: Supervised = supervised!("last revision", "scripts/last-revision.sh");

impl Kind for AskRevision {
    fn title(&self) -> String {
        format!("ask {} for its last revision", self.supervisor)
    }

    fn acts(&self) -> Vec<Act> {
        let asked = status::command(&self.etcdctl, &self.access);
        vec![Act::ask(SCRIPT.command(&self.supervisor).arg(LIMIT_S.to_string()).then(asked).deadline(DEADLINE))]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        let Ok(status) = status::parse(output) else {
            return Judgement::done("it did not report its revision");
        };
        let said = LastRevision { cluster: status.cluster, revision: status.revision };
        let lacking = self.forks.lacking(&said, When::Now).map(|text| format!("; {text}")).unwrap_or_default();
        let account = format!("cluster {}, revision {}{lacking}", said.cluster, said.revision);
        Judgement::Done(account, vec![Fact::LastRevision(self.master.clone(), said)])
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::AsksRevision(self)]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ClusterId;
    use crate::model::UnitName;

    #[test]
    fn whatever_is_answered_the_stop_is_not_kept_waiting() {
        let m1 = MasterName::new("m1").unwrap();
        let ask = AskRevision {
            master: m1.clone(),
            supervisor: Supervisor::Systemd(UnitName::new("etcd").unwrap()),
            etcdctl: "etcdctl".into(),
            access: Access { url: "http://127.0.0.1:2379".into(), tls: None },
            forks: Forks { newest: ClusterId(2), left: vec![(ClusterId(1), 63)] },
        };
        let told = |stdout: &str| {
            let output = Output { stdout: stdout.into(), ..Output::default() };
            ask.judge(0, &output, &Facts::default())
        };
        for none in ["", "[]\n", "etcd serves no client: it is activating\n"] {
            assert_eq!(told(none), Judgement::done("it did not report its revision"), "{none}");
        }
        let status = |cluster: u64, revision: u64| {
            let header = format!(r#"{{"cluster_id":{cluster},"member_id":7,"revision":{revision}}}"#);
            let Judgement::Done(note, facts) = told(&format!(r#"[{{"Status":{{"header":{header}}}}}]"#)) else {
                panic!()
            };
            assert_eq!(facts, [Fact::LastRevision(m1.clone(), LastRevision { cluster: ClusterId(cluster), revision })]);
            note
        };
        assert!(status(1, 65).contains("2 revisions that cluster 2 lacks (they split at revision 63)"));
        for (cluster, revision) in [(1, 63), (2, 99), (3, 99)] {
            assert_eq!(status(cluster, revision), format!("cluster {cluster}, revision {revision}"));
        }
    }
}
