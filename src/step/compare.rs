//! Compare: every member's data, hashed at one revision, must be the same. Two kinds: one fixes the revision, one
//! hashes there.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{MasterName, Output, Placeholder};
use crate::observe::read::PROBE_KEY;
use crate::observe::settings::Access;
use crate::observe::status::{Header, etcdctl};

use super::{Act, Effect, Fact, Facts, Judgement, Kind, Undo};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Fixes the revision to compare at: that of a linearizable read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixRevision {
    /// Where etcdctl lies.
    pub etcdctl: String,
    /// The member's client port.
    pub access: Access,
    /// How long it is tried.
    pub limit: Duration,
}

impl Kind for FixRevision {
    fn title(&self) -> String {
        "choose the revision to compare at".to_owned()
    }

    fn acts(&self) -> Vec<Act> {
        let command =
            etcdctl(&self.etcdctl, &self.access, TIMEOUT).args(["get", PROBE_KEY, "--consistency=l", "-w", "json"]);
        vec![Act::ask(command).for_up_to(self.limit)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        #[derive(Deserialize)]
        struct Got {
            header: Header,
        }
        if !output.ok() {
            return Judgement::Again(output.complaint());
        }
        match serde_json::from_str::<Got>(output.stdout.trim()) {
            Ok(got) => {
                let revision = got.header.revision;
                Judgement::Done(format!("revision {revision}"), vec![Fact::Revision(revision)])
            }
            Err(e) => Judgement::Stop(format!("the answer cannot be read: {e}")),
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ComparesData]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}

/// Hashes one member's data at that revision and compares with those hashed before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compare {
    pub master: MasterName,
    /// Where etcdctl lies.
    pub etcdctl: String,
    /// The member's client port.
    pub access: Access,
    /// How long a member may lag behind.
    pub limit: Duration,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "HashKV")]
    hash_kv: HashKv,
}

#[derive(Deserialize)]
struct HashKv {
    #[serde(default)]
    hash: u64,
    #[serde(default)]
    compact_revision: i64,
}

impl Kind for Compare {
    fn title(&self) -> String {
        "hash the data at one revision".to_owned()
    }

    fn acts(&self) -> Vec<Act> {
        let command = etcdctl(&self.etcdctl, &self.access, TIMEOUT.max(self.limit / 4))
            .args(["endpoint", "hashkv", "-w", "json", "--rev"])
            .placeholder(Placeholder::Revision);
        vec![Act::ask(command).for_up_to(self.limit)]
    }

    fn judge(&self, _act: usize, output: &Output, facts: &Facts) -> Judgement {
        let endpoints = output.ok().then(|| serde_json::from_str::<Vec<Endpoint>>(output.stdout.trim()));
        let Some(Ok(endpoints)) = endpoints else {
            // A member that has not reached the revision yet refuses to hash there.
            return Judgement::Again(format!("it has not reached the revision yet ({})", output.complaint()));
        };
        let Some(Endpoint { hash_kv }) = endpoints.into_iter().next() else {
            return Judgement::Again("no endpoint answered".into());
        };
        let compacted = hash_kv.compact_revision.unsigned_abs();
        let fact = Fact::Hash(self.master.clone(), hash_kv.hash, compacted);
        match facts.hashes.iter().find(|(master, _)| **master != self.master) {
            // Hashes are comparable only where the same history was compacted away; that lags by moments.
            Some((_, (_, theirs))) if *theirs != compacted => {
                Judgement::Again(format!("compacted to {compacted}, another member to {theirs}"))
            }
            Some((other, (theirs, _))) if *theirs != hash_kv.hash => Judgement::Stop(format!(
                "its data hashes to {:x}, that of {other} to {theirs:x}: they differ at the same revision",
                hash_kv.hash
            )),
            _ => Judgement::Done(format!("hash {:x}", hash_kv.hash), vec![fact]),
        }
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::ComparesData]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(master: &str) -> Compare {
        Compare {
            master: MasterName::new(master).unwrap(),
            etcdctl: "etcdctl".into(),
            access: Access { url: "http://127.0.0.1:2379".into(), tls: None },
            limit: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_member_whose_data_differs_is_named() {
        let answer = |hash: u64, compacted: u64| Output {
            stdout: format!(
                r#"[{{"Endpoint":"x","HashKV":{{"header":{{}},"hash":{hash},"compact_revision":{compacted}}}}}]"#
            ),
            ..Output::default()
        };
        let mut facts = Facts::default();
        let Judgement::Done(_, learnt) = compare("m1").judge(0, &answer(7, 5), &facts) else { panic!("first") };
        learnt.into_iter().for_each(|fact| facts.learn(fact));
        assert!(matches!(compare("m2").judge(0, &answer(7, 5), &facts), Judgement::Done(..)));
        assert!(matches!(compare("m2").judge(0, &answer(8, 5), &facts), Judgement::Stop(_)));
        assert!(matches!(compare("m2").judge(0, &answer(8, 4), &facts), Judgement::Again(_)));
    }
}
