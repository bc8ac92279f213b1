//! One command over one session: its streams, its deadline, its exit status. Knows neither hosts nor sudo.

use std::time::Duration;

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::handover::{Cue, Ear, Handover};
use super::line::{Line, Session};
use crate::model::Output;
use crate::model::command::clean;
use crate::run::ports::{Pipes, RemoteError};

/// The most that is kept of either stream; the rest is read and dropped. Answers we parse are some kilobytes, and a
/// host gone mad must not take the bastion's memory.
const LARGEST_OUTPUT: usize = 4 << 20;

/// Pieces in which standard input is handed over.
const CHUNK: usize = 256 << 10;

/// The stream number of standard error.
const STDERR: u32 = 1;

/// What is said over a session.
pub(super) struct Talk {
    /// The line for the remote shell.
    pub(super) line: String,
    /// When it is given up.
    pub(super) deadline: Duration,
    /// Where sudo asks for a password: what it is given, before all other input.
    pub(super) handover: Option<Handover>,
    /// Input held in memory.
    pub(super) stdin: Option<Bytes>,
    /// Streams.
    pub(super) pipes: Pipes,
}

/// Why listening ended.
enum Over {
    Closed,
    Refused,
    NobodyTakesOutput,
    TooLate,
}

#[derive(Default)]
struct Heard {
    stdout: Capped,
    stderr: Capped,
    status: Option<u32>,
    signal: Option<String>,
    /// No more output will come.
    whole: bool,
}

#[derive(Default)]
struct Capped {
    bytes: Vec<u8>,
    cut: bool,
}

impl Capped {
    fn take(&mut self, data: &[u8]) {
        let room = LARGEST_OUTPUT - self.bytes.len();
        self.cut |= data.len() > room;
        self.bytes.extend_from_slice(&data[..data.len().min(room)]);
    }
}

/// Opens no more sessions on a line whose command was abandoned: sshd counts it until the command itself ends.
struct Abandoned<'a>(Option<&'a Line>);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.0 {
            line.retire();
        }
    }
}

/// Runs it to its end or its deadline.
///
/// # Errors
/// `Unreachable` when it was not sent, `Denied` when the host runs no commands, else `OutcomeUnknown`.
pub(super) async fn hold(session: Session, talk: Talk) -> Result<Output, RemoteError> {
    let Session { line, channel, _permit } = session;
    let Talk { line: text, deadline, handover, stdin, pipes } = talk;
    let until = Instant::now() + deadline;
    let mut abandoned = Abandoned(Some(&line));
    match timeout_at(until, channel.exec(true, text)).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => return Err(RemoteError::Unreachable { why: line.ended.reason().to_owned() }),
        Err(_) => return Err(RemoteError::Unreachable { why: format!("it could not be sent within {deadline:?}") }),
    }
    let (mut read, write) = channel.split();
    let mut heard = Heard::default();
    let over = {
        // Few cues fit in one text, and whoever waits for them takes them.
        let (tell, cues) = mpsc::unbounded_channel();
        let ear = handover.as_ref().map(|handover| (handover.ear(), tell));
        let listening = listen(&mut read, &mut heard, pipes.stdout, ear);
        let talking = async {
            if may_speak(&write, handover, cues).await {
                speak(&write, stdin, pipes.stdin).await;
            }
            let _ = write.eof().await;
        };
        let both = async {
            tokio::pin!(listening, talking);
            let mut spoken = false;
            loop {
                tokio::select! {
                    over = &mut listening => return over,
                    () = &mut talking, if !spoken => spoken = true,
                }
            }
        };
        timeout_at(until, both).await.unwrap_or(Over::TooLate)
    };
    if let Over::Closed = over {
        abandoned.0 = None;
    } else {
        // A session task that is stuck takes no messages; the connection goes down with its last user then.
        let _ = timeout(Duration::from_millis(200), write.close()).await;
    }
    heard.outcome(over, deadline, &line)
}

async fn listen(
    read: &mut ChannelReadHalf,
    heard: &mut Heard,
    stdout: Option<mpsc::Sender<Bytes>>,
    mut ear: Option<(Ear, mpsc::UnboundedSender<Cue>)>,
) -> Over {
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::Data { data } => match &stdout {
                None => heard.stdout.take(&data),
                Some(taker) => {
                    if taker.send(data).await.is_err() {
                        return Over::NobodyTakesOutput;
                    }
                }
            },
            ChannelMsg::ExtendedData { data, ext: STDERR } => match &mut ear {
                None => heard.stderr.take(&data),
                Some((ear, tell)) => heard.attend(ear, &data, tell),
            },
            ChannelMsg::ExitStatus { exit_status } => heard.status = Some(exit_status),
            ChannelMsg::ExitSignal { signal_name, .. } => heard.signal = Some(format!("{signal_name:?}")),
            ChannelMsg::Eof => heard.whole = true,
            ChannelMsg::Close => {
                if let Some((ear, _)) = &mut ear {
                    heard.stderr.take(&ear.rest());
                }
                heard.whole = true;
                return Over::Closed;
            }
            ChannelMsg::Failure if heard.status.is_none() => return Over::Refused,
            _ => {}
        }
    }
    Over::Closed
}

/// Waits until what is sent is the command's own input; sudo gets its password meanwhile, once, when it asks. False
/// where there will be no command to send anything to.
async fn may_speak(
    write: &ChannelWriteHalf<Msg>,
    handover: Option<Handover>,
    mut cues: mpsc::UnboundedReceiver<Cue>,
) -> bool {
    let Some(handover) = handover else { return true };
    let mut given = false;
    while let Some(cue) = cues.recv().await {
        match cue {
            Cue::Begun => return true,
            // It has refused the password. Without more input it gives up, and the account is not locked.
            Cue::Asked if given => return false,
            Cue::Asked => {
                given = true;
                if write.data_bytes(handover.line()).await.is_err() {
                    return false;
                }
            }
        }
    }
    false
}

/// Sends all input. A host that stops taking it is told by what comes back, so errors here say nothing.
async fn speak(write: &ChannelWriteHalf<Msg>, stdin: Option<Bytes>, stream: Option<mpsc::Receiver<Bytes>>) {
    if let Some(mut stream) = stream {
        while let Some(chunk) = stream.recv().await {
            if !send(write, chunk).await {
                return;
            }
        }
    } else if let Some(stdin) = stdin {
        send(write, stdin).await;
    }
}

async fn send(write: &ChannelWriteHalf<Msg>, mut bytes: Bytes) -> bool {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(CHUNK));
        if write.data_bytes(piece).await.is_err() {
            return false;
        }
    }
    true
}

impl Heard {
    /// Takes a piece of standard error in which sudo may speak first.
    fn attend(&mut self, ear: &mut Ear, data: &[u8], tell: &mpsc::UnboundedSender<Cue>) {
        let (text, cues) = ear.hear(data);
        if cues.contains(&Cue::Begun) {
            self.stderr = Capped::default();
        }
        self.stderr.take(&text);
        for cue in cues {
            // Nobody may wait for it any more.
            let _ = tell.send(cue);
        }
    }

    fn outcome(self, over: Over, deadline: Duration, line: &Line) -> Result<Output, RemoteError> {
        let ended = match (&over, self.status) {
            (Over::Closed, Some(status)) if self.whole => return Ok(self.output(status)),
            (Over::Refused, _) => {
                return Err(RemoteError::Denied { why: "the host refuses to run commands".to_owned() });
            }
            (Over::NobodyTakesOutput, _) => "its output was no longer wanted".to_owned(),
            (Over::TooLate, _) => format!("it did not end within {deadline:?}, its deadline"),
            (Over::Closed, _) => match &self.signal {
                Some(signal) => format!("it was killed by the signal {signal}"),
                None => line.ended.reason().to_owned(),
            },
        };
        let status = self.status.map(|status| format!("; it exited with {status}, but its output was not whole"));
        let said = self.stderr.text();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        let said = last.map(|last| format!("; it last said: {}", clean(last))).unwrap_or_default();
        Err(RemoteError::OutcomeUnknown { why: format!("{ended}{}{said}", status.unwrap_or_default()) })
    }

    fn output(self, status: u32) -> Output {
        let mut stderr = self.stderr.text();
        if self.stderr.cut {
            stderr.push_str("… cut");
        }
        if self.stdout.cut {
            stderr.push_str("\nstandard output longer than 4 MiB … cut");
        }
        Output { status, stdout: self.stdout.text(), stderr }
    }
}

impl Capped {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
