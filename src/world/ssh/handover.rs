//! The moment when sudo may be given a password: it asks with our own prompt, and no command has begun. Knows nothing
//! about SSH.

use bytes::Bytes;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::frame::{Frame, beginning};
use super::sudo::Secret;

/// What one channel needs to hand a password to sudo and to nothing else. The prompt is random and of one channel, so
/// nothing that was heard elsewhere can pass for it.
pub(super) struct Handover {
    prompt: String,
    password: Secret,
}

impl Handover {
    /// For one channel.
    pub(super) fn new(password: Secret) -> Self {
        Self { prompt: format!("<sudo asks {}>", Uuid::new_v4().simple()), password }
    }

    /// How sudo is called. `-k` makes it ask even where it remembers an earlier password, so that one command is as
    /// the other.
    pub(super) fn sudo(&self) -> Vec<&str> {
        vec!["sudo", "-k", "-S", "-p", &self.prompt, "--"]
    }

    /// The password as sudo reads it, overwritten when it has been sent.
    pub(super) fn line(&self) -> Bytes {
        let mut line = Vec::with_capacity(self.password.len() + 1);
        line.extend_from_slice(self.password.as_bytes());
        line.push(b'\n');
        Bytes::from_owner(Zeroizing::new(line))
    }

    /// What listens for the prompt, until the frame says that the command has begun: what stands before that in a line
    /// is sudo's to run, so nothing of ours has run before.
    pub(super) fn scanner(&self, frame: &Frame) -> PromptScanner {
        PromptScanner { prompt: self.prompt.clone().into(), begun: frame.begin().into(), held: Vec::new(), over: false }
    }
}

/// What was heard on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SudoEvent {
    /// sudo asks. The first time it gets the password; again, it has refused that.
    Asked,
    /// The command runs: what is sent now is its own input.
    Begun,
}

/// Finds the marks in standard error, however it is cut into pieces, and takes them out.
pub(super) struct PromptScanner {
    prompt: Vec<u8>,
    begun: Vec<u8>,
    /// The end of what was heard, where it may be a mark's beginning.
    held: Vec<u8>,
    over: bool,
}

impl PromptScanner {
    /// The text without marks, and what was heard, in its order. After [`SudoEvent::Begun`] all is the command's own: a
    /// prompt in it asks for nothing.
    pub(super) fn scan(&mut self, data: &[u8]) -> (Vec<u8>, Vec<SudoEvent>) {
        if self.over {
            return (data.to_vec(), Vec::new());
        }
        let mut rest = std::mem::take(&mut self.held);
        rest.extend_from_slice(data);
        let (mut text, mut events) = (Vec::new(), Vec::new());
        loop {
            let asked = find(&rest, &self.prompt);
            let begun = find(&rest, &self.begun);
            let (at, length, event) = match (asked, begun) {
                (Some(asked), begun) if begun.is_none_or(|begun| asked < begun) => {
                    (asked, self.prompt.len(), SudoEvent::Asked)
                }
                (_, Some(begun)) => (begun, self.begun.len(), SudoEvent::Begun),
                (_, None) => break,
            };
            text.extend(rest.drain(..at + length).take(at));
            events.push(event);
            if event == SudoEvent::Begun {
                self.over = true;
                // What a shell's files or sudo said before is not the command's.
                return (rest, events);
            }
        }
        let held = [&self.prompt, &self.begun].map(|mark| beginning(&rest, mark)).into_iter().max().unwrap_or(0);
        self.held = rest.split_off(rest.len() - held);
        text.extend(rest);
        (text, events)
    }

    /// What is left when no more will come.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    text.windows(mark.len()).position(|part| part == mark)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn handover() -> Handover {
        Handover::new(Arc::new(Zeroizing::new("right".to_owned())))
    }

    /// What comes of a text that arrives in pieces.
    fn heard(handover: &Handover, frame: &Frame, text: &[u8], piece: usize) -> (Vec<u8>, Vec<SudoEvent>) {
        let mut scanner = handover.scanner(frame);
        let (mut all, mut events) = (Vec::new(), Vec::new());
        for piece in text.chunks(piece) {
            let (text, heard) = scanner.scan(piece);
            if heard.contains(&SudoEvent::Begun) {
                all.clear();
            }
            all.extend(text);
            events.extend(heard);
        }
        all.extend(scanner.rest());
        (all, events)
    }

    proptest! {
        #[test]
        fn marks_are_found_however_the_text_is_cut(
            before in "[<a-z \n]{0,60}", between in "[<a-z \n]{0,60}", after in "[<a-z \n]{0,60}", piece in 1usize..90,
        ) {
            let (handover, frame) = (handover(), Frame::new());
            let (asked, begun) = (&handover.prompt, frame.begin());
            let text = format!("{before}{asked}{between}{asked}{begun}{after}{asked}");
            let (left, events) = heard(&handover, &frame, text.as_bytes(), piece);
            prop_assert_eq!(events, [SudoEvent::Asked, SudoEvent::Asked, SudoEvent::Begun]);
            prop_assert_eq!(left, format!("{after}{asked}").into_bytes(), "after the beginning all is the command's");
            let refused = format!("{before}{asked}{between}");
            let (left, events) = heard(&handover, &frame, refused.as_bytes(), piece);
            prop_assert_eq!((left, events), (format!("{before}{between}").into_bytes(), vec![SudoEvent::Asked]));
        }

        #[test]
        fn no_other_text_is_a_prompt(text in "(<sudo asks |\\[sudo\\] password for ops: |Password: |<begun |[a-f0-9]{32}>){0,20}") {
            let (left, events) = heard(&handover(), &Frame::new(), text.as_bytes(), 7);
            prop_assert_eq!((left, events), (text.into_bytes(), vec![]));
        }
    }

    #[test]
    fn no_two_channels_have_the_same_marks() {
        let ((one, frame), (other, elsewhere)) = ((handover(), Frame::new()), (handover(), Frame::new()));
        assert_eq!(heard(&one, &frame, format!("{}{}", other.prompt, elsewhere.begin()).as_bytes(), 5).1, []);
    }
}
