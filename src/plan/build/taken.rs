//! The stages that take the seed's snapshot: from its running etcd, or after that is stopped. Does not choose between
//! them.

use std::time::Duration;

use crate::plan::NoPlan;
use crate::plan::seed::never_written;
use crate::playbook::Role;
use crate::step::{fence, snapshot, stop};

use super::Builder;

/// Where the database is copied afterwards only a clean end will do; systemd itself gives up after 90 s.
const CLEAN_GRACE: Duration = Duration::from_secs(80);

impl Builder<'_> {
    pub(super) fn snapshot(&mut self, why: Option<&str>) -> Result<(), NoPlan> {
        let seed = self.draft.seed;
        let Some(source) = self.draft.source.clone() else { return Ok(()) };
        let supervisor = seed.master.etcd.supervisor();
        if matches!(source, snapshot::Source::StoppedCopy { .. } | snapshot::Source::Replay { .. }) {
            self.park_first(seed);
        }
        if matches!(source, snapshot::Source::StoppedCopy { .. }) {
            // A clean end flushes the database; the fence keeps it as it is while it is copied.
            self.down_for_the_snapshot(stop::Stop { supervisor, grace: CLEAN_GRACE, by_force: false }, why);
        } else if matches!(source, snapshot::Source::Replay { .. }) {
            // Whatever the end leaves undone in the database, the log has it.
            self.down_for_the_snapshot(stop::Stop { supervisor, grace: stop::GRACE, by_force: true }, why);
        }
        let never_written = never_written(self.draft.input, seed, &source);
        let snapshot = snapshot::Snapshot {
            source,
            never_written,
            tool: seed.restore_tool()?.path,
            run: self.draft.input.request.run.clone(),
            limit: self.draft.limit(Duration::from_secs(60)),
            expected_bytes: Some(self.draft.db_bytes()),
        };
        self.stage(vec![(seed.name().clone(), snapshot.into())], why, false);
        Ok(())
    }

    fn down_for_the_snapshot(&mut self, stop: stop::Stop, why: Option<&str>) {
        let seed = self.draft.seed.name();
        let fence = fence::Fence {
            supervisor: stop.supervisor.clone(),
            reason: self.fence_reason(Role::Survivors),
            asked: None,
        };
        self.stage(vec![(seed.clone(), stop.into())], why, false);
        self.stage(vec![(seed.clone(), fence.into())], why, false);
    }
}
