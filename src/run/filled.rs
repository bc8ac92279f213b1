//! Puts what is known by now into what is to be done. Knows neither hosts nor steps.

use crate::model::Command;
use crate::step::{Doing, Facts};

/// The same with every word known, or which one is not.
pub(super) fn filled(doing: &Doing, facts: &Facts) -> Result<Doing, String> {
    let fill = |command: &Command| {
        let filled = command.filled(|placeholder| facts.word(placeholder));
        if let Some(placeholder) = filled.missing().next() {
            return Err(format!("{placeholder} is not known yet: the plan's order is wrong"));
        }
        Ok(filled)
    };
    Ok(match doing {
        Doing::Run(command) => Doing::Run(fill(command)?),
        Doing::Relay { from, read, write } => {
            Doing::Relay { from: from.clone(), read: fill(read)?, write: fill(write)? }
        }
        Doing::Fetch { read, name } => Doing::Fetch { read: fill(read)?, name: name.clone() },
        Doing::Send { path, write } => Doing::Send { path: path.clone(), write: fill(write)? },
    })
}
