//! Proves that quorum is lost: samples the survivors until `observe::proof` has seen enough. Judges nothing itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::model::{Master, MasterName};
use crate::observe::proof::{Attempt, Limits, Next, Outcome, Sample};
use crate::observe::{Access, Unclear, read, status, unit};

use super::joined;
use super::look::ask;
use super::ports::{Console, Event, Remote};

/// A survivor and how to ask it.
#[derive(Debug, Clone)]
pub struct Witness {
    /// Which.
    pub master: Master,
    /// Where etcdctl lies.
    pub etcdctl: String,
    /// Its client port.
    pub access: Access,
}

/// Between two samples; a leader stays far longer than this.
const EVERY: Duration = Duration::from_millis(400);

/// Samples until it is proved, disproved or out of time, and gives the last samples too. Shows what is waited for.
pub async fn prove(
    witnesses: &[Witness],
    limits: Limits,
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
) -> (Outcome, BTreeMap<MasterName, Sample>) {
    let begun = Instant::now();
    let mut attempt = Attempt::new(limits);
    let mut with_read = false;
    loop {
        let at = begun.elapsed();
        let samples = sample(witnesses, with_read, remote).await;
        match attempt.take(at, &samples) {
            Next::Over(outcome) => return (outcome, samples),
            Next::Read => with_read = true,
            Next::Again(what) => {
                with_read = false;
                for witness in witnesses {
                    console.tell(Event::Waiting {
                        host: witness.master.name.clone(),
                        what: format!(
                            "proving that quorum is lost: {what}; {} s without one are needed",
                            limits.window.as_secs()
                        ),
                        waited: begun.elapsed(),
                        limit: limits.limit,
                    });
                }
                tokio::time::sleep(EVERY).await;
            }
        }
    }
}

async fn sample(witnesses: &[Witness], with_read: bool, remote: &Arc<dyn Remote>) -> BTreeMap<MasterName, Sample> {
    let mut tasks = JoinSet::new();
    for witness in witnesses.iter().cloned() {
        let remote = Arc::clone(remote);
        tasks.spawn(async move {
            let sample = sample_one(&witness, with_read, &remote).await;
            (witness.master.name, sample)
        });
    }
    let mut samples = BTreeMap::new();
    while let Some((name, sample)) = tasks.join_next().await.and_then(joined) {
        samples.insert(name, sample);
    }
    samples
}

async fn sample_one(witness: &Witness, with_read: bool, remote: &Arc<dyn Remote>) -> Sample {
    let host = &witness.master.name;
    let answer = ask(remote, host, status::command(&witness.etcdctl, &witness.access)).await;
    let status = answer.and_then(|output| status::parse(&output));
    let not_ready = match &status {
        Ok(_) => false,
        Err(_) => ask(remote, host, unit::command(&witness.master.etcd.unit))
            .await
            .and_then(|output| unit::parse(&output))
            .is_ok_and(|unit| unit.active_state != "active"),
    };
    let read = if !with_read {
        None
    } else if not_ready {
        Some(read::Read::Failed("etcd is not ready".into()))
    } else {
        match ask(remote, host, read::command(&witness.etcdctl, &witness.access)).await {
            Ok(output) => Some(read::parse(&output)),
            // A lost connection is no failed read: the attempt goes on without it.
            Err(Unclear { .. }) => None,
        }
    };
    Sample { status, not_ready, read }
}
