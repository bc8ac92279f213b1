//! Asks what only the doctor asks, in addition to the look that every verb begins with. Changes nothing permanently,
//! and judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::model::{Master, MasterName, ZoneName};
use crate::observe::etcd_holders::{self, EtcdHolders};
use crate::observe::heard::{self, Heard};
use crate::observe::{Answer, Examination, Examined, Observation, Seen, Unclear, clock, speed};
use crate::plan::rehearse::{Rehearsal, RehearsalInput, rehearse};

use super::joined;
use super::look::ask;
use super::ports::{Clock, Pipes, Remote};
use super::rights;

/// Through what an examination asks.
#[derive(Clone, Copy)]
pub struct Through<'a> {
    /// Commands on masters.
    pub remote: &'a Arc<dyn Remote>,
    /// The bastion's time.
    pub clock: &'a Arc<dyn Clock>,
    /// How long a dark master is tried.
    pub connect_limit: Duration,
}

/// Examines everyone that answered, and rehearses the loss of these zones (of all where none is named). With `measure`
/// each master that would be a seed takes a snapshot and removes it again, one master after the other.
pub async fn examine(
    given: RehearsalInput<'_>,
    mut seen: Observation,
    zones: &BTreeSet<ZoneName>,
    measure: bool,
    through: Through<'_>,
) -> (Examination, Vec<Rehearsal>) {
    rights::ask_those_that_serve(&mut seen, through.remote).await;
    let masters = everyone(given, &seen, through).await;
    let rehearsals = rehearse(given, &seen, zones);
    let mut speeds = BTreeMap::new();
    if measure {
        let seeds = rehearsals.iter().filter_map(|one| one.plan()?.seed.clone());
        for seed in seeds.collect::<BTreeSet<MasterName>>() {
            if let (Some(master), Some(seen)) = (given.cluster.master(&seed), seen.seen(&seed)) {
                let speed = measured(master, seen, through.remote).await;
                speeds.insert(seed, speed);
            }
        }
    }
    let connect_limit = through.connect_limit;
    (Examination { seen, masters, speeds, connect_limit, state_directory: None }, rehearsals)
}

async fn everyone(
    given: RehearsalInput<'_>,
    seen: &Observation,
    through: Through<'_>,
) -> BTreeMap<MasterName, Examined> {
    let mut tasks = JoinSet::new();
    let addresses = Arc::new(etcd_holders::addresses(seen));
    for master in given.cluster.masters() {
        let Some(own) = seen.seen(&master.name).cloned() else { continue };
        let (remote, clock, name) = (Arc::clone(through.remote), Arc::clone(through.clock), master.name.clone());
        let addresses = Arc::clone(&addresses);
        tasks.spawn(async move {
            let examined = one(&name, &own, (&remote, &clock), &addresses).await;
            (name, examined)
        });
    }
    let mut masters = BTreeMap::new();
    while let Some((name, examined)) = tasks.join_next().await.and_then(joined) {
        masters.insert(name, examined);
    }
    masters
}

async fn one(
    host: &MasterName,
    seen: &Seen,
    (remote, clock): (&Arc<dyn Remote>, &Arc<dyn Clock>),
    addresses: &BTreeSet<String>,
) -> Examined {
    let holders = etcd_holders(host, seen, remote, addresses);
    let (clock, heard, etcd_holders) = tokio::join!(offset(host, remote, clock), heard(host, seen, remote), holders);
    Examined { clock, heard, etcd_holders }
}

/// Asked where there is an API server: what else knows etcd's addresses belongs to its cluster.
async fn etcd_holders(
    host: &MasterName,
    seen: &Seen,
    remote: &Arc<dyn Remote>,
    addresses: &BTreeSet<String>,
) -> Answer<EtcdHolders> {
    let Ok(Some(api)) = &seen.api_server else { return etcd_holders::not_put() };
    if addresses.is_empty() {
        return Err(Unclear::not_put("no address of etcd is known"));
    }
    etcd_holders::parse(&ask(remote, host, etcd_holders::command(api.flags.as_ref().ok(), addresses)).await?)
}

/// Asks its metrics as that night would, and holds them against the member that it is.
async fn heard(host: &MasterName, seen: &Seen, remote: &Arc<dyn Remote>) -> Answer<Heard> {
    let status = seen.status.as_ref().map_err(|_| Unclear::not_put("its etcd does not say which member it is"))?;
    let metrics = seen.settings.as_ref().map_err(Clone::clone)?.metrics_access();
    let metrics = metrics.ok_or_else(heard::nowhere)?;
    heard::parse(&ask(remote, host, heard::command(&metrics)).await?, status.member)
}

async fn offset(host: &MasterName, remote: &Arc<dyn Remote>, clock: &Arc<dyn Clock>) -> Answer<clock::Offset> {
    let command = clock::command();
    let (asked, begun) = (clock.now(), Instant::now());
    let answer = remote.run(host, &command, Pipes::default()).await;
    let took = begun.elapsed();
    let output = answer.map_err(|error| Unclear::text(&command.shown(), &error.to_string()))?;
    clock::parse(&output, asked, took)
}

/// How much a snapshot may take at most: as a run's own limit, it grows with the database.
fn limit(bytes: u64) -> Duration {
    Duration::from_secs(60) + Duration::from_millis(bytes / 1_000_000 * 35)
}

async fn measured(master: &Master, seen: &Seen, remote: &Arc<dyn Remote>) -> Answer<speed::Speed> {
    let unknown = |what: &str| Unclear::text("measuring a snapshot", what);
    let tools = seen.tools.as_ref().map_err(Clone::clone)?;
    let etcdctl = tools.etcdctl.as_deref().ok_or_else(|| unknown("no etcdctl"))?;
    let tool = tools.restore.as_ref().ok_or_else(|| unknown("no tool to verify it with"))?;
    let access = seen.settings.as_ref().map_err(Clone::clone)?.client_access();
    let access = access.ok_or_else(|| unknown("no client port in its env file"))?;
    let limit = limit(seen.disk.as_ref().map_or(0, |disk| disk.db_bytes));
    let command = speed::command(etcdctl, &access, &tool.path, &master.etcd.data_dir, limit);
    speed::parse(&ask(remote, &master.name, command).await?)
}
