//! Asks several questions in one session: a host may allow only one session at a time, and each one begins with a login
//! shell. Knows neither sudo nor connections.

use std::time::Duration;

use bytes::Bytes;

use super::frame::Frame;
use super::quote::{self, Rise};
use super::talk::killed;
use crate::model::{Command, Output};
use crate::run::ports::RemoteError;

/// `timeout`'s own word for "it did not end".
const TIMED_OUT: u32 = 124;

/// Questions that go together.
pub(super) struct Bundle<'a> {
    questions: Vec<(&'a Command, Frame)>,
    pub(super) deadline: Duration,
}

impl<'a> Bundle<'a> {
    /// Of questions that only differ in their words; none where they do not go together.
    pub(super) fn of(questions: &'a [Command]) -> Option<Self> {
        let alike = |one: &Command| one.stdin.is_none() && !one.bulk && one.root == questions[0].root;
        if questions.len() < 2 || !questions.iter().all(alike) {
            return None;
        }
        // Each ends at its own deadline. Together they take some tenths of a second; where one hangs, all are asked
        // again by themselves.
        let deadline = questions.iter().map(|one| one.deadline).max()? + Duration::from_secs(2);
        Some(Self { questions: questions.iter().map(|one| (one, Frame::new())).collect(), deadline })
    }

    /// Whether they run as root.
    pub(super) fn root(&self) -> bool {
        self.questions.iter().any(|(question, _)| question.root)
    }

    /// The line for all of them.
    ///
    /// # Errors
    /// `Denied` when one is not final; nothing was run then.
    pub(super) fn line(&self, rise: Rise<'_>, frame: &Frame) -> Result<String, RemoteError> {
        quote::bundle_line(&self.questions, self.deadline, rise, frame)
    }

    /// Each one's answer, in their order.
    pub(super) fn answers(&self, said: &Output) -> Vec<Result<Output, RemoteError>> {
        self.questions.iter().map(|(question, frame)| answer(question, frame, said)).collect()
    }
}

fn answer(question: &Command, frame: &Frame, said: &Output) -> Result<Output, RemoteError> {
    let unknown = |why: String| Err(RemoteError::OutcomeUnknown { why });
    let own = |text: &str| {
        let mut cut = frame.cut();
        let own = cut.hear(Bytes::copy_from_slice(text.as_bytes()));
        Some((cut.ended()?, String::from_utf8_lossy(&own).into_owned()))
    };
    let (Some((status, stdout)), Some((_, stderr))) = (own(&said.stdout), own(&said.stderr)) else {
        return unknown("its answer was cut".to_owned());
    };
    match killed(status) {
        _ if status == TIMED_OUT => unknown(format!("it did not end within {:?}, its deadline", question.deadline)),
        Some(signal) => unknown(format!("it was killed by the signal {signal}")),
        None => Ok(Output { status, stdout, stderr }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn each_question_has_its_own_answer_status_and_deadline() {
        let sh = |text: &str| Command::new("sh").args(["-c", text]).deadline(Duration::from_secs(1));
        let questions = [
            sh("printf one; printf err >&2; exit 3"),
            sh("cat; kill -TERM $$"),
            sh("exec sleep 5"),
            sh("printf 'a b'\\''c'"),
            Command::new("printf").args(["%s", "it's", "a\nb!"]).deadline(Duration::from_secs(1)),
        ];
        let bundle = Bundle::of(&questions).unwrap();
        let frame = Frame::new();
        let line = bundle.line(Rise::Stay, &frame).unwrap();
        let said = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = Output { status: 0, stdout: text(said.stdout), stderr: text(said.stderr) };
        let answers = bundle.answers(&said);
        assert_eq!(answers[0], Ok(Output { status: 3, stdout: "one".into(), stderr: "err".into() }));
        assert!(matches!(&answers[1], Err(RemoteError::OutcomeUnknown { why }) if why.contains("TERM")), "{answers:?}");
        assert!(matches!(&answers[2], Err(RemoteError::OutcomeUnknown { why }) if why.contains("1s, its deadline")));
        assert_eq!(answers[3].as_ref().unwrap().stdout, "a b'c");
        assert_eq!(answers[4].as_ref().unwrap().stdout, "it'sa\nb!");
        let cut = Output { stdout: said.stdout[..said.stdout.len() / 2].to_owned(), ..said };
        assert!(bundle.answers(&cut).iter().any(Result::is_err));
    }

    #[test]
    fn what_has_input_or_moves_much_is_asked_by_itself() {
        let one = || Command::new("true");
        assert!(Bundle::of(&[one()]).is_none());
        assert!(Bundle::of(&[one(), one().stdin("x")]).is_none());
        assert!(Bundle::of(&[one(), one().bulk()]).is_none());
        assert!(Bundle::of(&[one(), Command { root: false, ..one() }]).is_none());
    }
}
