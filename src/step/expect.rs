//! Expect: this survivor sees no leader, and nothing was applied since the plan was made.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{AbsPath, Command, MemberId, Output, WalDir};
use crate::observe::heard::{self, Heard};
use crate::observe::log::{self, End};
use crate::observe::{status, unit};

use super::{Act, Effect, Facts, Judgement, Kind, Undo};

/// A survivor still has no leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaderless {
    /// Asks it: `endpoint status`, or `systemctl show` where the client port never opened or etcd is down.
    pub ask: Command,
    /// Whether `ask` is `endpoint status`.
    pub by_status: bool,
    /// The last raft entry it had applied when the plan was made: it must still be the last. Absent where it could not say.
    pub applied: Option<u64>,
    /// Where it could not: where its write-ahead log ended when the plan was made, and the data directory that has it. A
    /// new leader's first act is an entry.
    #[serde(default)]
    pub log: Option<(AbsPath, End)>,
    /// Where that log lies, where that is not in the data directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_dir: Option<WalDir>,
    /// Where quorum was counted lost: what it must not have heard since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<Silence>,
    /// Whether this is the last look before the stop.
    pub unmoved: bool,
}

/// Nothing has come from a member that was counted as down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Asks its metrics.
    pub ask: Command,
    /// Which member it is.
    pub member: MemberId,
    /// What it had heard of others than the survivors when quorum was counted lost.
    pub since: Heard,
    /// The survivors, and the link itself.
    pub may_be_heard: BTreeSet<MemberId>,
    /// The leader that it named then, and the term: it names it until it notices that it is gone.
    pub stale: Option<(MemberId, u64)>,
}

impl Leaderless {
    fn log_unmoved(&self, output: &Output) -> Judgement {
        let Some((_, planned)) = &self.log else { return Judgement::done("etcd is not ready, so it has no leader") };
        match log::parse(output) {
            Ok(log) if log.end == *planned => Judgement::done(format!("no leader; its log still ends with {planned}")),
            Ok(log) => Judgement::Stop(format!(
                "its log ends with {}; it ended with {planned} when the plan was made: it had a leader in between",
                log.end
            )),
            Err(why) => Judgement::Stop(why.to_string()),
        }
    }
}

impl Silence {
    fn holds(&self, output: &Output) -> Judgement {
        let now = match heard::parse(output, self.member) {
            Ok(now) => now,
            Err(why) => return Judgement::Stop(why.to_string()),
        };
        match heard::moved(&self.since, &now, &self.may_be_heard).first() {
            None => Judgement::done("nothing was heard from the members that are down"),
            Some((sender, bytes)) => Judgement::Stop(format!(
                "it heard {bytes} bytes from {sender}, a member that was not counted as running, since quorum was counted lost. \
                 If this goes on, and it has no vote any more (it was removed, for example), time tells: \
                 `requorum initiate-dr --proof=timed`"
            )),
        }
    }
}

impl Kind for Leaderless {
    fn title(&self) -> String {
        match self.unmoved {
            true => "check that there still is no leader and nothing was applied since the plan",
            false => "check that there is no leader",
        }
        .to_owned()
    }

    fn acts(&self) -> Vec<Act> {
        let place = |data_dir| log::command(&WalDir::read_at(self.wal_dir.as_ref(), data_dir));
        let log = self.log.as_ref().map(|(data_dir, _)| Act::hidden(place(data_dir)));
        let silence = self.silence.as_ref().map(|silence| Act::ask(silence.ask.clone()));
        [Act::ask(self.ask.clone())].into_iter().chain(log).chain(silence).collect()
    }

    fn judge(&self, act: usize, output: &Output, _facts: &Facts) -> Judgement {
        if act == 1 {
            return match &self.silence {
                Some(silence) => silence.holds(output),
                None => self.log_unmoved(output),
            };
        }
        if !self.by_status {
            return match unit::parse(output) {
                Ok(unit) if unit.active_state == "active" => {
                    Judgement::Stop("etcd has become ready: it found a leader; the zone is coming back".into())
                }
                Ok(unit) if !unit.running() => Judgement::done("etcd is down, so it has no leader"),
                Ok(_) => Judgement::done("etcd is not ready, so it has no leader"),
                Err(why) => Judgement::Stop(why.to_string()),
            };
        }
        let status = match status::parse(output) {
            Ok(status) => status,
            Err(why) => return Judgement::Stop(why.to_string()),
        };
        // A learner names the last leader it heard for ever.
        let stale = |leader: &MemberId| {
            self.silence.as_ref().is_some_and(|silence| silence.stale == Some((*leader, status.term)))
        };
        if let Some(leader) = status.leader.filter(|leader| !status.learner && !stale(leader)) {
            return Judgement::Stop(format!(
                "{leader} leads again: the zone is coming back, and writes acknowledged since then would be lost"
            ));
        }
        match self.applied.filter(|before| *before != status.applied) {
            Some(before) => Judgement::Stop(format!(
                "it applied entries {before} to {} since then: those writes would be lost",
                status.applied
            )),
            None if status.leader.is_some() && !status.learner => {
                Judgement::done(format!("its last leader is gone, applied index {}", status.applied))
            }
            None => Judgement::done(format!("no leader, applied index {}", status.applied)),
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ChecksNoLeader(self)]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
