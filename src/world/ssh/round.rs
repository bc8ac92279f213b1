//! A round of questions as one text for a shell that reads it, and the answers out of what that shell says. Knows neither
//! sudo nor connections.

use std::time::Duration;

use bytes::Bytes;

use super::frame::Frame;
use super::quote;
use super::stream::{self, Stream};
use super::talk::killed;
use crate::model::{Command, Output};
use crate::run::ports::RemoteError;

/// `timeout`'s own word for "it did not end".
const TIMED_OUT: u32 = 124;

/// How long a round may take beyond the longest of its questions: each is ended by its own deadline, and killed two
/// seconds later.
const GRACE: Duration = Duration::from_secs(4);

/// Questions that are asked at once and answered in their order.
pub(super) struct Round<'a> {
    questions: Vec<(&'a Command, Frame, Frame)>,
    /// How many have been answered.
    answered: usize,
    /// What has come of the next answer: its output, and its complaints.
    coming: Option<(Stream, Stream)>,
}

impl<'a> Round<'a> {
    /// Of questions that only differ in their words; none where they do not go together.
    pub(super) fn of(questions: &'a [Command]) -> Option<Self> {
        let alike = |one: &Command| one.stdin.is_none() && !one.bulk && !one.moving && one.root == questions[0].root;
        if !questions.iter().all(alike) {
            return None;
        }
        let questions: Vec<_> = questions.iter().map(|one| (one, Frame::new(), Frame::new())).collect();
        let coming = questions.first().map(streams);
        Some(Self { questions, answered: 0, coming })
    }

    /// Whether they run as root.
    pub(super) fn root(&self) -> bool {
        self.questions.iter().any(|(question, ..)| question.root)
    }

    /// When the round is given up.
    pub(super) fn deadline(&self) -> Duration {
        self.questions.iter().map(|(question, ..)| question.deadline).max().unwrap_or_default() + GRACE
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.questions.len()
    }

    /// How many have been answered: those that stand first.
    pub(super) const fn answered(&self) -> usize {
        self.answered
    }

    /// Whether all have been.
    pub(super) fn over(&self) -> bool {
        self.answered == self.questions.len()
    }

    /// The text for the shell. All run at once; a pipe holds back what one says until those before it have ended.
    ///
    /// # Errors
    /// `Denied` when one is not final; nothing was run then.
    pub(super) fn text(&self) -> Result<String, RemoteError> {
        let mut text = String::new();
        for (question, answer, complaint) in &self.questions {
            let one = answer.question(complaint, &quote::bounded(question)?);
            text = if text.is_empty() { one } else { format!("{one} | {{ {text}; cat; }}") };
        }
        text.push('\n');
        Ok(text)
    }

    /// The answers that are whole with this piece, and their places. None where one was ended while it spoke: its pipe may
    /// have been full, for as long as one before it took.
    pub(super) fn hear(&mut self, mut data: Bytes) -> Vec<(usize, Option<Result<Output, RemoteError>>)> {
        let mut whole = Vec::new();
        while let Some((stdout, stderr)) = &mut self.coming {
            let Some(status) = fill(stdout, &mut data) else { break };
            if fill(stderr, &mut data).is_none() {
                break;
            }
            let question = self.questions[self.answered].0;
            let held_up = self.answered > 0 && status == TIMED_OUT && !stdout.is_empty();
            whole.push((self.answered, (!held_up).then(|| answer(question, status, stdout, stderr))));
            self.answered += 1;
            self.coming = self.questions.get(self.answered).map(streams);
        }
        whole
    }
}

fn streams((_, answer, complaint): &(&Command, Frame, Frame)) -> (Stream, Stream) {
    (Stream::of(answer), Stream::of(complaint))
}

/// Takes what is this stream's from the data, and leaves the rest. The status, once it has ended.
fn fill(stream: &mut Stream, data: &mut Bytes) -> Option<u32> {
    if stream.cut.ended().is_none() {
        stream.take(std::mem::take(data));
        *data = stream.cut.after();
    }
    stream.cut.ended()
}

fn answer(question: &Command, status: u32, stdout: &Stream, stderr: &Stream) -> Result<Output, RemoteError> {
    let unknown = |why: String| Err(RemoteError::OutcomeUnknown { why });
    match killed(status) {
        _ if status == TIMED_OUT => unknown(format!("it did not end within {:?}, its deadline", question.deadline)),
        Some(signal) => unknown(format!("it was killed by the signal {signal}")),
        None => Ok(stream::output(status, stdout, stderr)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use std::io::Write;
    use std::process::Stdio;
    use std::time::Instant;

    use super::*;

    fn sh(text: &str) -> Command {
        Command::new("sh").args(["-c", text]).deadline(Duration::from_secs(1))
    }

    /// What a shell says that reads the text.
    fn said(text: &str) -> Vec<u8> {
        let mut shell = std::process::Command::new("sh");
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        shell.wait_with_output().unwrap().stdout
    }

    fn questions() -> [Command; 6] {
        [
            sh("printf one; printf err >&2; exit 3"),
            sh("cat; kill -TERM $$"),
            sh("exec sleep 9").deadline(Duration::from_secs(3)),
            sh("printf 'a b'\\''c'"),
            Command::new("printf").args(["%s", "it's", "a\nb!"]).deadline(Duration::from_secs(1)),
            sh("head -c 300000 /dev/zero | tr '\\0' x; head -c 100000 /dev/zero | tr '\\0' y >&2"),
        ]
    }

    #[test]
    fn each_question_has_its_own_answer_status_and_deadline_however_they_arrive() {
        let questions = questions();
        for piece in [7, 1 << 20] {
            let mut round = Round::of(&questions).unwrap();
            let said = said(&round.text().unwrap());
            let mut answers = Vec::new();
            for piece in said.chunks(piece) {
                answers.extend(round.hear(Bytes::copy_from_slice(piece)));
            }
            assert!(round.over());
            assert!(answers.iter().map(|(place, _)| *place).eq(0..6));
            assert!(
                answers[5].1.is_none(),
                "it waits behind one that takes longer than its own second, and its pipe is full"
            );
            let answers: Vec<_> = answers.into_iter().filter_map(|(_, answer)| answer).collect();
            let text = |at: usize| answers[at].as_ref().unwrap();
            assert_eq!(text(0), &Output { status: 3, stdout: "one".into(), stderr: "err".into() });
            let unknown = |at: usize, why: &str| matches!(&answers[at], Err(RemoteError::OutcomeUnknown { why: said }) if said.contains(why));
            assert!(unknown(1, "TERM") && unknown(2, "3s, its deadline"), "{answers:?}");
            assert_eq!((text(3).stdout.as_str(), text(4).stdout.as_str()), ("a b'c", "it'sa\nb!"));
        }
    }

    #[test]
    fn a_long_answer_comes_whole() {
        let long = "head -c 3000000 /dev/zero | tr '\\0' x; head -c 200000 /dev/zero | tr '\\0' y >&2; sleep 0.3";
        let questions = [sh("sleep 0.3"), sh(long).deadline(Duration::from_secs(9)), sh("echo after")];
        let mut round = Round::of(&questions).unwrap();
        let answers = round.hear(said(&round.text().unwrap()).into());
        let whole = answers[1].1.as_ref().unwrap().as_ref().unwrap();
        assert_eq!((whole.stdout.len(), whole.stderr.len(), round.over()), (3_000_000, 200_000, true));
    }

    #[test]
    fn what_is_not_whole_is_not_answered() {
        let questions = questions();
        let whole = said(&Round::of(&questions).unwrap().text().unwrap());
        assert!(Round::of(&questions).unwrap().hear(whole.into()).is_empty(), "marks of another round mean nothing");
        let mut round = Round::of(&questions).unwrap();
        let said = said(&round.text().unwrap());
        round.hear(Bytes::copy_from_slice(&said[..said.len() / 2]));
        assert!(round.answered() < 6 && !round.over());
    }

    #[test]
    fn they_are_asked_at_once() {
        let questions: Vec<Command> = (0..8).map(|_| Command::new("sleep").arg("0.5")).collect();
        let mut round = Round::of(&questions).unwrap();
        let begun = Instant::now();
        round.hear(said(&round.text().unwrap()).into());
        assert!(round.over() && begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }

    #[test]
    fn what_has_input_or_moves_much_is_asked_by_itself() {
        let one = || Command::new("true");
        assert!(Round::of(&[one(), one()]).is_some());
        assert!(Round::of(&[one(), one().stdin("x")]).is_none());
        assert!(Round::of(&[one(), one().bulk()]).is_none());
        assert!(Round::of(&[one(), Command { moving: true, ..one() }]).is_none());
        assert!(Round::of(&[one(), Command { root: false, ..one() }]).is_none());
    }
}
