//! A canary: writes numbered, timed values through one master's etcd or API server over one session, and notes the answers.
//! Knows nothing about clusters or outages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::model::command::{Script, clean};
use crate::model::ledger::{Attempt, Ledger};
use crate::model::{Command, MasterName};
use crate::observe::settings::Access;
use crate::observe::status::etcdctl;

use super::ports::{Pipes, Remote};

/// A write that takes longer has failed.
const ANSWER: Duration = Duration::from_secs(1);
/// No drill lasts longer.
const LONGEST: Duration = Duration::from_secs(2 * 3600);

const SCRIPT: Script = Script {
    name: "canary",
    text: concat!(include_str!("scripts/prelude/canary-etcd.sh"), include_str!("scripts/canary.sh")),
};

const THROUGH_API: Script = Script {
    name: "canary api",
    text: concat!(include_str!("scripts/prelude/canary-api.sh"), include_str!("scripts/canary.sh")),
};

/// How to ask the etcd of one master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The master.
    pub host: MasterName,
    /// Where etcdctl lies there.
    pub etcdctl: String,
    /// Its client port.
    pub access: Access,
}

/// How to write through the API server of one master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiWay {
    pub host: MasterName,
    /// Where it is asked on its own node.
    pub address: String,
    /// A certificate that may write, and its key.
    pub certificate: String,
    pub key: String,
}

/// Says what a canary was told so far.
#[derive(Clone)]
pub struct Teller(Arc<Mutex<Ledger>>);

impl Teller {
    /// What it was told so far.
    #[must_use]
    pub fn told(&self) -> Ledger {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// A canary that sings.
pub struct Canary {
    told: Arc<Mutex<Ledger>>,
    /// Ends the session when it goes.
    stdin: mpsc::Sender<Bytes>,
    ended: JoinHandle<Option<String>>,
}

impl Canary {
    /// Begins to write `prefix/1`, `prefix/2`, ….
    #[must_use]
    pub fn begin(remote: &Arc<dyn Remote>, way: &Way, prefix: &str) -> Self {
        let words = etcdctl(&way.etcdctl, &way.access, ANSWER);
        Self::sing(
            remote,
            &way.host,
            Command::script(SCRIPT).arg(ANSWER.as_millis().to_string()).arg(prefix).then(words),
        )
    }

    /// Begins to write a ConfigMap of that name, and removes it in the end.
    #[must_use]
    pub fn through_api(remote: &Arc<dyn Remote>, way: &ApiWay, name: &str) -> Self {
        let words = [way.address.as_str(), &way.certificate, &way.key, name];
        Self::sing(remote, &way.host, Command::script(THROUGH_API).arg(ANSWER.as_millis().to_string()).args(words))
    }

    fn sing(remote: &Arc<dyn Remote>, host: &MasterName, command: Command) -> Self {
        let command = command.deadline(LONGEST);
        let (stdin, from_us) = mpsc::channel(1);
        let (to_us, lines) = mpsc::channel(64);
        let told = Arc::new(Mutex::new(Ledger::default()));
        let (remote, host) = (Arc::clone(remote), host.clone());
        let taking = tokio::spawn(take(lines, Arc::clone(&told)));
        let ended = tokio::spawn(async move {
            let pipes = Pipes { stdin: Some(from_us), stdout: Some(to_us) };
            let ended = remote.run(&host, &command, pipes).await;
            let _ = taking.await;
            match ended {
                Ok(output) if output.ok() => None,
                Ok(output) => Some(output.complaint()),
                Err(error) => Some(error.to_string()),
            }
        });
        Self { told, stdin, ended }
    }

    /// What it was told so far.
    #[must_use]
    pub fn told(&self) -> Ledger {
        self.teller().told()
    }

    /// Who says what it was told, to somebody who waits for it.
    #[must_use]
    pub fn teller(&self) -> Teller {
        Teller(Arc::clone(&self.told))
    }

    /// Whether its session is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ended.is_finished()
    }

    /// Ends it, and gives all it was told and why it ended before, if it did. Whoever does not answer within `limit` is
    /// let go: its session ends with ours.
    pub async fn end(self, limit: Duration) -> (Ledger, Option<String>) {
        let Self { told, stdin, ended } = self;
        drop(stdin);
        let why = match tokio::time::timeout(limit, ended).await {
            Ok(Ok(why)) => why,
            Ok(Err(_)) => Some("it was given up".to_owned()),
            Err(_) => Some(format!("it did not stop within {} s", limit.as_secs())),
        };
        let told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        (told, why.map(|why| clean(&why)))
    }
}

/// Takes whole lines as they come.
async fn take(mut chunks: mpsc::Receiver<Bytes>, told: Arc<Mutex<Ledger>>) {
    let mut rest: Vec<u8> = Vec::new();
    while let Some(chunk) = chunks.recv().await {
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            if let Some(attempt) = Attempt::parse(&String::from_utf8_lossy(&line)) {
                told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).attempts.push(attempt);
            }
        }
    }
}

const VALUES: Script = Script { name: "canary-values", text: include_str!("scripts/canary-values.sh") };

/// Every value under a canary's prefix, by number, as the cluster of `way` has it now (a linearizable read).
///
/// # Errors
/// In words, when the cluster did not answer whole.
pub async fn values(remote: &Arc<dyn Remote>, way: &Way, prefix: &str) -> Result<BTreeMap<u64, String>, String> {
    let words = etcdctl(&way.etcdctl, &way.access, Duration::from_secs(20));
    let command = Command::script(VALUES).arg(prefix).then(words).deadline(Duration::from_secs(30));
    let (to_us, mut chunks) = mpsc::channel(64);
    let pipes = Pipes { stdin: None, stdout: Some(to_us) };
    let mut bytes = Vec::new();
    let taking = async {
        while let Some(chunk) = chunks.recv().await {
            bytes.extend_from_slice(&chunk);
        }
    };
    let (answer, ()) = tokio::join!(remote.run(&way.host, &command, pipes), taking);
    let output = answer.map_err(|error| clean(&error.to_string()))?;
    if !output.ok() {
        return Err(output.complaint());
    }
    Ok(pairs(&String::from_utf8_lossy(&bytes), prefix))
}

/// etcdctl prints a key and its value on a line each.
fn pairs(text: &str, prefix: &str) -> BTreeMap<u64, String> {
    let lines: Vec<&str> = text.lines().collect();
    let number = |key: &str| key.strip_prefix(prefix)?.strip_prefix('/')?.parse().ok();
    lines.chunks_exact(2).filter_map(|pair| Some((number(pair[0])?, pair[1].to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_number() {
        let text = "requorum/drill/r/a/1\n1 100\nrequorum/drill/r/a/10\n10 900\n";
        let read = pairs(text, "requorum/drill/r/a");
        assert_eq!(read, BTreeMap::from([(1, "1 100".to_owned()), (10, "10 900".to_owned())]));
    }

    #[tokio::test]
    async fn lines_are_taken_whole_whatever_the_pieces() {
        let told = Arc::new(Mutex::new(Ledger::default()));
        let (sender, receiver) = mpsc::channel(8);
        let taking = tokio::spawn(take(receiver, Arc::clone(&told)));
        for piece in ["ok 1 1 2 ", "3 4\nno 2 5", " 6\nok 3 7 8 3"] {
            sender.send(Bytes::from(piece)).await.unwrap();
        }
        drop(sender);
        taking.await.unwrap();
        let numbers: Vec<u64> = told.lock().unwrap().attempts.iter().map(|attempt| attempt.number).collect();
        // What breaks off is no answer.
        assert_eq!(numbers, [1, 2]);
    }
}
