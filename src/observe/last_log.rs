//! The question "what did etcd log last?": the end of the unit's log, for when a start has failed. Judges nothing.

use crate::model::command::clean;
use crate::model::{Command, Output, Supervisor};

use super::supervised::{Supervised, supervised};

/// How many lines are shown, the last ones that say something.
const LINES: usize = 5;

const SCRIPT: Supervised = supervised!("last log", "scripts/last-log.sh");

/// Asks for the end of the log.
#[must_use]
pub fn command(supervisor: &Supervisor) -> Command {
    SCRIPT.command(supervisor)
}

/// The last lines, each short and harmless: of etcd's JSON what is said and why, of other lines all. What etcd says of
/// itself at every start (`info`, `debug`) is left out where something worse is there.
#[must_use]
pub fn parse(output: &Output) -> Vec<String> {
    let lines: Vec<(bool, String)> = output.stdout.lines().filter(|line| !line.trim().is_empty()).map(line).collect();
    let bad: Vec<&String> = lines.iter().filter(|(bad, _)| *bad).map(|(_, text)| text).collect();
    let told = if bad.is_empty() { lines.iter().map(|(_, text)| text).collect() } else { bad };
    told.iter().skip(told.len().saturating_sub(LINES)).map(|line| (*line).clone()).collect()
}

/// A line, and whether it is worse than what is said every day.
fn line(text: &str) -> (bool, String) {
    let Ok(entry) = serde_json::from_str::<serde_json::Value>(text) else { return (true, clean(text.trim())) };
    let word = |key: &str| entry.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let Some(said) = word("msg") else { return (true, clean(text.trim())) };
    let level = word("level").unwrap_or_default();
    let parts = [Some(level.clone()), Some(said), word("error")];
    (!["info", "debug"].contains(&level.as_str()), clean(&parts.into_iter().flatten().collect::<Vec<_>>().join(": ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stdout: &str) -> Vec<String> {
        parse(&Output { stdout: stdout.into(), ..Output::default() })
    }

    #[test]
    fn what_is_worse_than_every_day_is_told_and_no_more_than_a_few_lines() {
        let log = "{\"level\":\"info\",\"msg\":\"starting\"}\n\
            {\"level\":\"fatal\",\"caller\":\"x\",\"msg\":\"discovery failed\",\"error\":\"no such host\"}\n\
            etcd.service: Failed with result \u{1b}[31m'exit-code'.\n";
        assert_eq!(
            told(log),
            ["fatal: discovery failed: no such host", "etcd.service: Failed with result \u{fffd}[31m'exit-code'."]
        );
        assert_eq!(told("{\"level\":\"info\",\"msg\":\"starting\"}\n"), ["info: starting"]);
        assert_eq!(told(&"line\n".repeat(40)).len(), LINES);
        assert!(told("").is_empty());
    }
}
