//! One stream of a command: what cuts its answer out, and what is kept of that. Knows no SSH.

use bytes::Bytes;

use super::frame::{Cut, Frame};
use crate::model::Output;

/// The most that is kept of either stream; the rest is read and dropped. Answers we parse are some kilobytes, and a
/// host gone mad must not take the bastion's memory.
const LARGEST_OUTPUT: usize = 4 << 20;

/// A stream between the marks of a frame.
pub(super) struct Stream {
    pub(super) cut: Cut,
    kept: Vec<u8>,
    too_long: bool,
}

impl Stream {
    /// Of which nothing has come yet.
    pub(super) fn of(frame: &Frame) -> Self {
        Self { cut: frame.cut(), kept: Vec::new(), too_long: false }
    }

    /// Takes what comes, and keeps what is the command's own.
    pub(super) fn take(&mut self, data: Bytes) {
        let own = self.cut.hear(data);
        self.keep(&own);
    }

    /// Keeps what was already cut out.
    pub(super) fn keep(&mut self, own: &[u8]) {
        let room = LARGEST_OUTPUT - self.kept.len();
        self.too_long |= own.len() > room;
        self.kept.extend_from_slice(&own[..own.len().min(room)]);
    }

    /// What was said by the command, or where it has not begun, before it.
    pub(super) fn said(&self) -> String {
        if self.cut.begun() { self.text() } else { String::from_utf8_lossy(&self.cut.before()).into_owned() }
    }

    /// Whether the command has said nothing yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

/// A command's answer; what did not fit is named where its complaints stand.
pub(super) fn output(status: u32, stdout: &Stream, stderr: &Stream) -> Output {
    let mut complaints = stderr.text();
    if stderr.too_long {
        complaints.push_str("… cut");
    }
    if stdout.too_long {
        complaints.push_str("\nstandard output longer than 4 MiB … cut");
    }
    Output { status, stdout: stdout.text(), stderr: complaints }
}
