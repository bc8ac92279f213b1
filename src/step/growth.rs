//! How many bytes are in a data directory and its log: while a learner receives the leader's snapshot, the number grows. Knows no
//! limit.

use crate::model::command::Script;
use crate::model::{AbsPath, Command, Output, WalDir};

const SCRIPT: Script = Script { name: "growth", text: include_str!("scripts/growth.sh") };

/// Asks for the size.
#[must_use]
pub fn command(data_dir: &AbsPath, wal_dir: Option<&WalDir>) -> Command {
    let log = wal_dir.and_then(WalDir::moved).map(AbsPath::as_str);
    of(data_dir.as_str()).args(log)
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
