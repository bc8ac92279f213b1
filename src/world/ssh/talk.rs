//! One command over one session: its streams, its deadline, its exit status. Knows neither hosts nor sudo.

use std::time::Duration;

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::connection::{Connection, Session};
use super::frame::Frame;
use super::handover::{Handover, PromptScanner, SudoEvent};
use super::still::Still;
use super::stream::{self, Stream};
use crate::model::Output;
use crate::model::command::clean;
use crate::run::ports::{Pipes, RemoteError};

/// Pieces in which standard input is handed over.
const CHUNK: usize = 256 << 10;

/// The stream number of standard error.
const STDERR: u32 = 1;

/// What is said over a session.
pub(super) struct Talk {
    /// The line for the remote shell.
    pub(super) line: String,
    /// The marks in it around the command's answer.
    pub(super) frame: Frame,
    /// When it is given up.
    pub(super) still: Still,
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

/// How a line ended.
pub(super) enum Answer {
    /// The command ran to its end.
    Ran(Output),
    /// The line ended before the command began, so that nothing was run. The status is never 0.
    NotBegun(Output),
}

struct Heard {
    stdout: Stream,
    stderr: Stream,
    status: Option<u32>,
    signal: Option<String>,
    /// No more output will come.
    whole: bool,
}

/// Opens no more sessions on a connection whose command was abandoned: sshd counts it until the command itself ends.
struct Abandoned<'a>(Option<&'a Connection>);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0 {
            connection.retire();
        }
    }
}

/// Runs it to its end or its deadline.
///
/// # Errors
/// `Unreachable` when it was not sent, `Denied` when the host runs no commands, else `OutcomeUnknown`.
pub(super) async fn hold(session: Session, talk: Talk) -> Result<Answer, RemoteError> {
    let Session { connection, channel, _permit } = session;
    let Talk { line: text, frame, still, handover, stdin, pipes } = talk;
    let mut abandoned = Abandoned(Some(&connection));
    match still.bounds(channel.exec(true, text)).await {
        Some(Ok(())) => {}
        Some(Err(_)) => return Err(RemoteError::Unreachable { why: connection.ended.reason().to_owned() }),
        None => return Err(RemoteError::Unreachable { why: format!("it could not be sent{still}") }),
    }
    let (mut read, write) = channel.split();
    let mut heard = Heard::of(&frame);
    let over = {
        // Few events fit in one text, and whoever waits for them takes them.
        let (tell, events) = mpsc::unbounded_channel();
        let scanner = handover.as_ref().map(|handover| handover.scanner(&frame));
        let listening = listen(&mut read, &mut heard, pipes.stdout, (scanner, tell), &still);
        let talking = async {
            // Without input the end of it is sent at once: a shell's file that reads must not wait for ever.
            let silent = handover.is_none() && stdin.is_none() && pipes.stdin.is_none();
            if silent || may_speak(&write, handover, events).await {
                speak(&write, stdin, pipes.stdin, &still).await;
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
        still.bounds(both).await.unwrap_or(Over::TooLate)
    };
    if let Over::Closed = over {
        abandoned.0 = None;
    } else {
        // A session task that is stuck takes no messages; the connection goes down with its last user then.
        let _ = timeout(Duration::from_millis(200), write.close()).await;
    }
    heard.outcome(over, &still, &connection)
}

async fn listen(
    read: &mut ChannelReadHalf,
    heard: &mut Heard,
    stdout: Option<mpsc::Sender<Bytes>>,
    (mut scanner, tell): (Option<PromptScanner>, mpsc::UnboundedSender<SudoEvent>),
    still: &Still,
) -> Over {
    while let Some(message) = read.wait().await {
        still.moved();
        match message {
            ChannelMsg::Data { data } => {
                let own = heard.stdout.cut.hear(data);
                match &stdout {
                    None => heard.stdout.keep(&own),
                    Some(taker) if !own.is_empty() => {
                        if taker.send(own).await.is_err() {
                            return Over::NobodyTakesOutput;
                        }
                    }
                    Some(_) => {}
                }
            }
            ChannelMsg::ExtendedData { data, ext: STDERR } => heard.attend(scanner.as_mut(), data, &tell),
            ChannelMsg::ExitStatus { exit_status } => heard.status = Some(exit_status),
            ChannelMsg::ExitSignal { signal_name, .. } => heard.signal = Some(format!("{signal_name:?}")),
            ChannelMsg::Eof => heard.whole = true,
            ChannelMsg::Close => {
                if let Some(scanner) = &mut scanner {
                    heard.stderr.take(scanner.rest().into());
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
    mut events: mpsc::UnboundedReceiver<SudoEvent>,
) -> bool {
    let mut password = handover.as_ref().map(Handover::line);
    while let Some(event) = events.recv().await {
        match (event, password.take()) {
            (SudoEvent::Begun, _) => return true,
            (SudoEvent::Asked, Some(line)) => {
                if write.data_bytes(line).await.is_err() {
                    return false;
                }
            }
            // It has refused the password. Without more input it gives up, and the account is not locked.
            (SudoEvent::Asked, None) => return false,
        }
    }
    false
}

/// Sends all input. A host that stops taking it is told by what comes back, so errors here say nothing.
async fn speak(
    write: &ChannelWriteHalf<Msg>,
    stdin: Option<Bytes>,
    stream: Option<mpsc::Receiver<Bytes>>,
    still: &Still,
) {
    if let Some(mut stream) = stream {
        while let Some(chunk) = stream.recv().await {
            if !send(write, chunk, still).await {
                return;
            }
        }
    } else if let Some(stdin) = stdin {
        send(write, stdin, still).await;
    }
}

async fn send(write: &ChannelWriteHalf<Msg>, mut bytes: Bytes, still: &Still) -> bool {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(CHUNK));
        if write.data_bytes(piece).await.is_err() {
            return false;
        }
        still.moved();
    }
    true
}

impl Heard {
    fn of(frame: &Frame) -> Self {
        Self { stdout: Stream::of(frame), stderr: Stream::of(frame), status: None, signal: None, whole: false }
    }

    /// Takes a piece of standard error, in which sudo may speak before the command begins.
    fn attend(&mut self, scanner: Option<&mut PromptScanner>, data: Bytes, tell: &mpsc::UnboundedSender<SudoEvent>) {
        let before = self.stderr.cut.begun();
        match scanner {
            Some(scanner) if !before => {
                let (text, events) = scanner.scan(&data);
                if events.contains(&SudoEvent::Begun) {
                    self.stderr.cut.begin();
                }
                self.stderr.take(text.into());
                // Nobody may wait for them any more.
                for event in events {
                    let _ = tell.send(event);
                }
            }
            _ => {
                self.stderr.take(data);
                if !before && self.stderr.cut.begun() {
                    let _ = tell.send(SudoEvent::Begun);
                }
            }
        }
    }

    fn outcome(self, over: Over, still: &Still, connection: &Connection) -> Result<Answer, RemoteError> {
        let begun = self.stdout.cut.begun() || self.stderr.cut.begun();
        let ended = match (&over, self.stdout.cut.ended().zip(self.stderr.cut.ended())) {
            (Over::Refused, _) => {
                return Err(RemoteError::Denied { why: "the host refuses to run commands".to_owned() });
            }
            (Over::NobodyTakesOutput, _) => "its output was no longer wanted".to_owned(),
            (_, Some((status, _))) => match killed(status) {
                None => return Ok(Answer::Ran(stream::output(status, &self.stdout, &self.stderr))),
                Some(signal) => format!("it was killed by the signal {signal}"),
            },
            (Over::Closed, None) if self.whole && !begun => return Ok(Answer::NotBegun(self.not_begun())),
            (Over::TooLate, None) if !begun => format!("it had not started{still}"),
            (Over::TooLate, None) => format!("it did not end{still}"),
            (Over::Closed, None) if self.whole && self.lost().is_some() => format!(
                "its standard {} never came: a file that its login shell reads (~/.bashrc, /etc/bash.bashrc, ~/.zshenv) leads \
                 it elsewhere; look there for `exec >`",
                self.lost().unwrap_or_default()
            ),
            (Over::Closed, None) => match &self.signal {
                Some(signal) => format!("it was killed by the signal {signal}"),
                None if self.whole => "the shell around it ended before it did".to_owned(),
                None => connection.ended.reason().to_owned(),
            },
        };
        let status = self.status.map(|status| format!("; it exited with {status}, but its output was not whole"));
        let said = self.stderr.said();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        let said = last.map(|last| format!("; it last said: {}", clean(last))).unwrap_or_default();
        let status = status.filter(|_| self.stdout.cut.ended().is_none()).unwrap_or_default();
        Err(RemoteError::OutcomeUnknown { why: format!("{ended}{status}{said}") })
    }

    /// The stream of which nothing came, where the other one is whole.
    fn lost(&self) -> Option<&'static str> {
        match (&self.stdout.cut, &self.stderr.cut) {
            (out, err) if !out.begun() && err.ended().is_some() => Some("output"),
            (out, err) if !err.begun() && out.ended().is_some() => Some("error"),
            _ => None,
        }
    }

    fn not_begun(&self) -> Output {
        let status = self.status.filter(|status| *status != 0).unwrap_or(1);
        Output { status, stdout: self.stdout.said(), stderr: self.stderr.said() }
    }
}

/// The signal that ended a command, as a shell's status tells it.
pub(super) fn killed(status: u32) -> Option<String> {
    const NAMES: [(u32, &str); 8] =
        [(1, "HUP"), (2, "INT"), (6, "ABRT"), (9, "KILL"), (11, "SEGV"), (13, "PIPE"), (14, "ALRM"), (15, "TERM")];
    let signal = status.checked_sub(128).filter(|signal| (1..32).contains(signal))?;
    let name = NAMES.iter().find(|(number, _)| *number == signal);
    Some(name.map_or_else(|| signal.to_string(), |(_, name)| (*name).to_owned()))
}
