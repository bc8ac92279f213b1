//! How many bytes are in a data directory: while a learner receives the leader's snapshot, the number grows. Knows no
//! limit.

use crate::model::command::Script;
use crate::model::{AbsPath, Command, Output};

const SCRIPT: Script = Script { name: "growth", text: include_str!("scripts/growth.sh") };

/// Asks for the size.
#[must_use]
pub fn command(data_dir: &AbsPath) -> Command {
    of(data_dir.as_str())
}

/// The same of a file, or of a directory that is being made.
#[must_use]
pub fn of(path: &str) -> Command {
    Command::script(SCRIPT).arg(path)
}

/// The size in KiB; nothing where the answer is none.
#[must_use]
pub fn parse(output: &Output) -> Option<u64> {
    output.stdout.trim().parse().ok().filter(|_| output.ok())
}
