//! What a command printed, as the journal keeps it: cleaned, cut, or not at all. Writes no journal.

use std::time::Duration;

use crate::model::Output;
use crate::model::command::clean;
use crate::plan::Planned;
use crate::step::Doing;

use super::journal::RunEvent;
use super::ports::RemoteError;
use super::redact::Redactor;

/// The longest piece of an answer kept in the journal.
const SAID: usize = 2000;

/// A command that ended, for the journal. Secrets go before anything is cut: the beginning of one is not known as one.
pub(super) fn record(
    planned: &Planned,
    doing: &Doing,
    answer: &Result<Output, RemoteError>,
    took: Duration,
    redactor: &Redactor,
) -> RunEvent {
    let (exit, said) = match answer {
        Ok(output) => {
            let text = if output.ok() { &output.stdout } else { &output.stderr };
            (Some(output.status), told(text, redactor))
        }
        Err(error) => (None, clean(&redactor.clean(&error.to_string()))),
    };
    RunEvent::Command {
        step: planned.id,
        host: planned.host.clone(),
        command: doing.command().shown(),
        exit,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        said,
    }
}

fn told(text: &str, redactor: &Redactor) -> String {
    let lines = redactor.clean(text.trim()).lines().map(clean).collect::<Vec<_>>().join("\n");
    lines.chars().take(SAID).collect()
}

/// The same without what was said.
pub(super) fn untold(record: RunEvent) -> RunEvent {
    match record {
        RunEvent::Command { step, host, command, exit, took_ms, said } if exit == Some(0) => {
            let said = format!("({} characters or more, which are not recorded)", said.chars().count());
            RunEvent::Command { step, host, command, exit, took_ms, said }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_lies_across_a_cut_leaves_no_part() {
        let secret = "correct-horse-battery-1";
        let redactor = Redactor::default().and([secret.to_owned()]);
        for before in [380, SAID - 10] {
            let lines: String = (0..before).map(|at| if at % 390 == 389 { '\n' } else { '.' }).collect();
            let kept = told(&format!("{lines}{secret} and more"), &redactor);
            assert!(!kept.contains("corr"), "{before}: {kept}");
            assert!(kept.chars().count() <= SAID);
        }
    }
}
