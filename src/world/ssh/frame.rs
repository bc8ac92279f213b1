//! An answer between two marks of its own channel, so that what a login shell or sudo prints around a command is never
//! taken for its answer, and half an answer is never taken for a whole one. Knows neither SSH nor sudo.

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use uuid::Uuid;

/// What is kept of what was said before the command began: the last of it, for errors.
const BEFORE: usize = 8 << 10;

/// The marks of one channel. They are random: nothing that was heard elsewhere can pass for them.
pub(super) struct Frame {
    id: String,
}

impl Frame {
    /// For one channel.
    pub(super) fn new() -> Self {
        Self { id: Uuid::new_v4().simple().to_string() }
    }

    /// What both streams say right before the command begins.
    pub(super) fn begin(&self) -> String {
        format!("<begun {}>", self.id)
    }

    /// What both streams say after it, up to its exit status and a `>`.
    fn end(&self) -> String {
        format!("<ended {} ", self.id)
    }

    /// `words`, a command for a POSIX shell, between its marks. The marks themselves are not in this text: a list of
    /// processes in the answer must not end it.
    pub(super) fn around(&self, words: &str) -> String {
        format!(
            "m={}; umask 022; cd /; printf %s \"<begun $m>\"; printf %s \"<begun $m>\" >&2; {words}; s=$?; \
             printf %s \"<ended $m $s>\"; printf %s \"<ended $m $s>\" >&2; exit $s",
            self.id
        )
    }

    /// `words`, one question of a round, for a POSIX shell: what it says on standard output between these marks, then its
    /// complaint between those of `complaint`. All of it goes to standard output.
    pub(super) fn question(&self, complaint: &Self, words: &str) -> String {
        format!(
            "(m={}; n={}; umask 022; cd /; printf %s \"<begun $m>\"; {{ c=$({{ {words}; }} 2>&1 >&3 3>&-); s=$?; }} 3>&1; \
             printf %s \"<ended $m $s><begun $n>$c<ended $n $s>\") </dev/null",
            self.id, complaint.id
        )
    }

    /// What cuts one stream.
    pub(super) fn cut(&self) -> Cut {
        Cut {
            begin: self.begin().into(),
            end: self.end().into(),
            stage: Stage::Before,
            held: BytesMut::new(),
            before: Vec::new(),
            after: Bytes::new(),
        }
    }
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Before,
    Within,
    Ended(u32),
}

/// Cuts the answer out of one stream, however that arrives in pieces.
pub(super) struct Cut {
    begin: Vec<u8>,
    end: Vec<u8>,
    stage: Stage,
    /// The last of what came, where it may be the beginning of a mark.
    held: BytesMut,
    before: Vec<u8>,
    /// What came with the end mark and behind it.
    after: Bytes,
}

impl Cut {
    /// Whether the command has begun.
    pub(super) fn begun(&self) -> bool {
        self.stage != Stage::Before
    }

    /// The command's exit status, once its answer is whole.
    pub(super) fn ended(&self) -> Option<u32> {
        match self.stage {
            Stage::Ended(status) => Some(status),
            Stage::Before | Stage::Within => None,
        }
    }

    /// Somebody else has heard the command begin in this stream, and taken the mark out.
    pub(super) fn begin(&mut self) {
        self.stage = Stage::Within;
    }

    /// The last of what was said before the command began.
    pub(super) fn before(&self) -> Vec<u8> {
        [&self.before[..], if self.begun() { &[] } else { &self.held[..] }].concat()
    }

    /// What came behind the end mark, once that is there.
    pub(super) fn after(&mut self) -> Bytes {
        std::mem::take(&mut self.after)
    }

    /// What of this is the command's own.
    pub(super) fn hear(&mut self, data: Bytes) -> Bytes {
        let mut data = self.with_held(data);
        if self.stage == Stage::Before {
            let Some(at) = memmem::find(&data, &self.begin) else {
                self.wait(&data);
                return Bytes::new();
            };
            self.keep_before(&data[..at]);
            data = data.slice(at + self.begin.len()..);
            self.stage = Stage::Within;
        }
        if self.stage != Stage::Within {
            return Bytes::new();
        }
        let mut from = 0;
        while let Some(at) = memmem::find(&data[from..], &self.end).map(|at| from + at) {
            match status(&data[at + self.end.len()..]) {
                Said::Status(status, length) => {
                    self.stage = Stage::Ended(status);
                    self.after = data.slice(at + self.end.len() + length..);
                    return data.slice(..at);
                }
                Said::Begun => {
                    self.held.extend_from_slice(&data[at..]);
                    return data.slice(..at);
                }
                Said::Else => from = at + 1,
            }
        }
        let held = data.len() - beginning(&data, &self.end);
        self.held.extend_from_slice(&data[held..]);
        data.slice(..held)
    }

    fn with_held(&mut self, data: Bytes) -> Bytes {
        if self.held.is_empty() {
            return data;
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(&data);
        all.freeze()
    }

    fn wait(&mut self, data: &[u8]) {
        let held = data.len() - beginning(data, &self.begin);
        self.keep_before(&data[..held]);
        self.held.extend_from_slice(&data[held..]);
    }

    fn keep_before(&mut self, data: &[u8]) {
        self.before.extend_from_slice(data);
        let surplus = self.before.len().saturating_sub(BEFORE);
        self.before.drain(..surplus);
    }
}

/// What follows an end mark's first part.
enum Said {
    /// The status, and how long its text is with the `>`.
    Status(u32, usize),
    /// Not all of it is there yet.
    Begun,
    Else,
}

fn status(rest: &[u8]) -> Said {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match rest.get(digits) {
        Some(b'>') => {
            let text = std::str::from_utf8(&rest[..digits]).unwrap_or_default();
            text.parse().map_or(Said::Else, |status| Said::Status(status, digits + 1))
        }
        None if digits <= 3 => Said::Begun,
        _ => Said::Else,
    }
}

/// How much of the text's end is a beginning of the mark.
pub(super) fn beginning(text: &[u8], mark: &[u8]) -> usize {
    let longest = text.len().min(mark.len() - 1);
    (1..=longest).rev().find(|length| mark.starts_with(&text[text.len() - length..])).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn heard(frame: &Frame, text: &[u8], piece: usize) -> (Vec<u8>, Cut) {
        let mut cut = frame.cut();
        let mut own = Vec::new();
        for piece in text.chunks(piece) {
            own.extend_from_slice(&cut.hear(Bytes::copy_from_slice(piece)));
        }
        (own, cut)
    }

    proptest! {
        #[test]
        fn the_answer_is_cut_out_however_the_stream_arrives(
            before in "[<begund a-f0-9\n]{0,60}", own in proptest::collection::vec(any::<u8>(), 0..200),
            after in "[<ended a-f0-9>\n]{0,60}", piece in 1usize..90, status in 0u32..256,
        ) {
            let frame = Frame::new();
            let text = [before.as_bytes(), frame.begin().as_bytes(), &own, format!("{}{status}>{after}", frame.end()).as_bytes()].concat();
            let (heard, cut) = heard(&frame, &text, piece);
            prop_assert_eq!(heard, own);
            prop_assert_eq!(cut.ended(), Some(status));
            prop_assert_eq!(cut.before(), before.into_bytes());
        }

        #[test]
        fn half_an_answer_has_not_ended(own in "[<ended a-f0-9>\n]{0,60}", piece in 1usize..90, lost in 1usize..40) {
            let frame = Frame::new();
            let text = format!("Welcome{}{own}{}0>", frame.begin(), frame.end());
            let (_, cut) = heard(&frame, &text.as_bytes()[..text.len() - lost], piece);
            prop_assert_eq!((cut.begun(), cut.ended()), (true, None));
        }
    }

    #[test]
    fn marks_of_another_channel_mean_nothing() {
        let (frame, other) = (Frame::new(), Frame::new());
        let text = format!("{}x{}0>", other.begin(), other.end());
        assert!(!heard(&frame, text.as_bytes(), 9).1.begun());
        let inside = format!("{}{}1>{}%s>{}7>", frame.begin(), other.end(), frame.end(), frame.end());
        let (own, cut) = heard(&frame, inside.as_bytes(), 9);
        assert_eq!(
            (String::from_utf8(own).unwrap(), cut.ended()),
            (format!("{}1>{}%s>", other.end(), frame.end()), Some(7))
        );
    }

    #[test]
    fn a_shell_says_the_marks_around_a_commands_output_and_its_status() {
        let frame = Frame::new();
        let said = Command::new("sh")
            .args(["-c", &frame.around("sh -c 'printf out; printf err >&2; exit 3'")])
            .output()
            .unwrap();
        for (text, own) in [(said.stdout, "out"), (said.stderr, "err")] {
            let (heard, cut) = heard(&frame, &text, 11);
            assert_eq!((String::from_utf8(heard).unwrap().as_str(), cut.ended()), (own, Some(3)));
        }
        assert_eq!(said.status.code(), Some(3));
    }
}
