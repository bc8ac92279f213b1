//! The bastion's clock. Knows nothing about steps.

use jiff::Timestamp;

use crate::run::ports::Clock;

/// The system's wall clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
