//! The question "what time is it there?". Reads no clock: it is given the bastion's time of asking.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Command, Output};

use super::Unclear;

/// How far a master's clock is from the bastion's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset {
    /// How many milliseconds it is ahead; negative where it is behind.
    pub ahead_ms: i64,
    /// How far off that may be: half of the way there and back.
    pub within_ms: u64,
}

impl Offset {
    /// The least that the two clocks certainly differ by.
    #[must_use]
    pub fn at_least(self) -> Duration {
        Duration::from_millis(self.ahead_ms.unsigned_abs().saturating_sub(self.within_ms))
    }
}

/// Asks for the time.
#[must_use]
pub fn command() -> Command {
    Command::new("date").arg("+%s.%N")
}

/// Compares the answer with the bastion's time of asking, `took` before it came. The master looked at its clock
/// somewhere in between: half of that time is the best guess, and the other half how far it may be off.
///
/// # Errors
/// When it is no time.
pub fn parse(output: &Output, asked: Timestamp, took: Duration) -> Result<Offset, Unclear> {
    const WHAT: &str = "asking for the time";
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let text = output.stdout.trim();
    let unreadable = || Unclear::text(WHAT, &format!("{text:?} is not a time in seconds and nanoseconds"));
    let (seconds, nanos) = text.split_once('.').filter(|(_, nanos)| nanos.len() == 9).ok_or_else(unreadable)?;
    let seconds: i64 = seconds.parse().map_err(|_| unreadable())?;
    let nanos: i32 = nanos.parse().map_err(|_| unreadable())?;
    let there = Timestamp::new(seconds, nanos).map_err(|_| unreadable())?;
    let half = i64::try_from(took.as_millis() / 2).unwrap_or(i64::MAX);
    let ahead_ms = there.as_millisecond() - asked.as_millisecond();
    Ok(Offset { ahead_ms: ahead_ms.saturating_sub(half), within_ms: half.unsigned_abs() + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str, took_ms: u64) -> Result<Offset, Unclear> {
        let asked = Timestamp::from_millisecond(1_000_000_000_000).unwrap();
        let output = Output { stdout: stdout.into(), ..Output::default() };
        parse(&output, asked, Duration::from_millis(took_ms))
    }

    #[test]
    fn half_of_the_way_is_taken_off() {
        let offset = said("1000000000.050000000\n", 100).unwrap();
        assert_eq!(offset, Offset { ahead_ms: 0, within_ms: 51 });
        assert_eq!(offset.at_least(), Duration::ZERO);
        let behind = said("0999999990.000000000\n", 10).unwrap();
        assert_eq!(behind.ahead_ms, -10_005);
        assert_eq!(behind.at_least(), Duration::from_millis(9_999));
    }

    #[test]
    fn what_is_no_time_is_unclear() {
        for text in ["", "now", "12", "12.%N", "12.5", "x.000000000", "99999999999999.000000000"] {
            assert!(said(text, 1).is_err(), "{text}");
        }
    }
}
