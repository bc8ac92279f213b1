//! Tells how far a step has come that moves data: how much, how fast, and how long the rest takes at that rate. Knows
//! neither steps nor limits.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::size::Size;
use crate::model::{Command, MasterName};
use crate::step::growth;

use super::World;
use super::ports::{Event, Pipes};

/// Between two looks. What is over sooner shows nothing.
const EVERY: Duration = Duration::from_secs(2);

/// Where a step's data can be seen to come.
pub(super) enum Seen<'a> {
    /// This command on the step's master says how many KiB are there.
    Asked(&'a Command),
    /// It passes through the bastion, which counts it in bytes.
    Counted(&'a AtomicU64),
    Nowhere,
}

/// What is moved: on which master, in which words, and how much it is in all, where that is known.
pub(super) struct Moved<'a> {
    pub(super) host: &'a MasterName,
    pub(super) title: &'a str,
    pub(super) seen: Seen<'a>,
    pub(super) total: Option<u64>,
}

/// Waits for what moves the data, and tells the console about it in the meantime.
pub(super) async fn told<T>(world: &World, moved: Moved<'_>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if matches!(moved.seen, Seen::Nowhere) {
        return work.await;
    }
    let begun = Instant::now();
    let (mut came, mut since) = (0, begun);
    loop {
        let look = async {
            tokio::time::sleep(EVERY).await;
            look(world, &moved).await
        };
        tokio::select! {
            biased;
            done = &mut work => return done,
            bytes = look => if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
                if bytes != came {
                    (came, since) = (bytes, Instant::now());
                }
                let what = format!("{}: {}", moved.title, words(bytes, moved.total, begun.elapsed(), since.elapsed()));
                world.console.tell(Event::Moving { host: moved.host.clone(), what, took: begun.elapsed() });
            }
        }
    }
}

async fn look(world: &World, moved: &Moved<'_>) -> Option<u64> {
    match moved.seen {
        Seen::Asked(command) => {
            let answer = world.remote.run(moved.host, command, Pipes::default()).await;
            answer.ok().and_then(|output| growth::parse(&output)).map(|kib| kib * 1024)
        }
        Seen::Counted(bytes) => Some(bytes.load(Ordering::Relaxed)),
        Seen::Nowhere => None,
    }
}

/// `310 MiB of 1 GiB, 155 MiB/s, 5 s left`, and where no more came for a while that instead of a rate: what is done after
/// the last byte, such as a hash or a sync, has no measure.
fn words(bytes: u64, total: Option<u64>, took: Duration, idle: Duration) -> String {
    let came = total.filter(|total| *total > bytes);
    let size = came.map_or_else(|| Size(bytes).to_string(), |total| format!("{} of {}", Size(bytes), Size(total)));
    if idle >= EVERY {
        return format!("{size}, no more for {} s", idle.as_secs());
    }
    let rate = (bytes as f64 / took.as_secs_f64().max(0.001)) as u64;
    match came {
        Some(total) if rate > 0 => format!("{size}, {}/s, {} s left", Size(rate), (total - bytes).div_ceil(rate)),
        _ => format!("{size}, {}/s", Size(rate)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_are_those_since_the_beginning() {
        let said = |bytes: u64, total, seconds, idle| {
            words(bytes << 20, total, Duration::from_secs(seconds), Duration::from_secs(idle))
        };
        assert_eq!(said(310, Some(1 << 30), 2, 0), "310 MiB of 1 GiB, 155 MiB/s, 5 s left");
        assert_eq!(said(310, None, 2, 0), "310 MiB, 155 MiB/s");
        assert_eq!(said(1100, Some(1 << 30), 4, 0), "1.1 GiB, 275 MiB/s");
        assert_eq!(said(310, Some(1 << 30), 8, 6), "310 MiB of 1 GiB, no more for 6 s");
        assert_eq!(words(1, Some(1 << 30), Duration::from_secs(4), Duration::ZERO), "1 B of 1 GiB, 0 B/s");
    }
}
