//! How long ago the last look before a stop was begun. A process that was suspended in between finds a world that it has not
//! seen. Judges no answer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::plan::Stage;
use crate::step::Effect;

use super::ports::Clock;

/// A look takes some seconds, and the stop follows at once.
const LONGEST: Duration = Duration::from_secs(30);

/// When it was begun, by both clocks: the monotonic one stands still while the machine is suspended, and the wall clock may be
/// set.
#[derive(Debug, Default)]
pub(super) struct LastLook(Mutex<Option<(Instant, Timestamp)>>);

impl LastLook {
    /// A stage begins, which may be that look.
    pub(super) fn begins(&self, stage: &Stage, clock: &dyn Clock) {
        let looks = |effect: &Effect<'_>| matches!(effect, Effect::ChecksNoLeader(_));
        if stage.steps.iter().any(|planned| planned.step.does(looks)) {
            *self.get() = Some((Instant::now(), clock.now()));
        }
    }

    /// Why nothing may be stopped on it any more.
    pub(super) fn too_old(&self, clock: &dyn Clock) -> Option<String> {
        let (at, wall) = (*self.get())?;
        let by_wall = Duration::try_from(clock.now().duration_since(wall)).unwrap_or_default();
        let passed = by_wall.max(at.elapsed());
        (passed > LONGEST).then(|| {
            format!(
                "{} s have passed since the last look before the stop was begun (this process or its host was suspended, or \
                 the look itself took long): what was seen then may no longer be true",
                passed.as_secs()
            )
        })
    }

    fn get(&self) -> MutexGuard<'_, Option<(Instant, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What goes by that look.
pub(super) fn stops(stage: &Stage) -> bool {
    stage.steps.iter().any(|planned| planned.step.does(|effect| matches!(effect, Effect::StopsEtcd { .. })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Command, MasterName};
    use crate::plan::Planned;
    use crate::step::expect::Leaderless;

    struct Wall(Mutex<Timestamp>);

    impl Clock for Wall {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    fn looks() -> Stage {
        let ask = Command::new("etcdctl");
        let check =
            Leaderless { ask, by_status: true, applied: None, log: None, wal_dir: None, silence: None, unmoved: true };
        let step = Planned { id: 1, host: MasterName::new("m3").unwrap(), step: check.into() };
        Stage { title: String::new(), why: None, background: false, steps: vec![step] }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_is_old_by_either_clock() {
        let wall = Wall(Mutex::new(Timestamp::UNIX_EPOCH));
        let set = |seconds| *wall.0.lock().unwrap() = Timestamp::new(seconds, 0).unwrap();
        let look = LastLook::default();
        set(100);
        assert_eq!(look.too_old(&wall), None, "there was none");
        set(0);
        look.begins(&looks(), &wall);
        set(29);
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(look.too_old(&wall), None);
        // Suspended to memory.
        set(300);
        assert!(look.too_old(&wall).unwrap().starts_with("300 s have passed"));
        // Stopped by a signal, and the clock was set back.
        set(-100);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(look.too_old(&wall).unwrap().starts_with("89 s have passed"));
    }
}
