//! How many bytes lie in a data directory: while a learner receives the leader's snapshot they grow. Knows no limit.

use crate::model::command::Script;
use crate::model::{AbsPath, Command, Output};

// The snapshot that comes is a file in it, and so is the write-ahead log afterwards.
const SCRIPT: Script = Script { name: "growth", text: "set -u\ndu -sk \"$1\" | cut -f1\n" };

/// Asks for the size.
#[must_use]
pub fn command(data_dir: &AbsPath) -> Command {
    Command::script(SCRIPT).arg(data_dir.as_str())
}

/// The size in KiB; nothing where the answer is none.
#[must_use]
pub fn parse(output: &Output) -> Option<u64> {
    output.stdout.trim().parse().ok().filter(|_| output.ok())
}
