//! How long the thing that a step waits for has made no progress. Knows neither steps nor limits.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Command, MasterName};
use crate::step::growth;

use super::World;
use super::ports::Pipes;

/// Between two questions: a slow link moves something in that time.
const EVERY: Duration = Duration::from_secs(5);

/// What has been seen to grow.
pub(super) struct Growth<'a> {
    asked: Option<&'a (MasterName, Command)>,
    /// The most that was there: what is begun again and again comes no nearer.
    most: Option<u64>,
    looked: Option<Instant>,
    since: Instant,
}

impl<'a> Growth<'a> {
    pub(super) fn begin(asked: Option<&'a (MasterName, Command)>) -> Self {
        Self { asked, most: None, looked: None, since: Instant::now() }
    }

    /// How long nothing has grown: since the beginning where there is nothing to ask, or no answer.
    pub(super) async fn stands_still(&mut self, world: &World) -> Duration {
        let due = self.looked.is_none_or(|looked| looked.elapsed() >= EVERY);
        if let Some((host, command)) = self.asked.filter(|_| due) {
            self.looked = Some(Instant::now());
            let answer = world.remote.run(host, command, Pipes::default()).await;
            let size = answer.ok().and_then(|output| growth::parse(&output));
            if let Some(size) = size {
                if self.most.is_some_and(|most| size > most) {
                    self.since = Instant::now();
                }
                self.most = Some(self.most.unwrap_or(0).max(size));
            }
        }
        self.since.elapsed()
    }
}
