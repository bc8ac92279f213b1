//! Proves that quorum is lost: samples the survivors until `observe::proof` has seen enough. Judges nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::model::command::harmless;
use crate::model::{Cluster, Master, MasterName};
use crate::observe::proof::count::{Count, count, says_off};
use crate::observe::proof::{Attempt, BESIDE, Limits, Next, Outcome, Sample};
use crate::observe::{Access, Observation, Read, Unclear, read, status, unit};

use super::count::counted;
use super::joined;
use super::logs;
use super::look::{Looking, ask};
use super::ports::{Console, Event, Remote};
use super::still_tried::StillTried;

/// A survivor and how to ask it: where etcdctl lies, its client port and its metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Witness {
    pub(super) master: Master,
    pub(super) etcdctl: String,
    pub(super) access: Access,
    /// Where it shows its metrics.
    pub(super) metrics: Option<Access>,
}

/// The zones and masters that a person says are off, to count with; none demands the timed proof.
pub type Attested<'a> = Option<&'a BTreeMap<String, String>>;

/// Nobody says anything: those are counted that are seen to be down and fenced.
pub const NOBODY_ATTESTED: Attested<'static> = Some(&BTreeMap::new());

/// What a proof rests on.
#[derive(Debug, Clone)]
struct Basis {
    witnesses: Vec<Witness>,
    limits: Limits,
    /// Who is counted, or why counting cannot tell; none where it is not wanted.
    count: Option<Result<Count, String>>,
}

impl Basis {
    /// Whether a proof that rests on the other is as good. Why counting cannot tell is told in words that change.
    fn is(&self, other: &Self) -> bool {
        let counted = |basis: &Self| basis.count.as_ref().and_then(|count| count.as_ref().ok()).cloned();
        self.witnesses == other.witnesses && self.limits == other.limits && counted(self) == counted(other)
    }
}

/// Between two samples; a leader stays far longer than this.
const EVERY: Duration = Duration::from_millis(400);

/// A proof under way. A dark master takes its whole connect time-out, and a read that no quorum answers takes as long:
/// the survivors are watched meanwhile. Dropped, it ends.
pub struct Proving {
    basis: Basis,
    /// Whether anybody waits for it and wants to read how far it is.
    awaited: Arc<AtomicBool>,
    task: JoinSet<Watched>,
}

/// How watching ended.
struct Watched {
    outcome: Outcome,
    /// What was said last.
    samples: BTreeMap<MasterName, Sample>,
    took: Duration,
    over: Instant,
}

/// A proof that ended before the look did, and by more than this, is too old to be told.
const STALE: Duration = Duration::from_secs(5);

impl Proving {
    /// Begins to watch those that answer, where nothing serves. What serves needs no proof.
    #[must_use]
    pub fn begin(
        cluster: &Cluster,
        seen: &Observation,
        attested: Attested<'_>,
        remote: &Arc<dyn Remote>,
        console: &Arc<dyn Console>,
    ) -> Option<Self> {
        Some(Self::of(basis(cluster, seen, attested)?, remote, console))
    }

    fn of(basis: Basis, remote: &Arc<dyn Remote>, console: &Arc<dyn Console>) -> Self {
        let awaited = Arc::new(AtomicBool::new(false));
        let mut task = JoinSet::new();
        let (remote, console) = (Arc::clone(remote), Arc::clone(console));
        let (on, awaits) = (basis.clone(), Arc::clone(&awaited));
        task.spawn(async move { shown(&on, &remote, &console, &awaits).await });
        Self { basis, awaited, task }
    }

    /// Its end; from now on somebody waits for it.
    async fn ended(mut self) -> Option<Watched> {
        self.awaited.store(true, Ordering::Relaxed);
        joined(self.task.join_next().await?)
    }
}

/// Looks until all have said who they are but those that are attested to be off, or until most have; where an answer is
/// still to come, a proof is begun beside it.
pub async fn beside(
    looking: &mut Looking,
    cluster: &Cluster,
    attested: Attested<'_>,
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
) -> Option<Proving> {
    let (off, end) = (said_off(cluster, attested), Instant::now() + BESIDE);
    let known = looking.until_known(&off, end).await;
    // A cluster that serves says so in a moment: only what cannot serve is not waited for.
    let at_once = known && (!off.is_empty() || may_be_counted(cluster, looking.so_far(), attested));
    let whole = looking.is_over() || (!at_once && looking.until(end).await);
    if whole { None } else { Proving::begin(cluster, looking.so_far(), attested, remote, console) }
}

/// What a look for `initiate-dr` gives.
pub struct Looked {
    pub seen: Observation,
    /// A proof begun beside it.
    pub proving: Option<Proving>,
    /// Who is attested to be off and has not answered, and is not given up yet.
    pub tried: Option<StillTried>,
}

/// Looks to the end, but for those that are attested to be off; where that takes long, a proof is begun beside it. Where
/// nothing serves the logs are read too.
pub async fn look(
    mut looking: Looking,
    cluster: &Cluster,
    attested: Attested<'_>,
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
) -> Looked {
    let proving = beside(&mut looking, cluster, attested, remote, console).await;
    rest(looking, proving, cluster, attested, remote).await
}

/// The rest of a look beside which a proof was begun.
pub(super) async fn rest(
    looking: Looking,
    proving: Option<Proving>,
    cluster: &Cluster,
    attested: Attested<'_>,
    remote: &Arc<dyn Remote>,
) -> Looked {
    let (mut seen, tried) = looking.finish_but_for(&said_off(cluster, attested)).await;
    logs::read(cluster, &mut seen, remote).await;
    Looked { seen, proving, tried }
}

/// Whether counting may tell, as far as is known: it is to be shown that nobody is heard.
pub(super) fn may_be_counted(cluster: &Cluster, seen: &Observation, attested: Attested<'_>) -> bool {
    basis(cluster, seen, attested).is_some_and(|basis| matches!(basis.count, Some(Ok(_))))
}

/// The masters that a person says are off.
#[must_use]
pub fn said_off(cluster: &Cluster, attested: Attested<'_>) -> BTreeSet<MasterName> {
    let is_off = |master: &&Master| attested.is_some_and(|attested| says_off(attested, master));
    cluster.masters().filter(is_off).map(|master| master.name.clone()).collect()
}

/// Proves that quorum is lost, where nothing serves and somebody can be asked: by counting, or where that cannot tell by
/// waiting. What was begun beside the look counts if it rests on the same, and is not over for long. Gives how long the
/// proof took.
pub async fn prove(
    cluster: &Cluster,
    seen: &mut Observation,
    begun: Option<Proving>,
    attested: Attested<'_>,
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
) -> Option<Duration> {
    let basis = basis(cluster, seen, attested)?;
    let text = match &basis.count {
        Some(Ok(count)) => format!(
            "no member serves; counting who may vote, and looking at the survivors for {:.1} s",
            count.window.as_secs_f64()
        ),
        _ => takes_time(&basis.limits),
    };
    console.tell(Event::Said { text });
    let early = match begun.filter(|proving| proving.basis.is(&basis)) {
        Some(proving) => proving.ended().await.filter(|watched| watched.over.elapsed() < STALE),
        None => None,
    };
    let Watched { outcome, samples, took, .. } = match early {
        Some(watched) => watched,
        None => Proving::of(basis, remote, console).ended().await?,
    };
    seen.take_proof(outcome, samples);
    // A leader that has not yet noticed its loss goes on writing to its log what clients send: only now it stands still.
    if logs::were_asked(seen) {
        logs::read(cluster, seen, remote).await;
    }
    Some(took)
}

/// The same, and tells at once what came of it, where nothing else will.
pub async fn prove_and_tell(
    cluster: &Cluster,
    seen: &mut Observation,
    begun: Option<Proving>,
    attested: Attested<'_>,
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
) -> Option<Duration> {
    let took = prove(cluster, seen, begun, attested, remote, console).await?;
    if let Some(outcome) = &seen.proof {
        console.tell(Event::Said { text: harmless(&outcome.words()) });
    }
    Some(took)
}

fn takes_time(limits: &Limits) -> String {
    format!(
        "no member serves; proving that quorum is lost takes {} to {} s, by etcd's election timeout",
        (limits.window + read::TIMEOUT).as_secs(),
        limits.limit.as_secs()
    )
}

/// Everyone that answers and can be asked whether it has a leader, how long that takes, and who is counted; nothing where
/// somebody serves or nobody can be asked, or where reads are refused to whoever asks: those prove nothing.
fn basis(cluster: &Cluster, seen: &Observation, attested: Attested<'_>) -> Option<Basis> {
    if seen.answering().any(|(_, seen)| seen.serves() || seen.refuses_reads()) {
        return None;
    }
    let known = |master: &Master| {
        let seen = seen.seen(&master.name)?;
        let etcdctl = seen.tools.as_ref().ok()?.etcdctl.clone()?;
        let settings = seen.settings.as_ref().ok()?;
        let (access, metrics) = (settings.client_access()?, settings.metrics_access());
        Some(Witness { master: seen.as_found(master), etcdctl, access, metrics })
    };
    let witnesses: Vec<Witness> = cluster.masters().filter_map(known).collect();
    let count = attested.map(|attested| count(cluster, seen, attested));
    (!witnesses.is_empty()).then(|| Basis { witnesses, limits: Limits::of(seen), count })
}

/// By counting where that can tell, else by time.
async fn shown(basis: &Basis, remote: &Arc<dyn Remote>, console: &Arc<dyn Console>, awaited: &AtomicBool) -> Watched {
    let begun = Instant::now();
    let by_counting = match &basis.count {
        Some(Ok(count)) => counted(count, &basis.witnesses, remote).await.map_err(Some),
        Some(Err(_)) | None => Err(None),
    };
    let (outcome, samples) = match by_counting {
        Ok(counted) => counted,
        Err(why) => {
            if let Some(why) = why {
                let text = format!("counting cannot tell: {why}; {}", takes_time(&basis.limits));
                console.tell(Event::Said { text: harmless(&text) });
            }
            watch(&basis.witnesses, basis.limits, remote, console, awaited).await
        }
    };
    Watched { outcome, samples, took: begun.elapsed(), over: Instant::now() }
}

/// Samples until it is proved, disproved or out of time, and gives the last samples too. Shows what is waited for.
async fn watch(
    witnesses: &[Witness],
    limits: Limits,
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
    awaited: &AtomicBool,
) -> (Outcome, BTreeMap<MasterName, Sample>) {
    let begun = Instant::now();
    let mut attempt = Attempt::new(limits);
    let mut with_read = false;
    let mut samples = BTreeMap::new();
    loop {
        let at = begun.elapsed();
        samples = sample(witnesses, with_read, &samples, remote).await;
        match attempt.take(at, &samples) {
            Next::Over(outcome) => return (outcome, samples),
            Next::Read => with_read = true,
            Next::Again(what) => {
                with_read = false;
                for witness in witnesses.iter().filter(|_| awaited.load(Ordering::Relaxed)) {
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

async fn sample(
    witnesses: &[Witness],
    with_read: bool,
    before: &BTreeMap<MasterName, Sample>,
    remote: &Arc<dyn Remote>,
) -> BTreeMap<MasterName, Sample> {
    let mut tasks = JoinSet::new();
    for witness in witnesses.iter().cloned() {
        let remote = Arc::clone(remote);
        let ended = before.get(&witness.master.name).is_some_and(|sample| sample.ended);
        tasks.spawn(async move {
            let sample = sample_one(&witness, ended, with_read, &remote).await;
            (witness.master.name, sample)
        });
    }
    let mut samples = BTreeMap::new();
    while let Some((name, sample)) = tasks.join_next().await.and_then(joined) {
        samples.insert(name, sample);
    }
    samples
}

/// A client port that nobody opens takes the question's whole time-out, and all others are sampled at that pace: where
/// the unit had ended, it is asked whether it still has, and its etcd only at the end.
async fn sample_one(witness: &Witness, ended: bool, with_read: bool, remote: &Arc<dyn Remote>) -> Sample {
    let host = &witness.master.name;
    let unit = async || {
        ask(remote, host, unit::command(&witness.master.etcd.supervisor())).await.and_then(|it| unit::parse(&it))
    };
    if ended && !with_read && unit().await.is_ok_and(|unit| unit.ended()) {
        let status = Err(Unclear::not_put("it does not run"));
        return Sample { status, not_ready: true, ended: true, read: None };
    }
    let answer = ask(remote, host, status::command(&witness.etcdctl, &witness.access)).await;
    let status = answer.and_then(|output| status::parse(&output));
    if status.is_err()
        && let Ok(unit) = unit().await
        && unit.active_state != "active"
    {
        return Sample { status, not_ready: true, ended: unit.ended(), read: with_read.then(not_ready) };
    }
    let read = if with_read {
        // A lost connection is no failed read: the attempt goes on without it.
        ask(remote, host, read::command(&witness.etcdctl, &witness.access, read::TIMEOUT))
            .await
            .and_then(|output| read::parse(&output))
            .ok()
    } else {
        None
    };
    Sample { status, not_ready: false, ended: false, read }
}

/// What a linearizable read would say.
fn not_ready() -> Read {
    Read::Failed("etcd is not ready".into())
}
