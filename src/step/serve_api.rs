//! Serve the API: a master's API server is put back and waited for, then what works through it. Knows nothing of its list.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::api_server::ApiServerFlags;
use crate::model::command::Script;
use crate::model::{Command, Component, Output};
use crate::observe::api_server::{self, Health};
use crate::observe::supervised::prelude;
use crate::observe::traces::STATE;

use super::{Act, Effect, Facts, Judgement, Kind, Undo, park};

/// Puts an API server back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServeApi {
    /// The API server first.
    pub components: Vec<Component>,
    /// How it is asked whether it is ready, and what is written through it; nothing where it is not waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    pub flags: ApiServerFlags,
    /// What is written.
    pub value: String,
    /// How long it may take.
    pub limit: Duration,
}

const UNPARK: Script = Script {
    name: "unpark",
    text: concat!(
        prelude!("/src/observe/scripts/prelude/components.sh"),
        prelude!("/src/observe/scripts/prelude/held.sh"),
        include_str!("scripts/unpark.sh")
    ),
};

const WRITE: Script = Script { name: "api write", text: include_str!("scripts/api-write.sh") };

/// An answer of a server that is ready takes milliseconds.
const ANSWER_S: u64 = 2;

/// An API server that has just been started answers 403 until it has read who may do what: seen for two seconds on a busy
/// machine. A look takes it for as long (`just_begun`).
const REFUSED_S: u64 = 30;

impl ServeApi {
    /// Puts it back and waits for nothing: its etcd may have no quorum.
    #[must_use]
    pub const fn only_put_back(components: Vec<Component>) -> Self {
        Self { components, ready: None }
    }

    fn unpark(components: &[Component]) -> Act {
        Act::once(put_back(components))
    }

    fn write(ready: &Ready) -> Command {
        let (cert, key) = ready.flags.client.clone().unwrap_or_default();
        Command::script(WRITE).args([ready.flags.address.clone(), cert, key, ready.value.clone()])
    }
}

/// Puts them back and waits for nothing.
#[must_use]
pub fn put_back(components: &[Component]) -> Command {
    let command = Command::script(UNPARK).arg(STATE).args(components.iter().map(Component::word));
    // Fifteen seconds for a kubelet that is down, six for each pod that it has not done with.
    command.deadline(Duration::from_secs(40))
}

impl Kind for ServeApi {
    fn title(&self) -> String {
        let then = if self.ready.is_some() { ", and wait until the API server is ready" } else { "" };
        format!("put {} back{then}", park::named(&self.components))
    }

    fn acts(&self) -> Vec<Act> {
        let Some(ready) = &self.ready else { return vec![Self::unpark(&self.components)] };
        let (first, after) = self.components.split_at(1.min(self.components.len()));
        let asked = Act::ask(api_server::ready(&ready.flags, ANSWER_S, REFUSED_S)).for_up_to(ready.limit);
        let written = Act::once(Self::write(ready)).for_up_to(ready.limit);
        let after = (!after.is_empty()).then(|| Self::unpark(after));
        [Self::unpark(first), asked, written].into_iter().chain(after).collect()
    }

    fn judge(&self, act: usize, output: &Output, _facts: &Facts) -> Judgement {
        if act != 1 {
            // What was found back is waited for all the same.
            return match Judgement::spoken(output) {
                Judgement::FoundDone(note, facts) if self.ready.is_some() => Judgement::Done(note, facts),
                other => other,
            };
        }
        match api_server::parse_ready(output) {
            Health::Ready => Judgement::done("ready"),
            Health::NotReady(why) => Judgement::Again(why),
            // Another cluster's etcd, whose quorum is given back by a run of its own.
            Health::ButOverrides(why) => Judgement::done(why),
            Health::Slow => Judgement::Again("/readyz does not answer in time".to_owned()),
            Health::Down => Judgement::Again("it does not listen yet".to_owned()),
            // It runs, and tells nobody here, for as long as it was asked.
            Health::Refuses(code) => Judgement::done(api_server::refuses(&code)),
            Health::Unknown(why) => Judgement::Again(why),
            Health::NotAsked => Judgement::Again(String::new()),
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ServesApi(&self.components)]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Program, StartedBy, UnitName};

    #[test]
    fn an_api_server_that_is_not_ready_is_asked_again_and_one_that_tells_nobody_is_not_waited_for() {
        let component = |program| Component { program, by: StartedBy::Unit(UnitName::new("x").unwrap()) };
        let ready = Ready { flags: ApiServerFlags::default(), value: String::new(), limit: Duration::from_secs(60) };
        let serve = ServeApi { components: Program::ALL.map(component).into(), ready: Some(ready) };
        assert_eq!(serve.acts().len(), 4);
        let judged = |act: usize, stdout: &str| {
            serve.judge(act, &Output { stdout: stdout.into(), ..Output::default() }, &Facts::default())
        };
        assert!(matches!(judged(0, "found: it is not parked\n"), Judgement::Done(..)));
        assert!(matches!(judged(1, "code=200\n"), Judgement::Done(..)));
        assert!(["code=401\n", "code=403\n"].iter().all(|said| matches!(judged(1, said), Judgement::Done(..))));
        let failed = |more: &str| format!("code=500\nfailed=etcd-override-0\nfailed=etcd-override-readiness-0\n{more}");
        assert!(matches!(judged(1, &failed("")), Judgement::Done(..)));
        assert!(matches!(judged(1, &failed("failed=etcd\n")), Judgement::Again(_)));
        assert!(
            matches!(judged(1, &failed(&"failed=etcd-override-1\n".repeat(3))), Judgement::Again(_)),
            "there may be more"
        );
        for not_yet in ["code=500\n", "down=yes\n", "slow=yes\n", "why=curl ended with 35\n", ""] {
            assert!(matches!(judged(1, not_yet), Judgement::Again(_)), "{not_yet}");
        }
        assert!(matches!(judged(2, "wait: the write was answered with 503\n"), Judgement::Again(_)));
        let only = ServeApi::only_put_back(serve.components.clone());
        assert_eq!(only.acts().len(), 1);
        let found = Output { stdout: "found: it is not parked\n".into(), ..Output::default() };
        assert!(matches!(only.judge(0, &found, &Facts::default()), Judgement::FoundDone(..)));
    }
}
