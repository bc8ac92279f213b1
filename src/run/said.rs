//! What a command said, as the journal keeps it: cleaned, cut, or not at all. Knows no journal.

use std::time::Duration;

use crate::model::Output;
use crate::model::command::clean;
use crate::plan::Planned;
use crate::step::Doing;

use super::journal::What;
use super::ports::RemoteError;

/// The longest piece of an answer kept in the journal.
const SAID: usize = 2000;

/// A command that ended, for the journal.
pub(super) fn record(planned: &Planned, doing: &Doing, answer: &Result<Output, RemoteError>, took: Duration) -> What {
    let (exit, said) = match answer {
        Ok(output) => {
            let text = if output.ok() { &output.stdout } else { &output.stderr };
            let lines = text.trim().lines().map(clean).collect::<Vec<_>>().join("\n");
            (Some(output.status), lines.chars().take(SAID).collect())
        }
        Err(error) => (None, clean(&error.to_string())),
    };
    What::Command {
        step: planned.id,
        host: planned.host.clone(),
        command: doing.command().shown(),
        exit,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        said,
    }
}

/// The same without what was said.
pub(super) fn untold(record: What) -> What {
    match record {
        What::Command { step, host, command, exit, took_ms, said } if exit == Some(0) => {
            let said = format!("({} characters or more, which are not kept)", said.chars().count());
            What::Command { step, host, command, exit, took_ms, said }
        }
        other => other,
    }
}
