//! Stop: end etcd on a master, gracefully for a limited time, then by force; Restart=always must not start it again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Output, Supervisor};
use crate::observe::supervised::{Supervised, supervised};

use super::{Act, Effect, Facts, Judgement, Kind, Undo, start_own};

/// Stops a unit. A client with an open watch makes a graceful stop take 15 s (etcd waits its request time-out for the
/// streams to end), which buys nothing once the snapshot is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
    /// How long it may take to end by itself.
    pub grace: Duration,
    /// Whether an end by force is acceptable. Not where the database is copied afterwards: only a clean end
    /// flushes it.
    pub by_force: bool,
}

/// How long a graceful end is worth where an end by force is acceptable. It takes some hundredths of a second, or it waits
/// for something that takes seconds to minutes: a client's open stream, or a dead peer's answer. An end by force loses
/// nothing that was acknowledged: that is in the write-ahead log, which is on disk by then.
pub const GRACE: Duration = Duration::from_millis(500);

/// The same where its data is moved aside and nobody waits for its last words: each moment that it goes on it may take writes
/// that will not count.
pub const OF_OLD_DATA: Duration = Duration::from_millis(100);

/// How etcd ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HowStopped {
    Gracefully,
    ByForce,
}

impl HowStopped {
    /// What the script's note says, which the journal keeps too.
    #[must_use]
    pub fn told(note: &str) -> Self {
        if note.starts_with("ended by force") { Self::ByForce } else { Self::Gracefully }
    }
}

/// How long a killed process may take to be gone.
const KILL_LIMIT_S: u64 = 10;

const SCRIPT: Supervised = supervised!("stop", "scripts/stop.sh");

impl Kind for Stop {
    fn title(&self) -> String {
        format!("stop {}", self.supervisor)
    }

    fn acts(&self) -> Vec<Act> {
        let limit = self.grace + Duration::from_secs(KILL_LIMIT_S + 5) + self.supervisor.slack();
        let command = SCRIPT
            .command(&self.supervisor)
            .arg(format!("{:.1}", self.grace.as_secs_f64()))
            .arg(if self.by_force { "yes" } else { "no" })
            .arg(KILL_LIMIT_S.to_string())
            .deadline(limit);
        vec![Act::once(command)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        match Judgement::spoken(output) {
            Judgement::Done(note, _) => {
                let how = HowStopped::told(&note);
                Judgement::Stopped(note, how)
            }
            other => other,
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::StopsEtcd { by_force: self.by_force }]
    }

    fn undo(&self) -> Undo {
        Undo::Steps(vec![start_own::StartOwn { supervisor: self.supervisor.clone() }.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UnitName;

    #[test]
    fn an_end_by_force_is_told_from_a_graceful_one() {
        let stop = Stop {
            supervisor: Supervisor::Systemd(UnitName::new("etcd").unwrap()),
            grace: Duration::from_secs(2),
            by_force: true,
        };
        let told = |text: &str| {
            let output = Output { stdout: format!("{text}\n"), ..Output::default() };
            stop.judge(0, &output, &Facts::default())
        };
        let stopped = |note: &str, how| Judgement::Stopped(note.to_owned(), how);
        assert_eq!(told("done: ended gracefully"), stopped("ended gracefully", HowStopped::Gracefully));
        assert_eq!(
            told("done: ended by force after 2.0 s"),
            stopped("ended by force after 2.0 s", HowStopped::ByForce)
        );
        assert!(matches!(told("found: it was not running"), Judgement::FoundDone(..)));
        // The script's own words.
        assert!(
            SCRIPT.systemd.contains("how=gracefully")
                && SCRIPT.systemd.contains("how=\"by force after ${waited:-$grace} s\"")
        );
        assert!(SCRIPT.systemd.contains("\"done: ended $how\""));
    }
}
