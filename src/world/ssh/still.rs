//! How long a command may show no activity before it is given up. Knows neither the command nor its connection.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A deadline; where it counts anew with each byte, the time since the last.
pub(super) struct Still {
    limit: Duration,
    anew: bool,
    since: Mutex<Instant>,
}

impl Still {
    /// Begins now.
    pub(super) fn of(limit: Duration, anew: bool) -> Self {
        Self { limit, anew, since: Mutex::new(Instant::now()) }
    }

    /// Something came or went.
    pub(super) fn moved(&self) {
        if self.anew {
            *self.since() = Instant::now();
        }
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.since.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What comes of it in time.
    pub(super) async fn bounds<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        let over = async {
            loop {
                let until = *self.since() + self.limit;
                if until <= Instant::now() {
                    return;
                }
                sleep_until(until).await;
            }
        };
        tokio::select! {
            biased;
            done = what => Some(done),
            () = over => None,
        }
    }
}

impl fmt::Display for Still {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.anew {
            true => write!(f, " and nothing came or went for {:?}", self.limit),
            false => write!(f, " within {:?}, its deadline", self.limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_moves_is_not_given_up_and_what_stands_still_is() {
        let still = Still::of(Duration::from_secs(60), true);
        let slow = async {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_secs(50)).await;
                still.moved();
            }
        };
        assert!(still.bounds(slow).await.is_some());
        let begun = Instant::now();
        assert!(still.bounds(std::future::pending::<()>()).await.is_none());
        assert_eq!(begun.elapsed(), Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_not_put_off() {
        let still = Still::of(Duration::from_secs(60), false);
        let chatty = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                still.moved();
            }
        };
        let begun = Instant::now();
        assert!(still.bounds::<()>(chatty).await.is_none());
        assert_eq!(begun.elapsed(), Duration::from_secs(60));
    }
}
