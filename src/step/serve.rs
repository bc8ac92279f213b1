//! Serve: a write through this member is acknowledged, by the expected cluster. `/health` may say true while every write hangs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::{Script, clean};
use crate::model::{ClusterId, Command, Output, UnitName};
use crate::observe::read::PROBE_KEY;
use crate::observe::settings::Access;
use crate::observe::status::{Header, etcdctl};

use super::{Act, Fact, Facts, Judgement, Kind, Undo};

/// Waits for a member to take a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serve {
    /// Its unit, started again where it failed.
    pub unit: UnitName,
    /// Where etcdctl lies.
    pub etcdctl: String,
    /// Its client port.
    pub access: Access,
    /// The cluster that must acknowledge the write.
    pub cluster: ClusterId,
    /// What is written to `requorum/probe`.
    pub value: String,
    /// How long it may take: an election, a large database's start.
    pub limit: Duration,
}

/// How long one acknowledged write may take once the port answers; a stretched link adds tens of milliseconds.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);

// A listening port proves nothing: etcd opens it before it serves. The write that is sent then waits in it. Exit 75:
// not yet. Each call looks for a second or two, so that the bastion can tell what is waited for.
const SCRIPT: Script = Script {
    name: "serve",
    text: concat!(
        look!(),
        listens!(),
        r#"set -u
unit=$1.service url=$2 probe=$3 value=$4; shift 4
ask() { look "$unit" ActiveState SubState || exit 75; }
tries=0 end=$(($(date +%s) + 2))
until listens "$url"; do
  tries=$((tries + 1))
  if [ $((tries % 10)) = 0 ]; then
    ask
    case $ActiveState in
    failed) systemctl reset-failed "$unit"; systemctl start --no-block "$unit" ;;
    inactive) echo "etcd has ended" >&2; exit 1 ;;
    activating) [ "$SubState" = auto-restart ] && systemctl start --no-block "$unit" ;;
    esac
  fi
  [ $tries -lt 25 ] && [ "$(date +%s)" -lt $end ] || { ask; echo "the client port does not answer yet; the unit is $ActiveState" >&2; exit 75; }
  sleep 0.03
done
"$@" put "$probe" "$value" -w json || exit 75
"#
    ),
};

impl Serve {
    fn command(&self) -> Command {
        let command = Command::script(SCRIPT)
            .arg(self.unit.as_str())
            .arg(self.access.url.clone())
            .args([PROBE_KEY, self.value.as_str()]);
        command.then(etcdctl(&self.etcdctl, &self.access, WRITE_TIMEOUT)).deadline(Duration::from_secs(30))
    }
}

impl Kind for Serve {
    fn title(&self) -> String {
        format!("cluster {} acknowledges a write", self.cluster)
    }

    fn acts(&self) -> Vec<Act> {
        let act = Act::ask(self.command()).for_up_to(self.limit);
        vec![Act { every: Duration::ZERO, waits: true, ..act }]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        #[derive(Deserialize)]
        struct Put {
            header: Header,
        }
        match output.status {
            0 => {}
            75 => return Judgement::Again(clean(output.complaint().trim_start_matches("exit 75: "))),
            _ => return Judgement::Stop(output.complaint()),
        }
        let put: Put = match serde_json::from_str(output.stdout.trim()) {
            Ok(put) => put,
            Err(e) => return Judgement::Stop(format!("the write's answer cannot be read: {e}")),
        };
        let seen = ClusterId(put.header.cluster_id);
        if seen != self.cluster {
            return Judgement::Stop(format!("it serves cluster {seen}, not {}", self.cluster));
        }
        Judgement::Done(
            format!("write acknowledged at revision {}", put.header.revision),
            vec![Fact::FirstWrite(put.header.revision)],
        )
    }

    fn log_of(&self) -> Option<&UnitName> {
        Some(&self.unit)
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
