//! A connection that a command of this host makes, as OpenSSH's ProxyCommand: what it is given goes there, and what it gives
//! comes from there. Knows no SSH.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Join, ReadBuf, join};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use rustix::process::{Pid, Signal, kill_process_group};

use super::super::local::SUDO_PASSWORD;
use crate::model::command::clean;
use crate::run::ports::RemoteError;

/// The most that is kept of what it complains of.
const MOST_SAID: usize = 2 << 10;

/// How long its last words are waited for, once it is ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The command's input and output. It ends with this.
pub(super) struct Proxied {
    stream: Join<ChildStdout, ChildStdin>,
    child: Child,
}

impl Drop for Proxied {
    /// What it has started ends with it: all are of one process group.
    fn drop(&mut self) {
        let group = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            // Who has ended by itself is no failure.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What it complains of, once it has ended.
pub(super) type Said = JoinHandle<String>;

/// Starts it.
///
/// # Errors
/// When `setsid` (util-linux) cannot be started.
pub(super) fn begin(command: &str) -> io::Result<(Proxied, Said)> {
    // As OpenSSH: the shell gives way to the command, so that what is ended is the command itself. It has a session of its
    // own: the terminal's Ctrl-C lets the step under way end, and that needs the connection; and a question at the terminal
    // fails at once, where a process in the background would be stopped and wait for nobody.
    let line = format!("exec {command}");
    let mut child = Command::new("setsid")
        .args([SHELL, "-c", &line])
        .env_remove(SUDO_PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("setsid, which starts a ProxyCommand: {error}")))?;
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::Error::other("the ProxyCommand has no input and output"));
    };
    Ok((Proxied { stream: join(stdout, stdin), child }, tokio::spawn(complaints(stderr))))
}

/// Reads to the end, so that nothing holds the command up.
async fn complaints(mut stderr: ChildStderr) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        let room = MOST_SAID - kept.len();
        kept.extend_from_slice(&piece[..read.min(room)]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// What reads the command; what it says itself, of one that it cannot start, begins with its name.
const SHELL: &str = "/bin/sh";

/// The error of a connection that was not made, with what the command said. Its own text is not told: it may hold a password.
/// Where it could not be started, nobody has asked the master anything, so that it is not silent.
pub(super) async fn failed(error: RemoteError, said: Said) -> RemoteError {
    let RemoteError::Unreachable { why } = error else { return error };
    let said = timeout(LAST_WORDS, said).await.ok().and_then(Result::ok).unwrap_or_default();
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    let unstarted = last.is_some_and(|line| line.strip_prefix(SHELL).is_some_and(|rest| rest.starts_with(": ")));
    let said = last.map_or_else(|| "said nothing".to_owned(), |line| format!("said: {}", clean(line.trim())));
    let why = format!("{why}; its ProxyCommand in OpenSSH's configuration {said}");
    if unstarted { RemoteError::Denied { why } } else { RemoteError::Unreachable { why } }
}

impl AsyncRead for Proxied {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Proxied {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
