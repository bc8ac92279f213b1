//! Replay: put what is only in a stopped etcd's write-ahead log into a copy of its database. Changes nothing in the
//! data.

use std::time::Duration;

use crate::model::{AbsPath, Command, RunId, Supervisor, WalDir};
use crate::observe::supervised::{Supervised, supervised};

use super::{run_dir, snapshot_path};

const SCRIPT: Supervised = supervised!("replay", "scripts/replay.sh");

/// Replays the log of the stopped etcd into the run's snapshot, with the master's own `etcd` and `etcdctl`.
#[must_use]
pub fn command(
    supervisor: &Supervisor,
    (data_dir, wal_dir): (&AbsPath, Option<&WalDir>),
    run: &RunId,
    etcd: &str,
    etcdctl: &str,
    limit: Duration,
) -> Command {
    SCRIPT
        .command(supervisor)
        .arg(data_dir.as_str())
        .args([run_dir(run), snapshot_path(run)])
        .args([etcd, etcdctl])
        .args([limit.as_secs().to_string(), WalDir::read_at(wal_dir, data_dir)])
        .deadline(limit + Duration::from_secs(30))
}
