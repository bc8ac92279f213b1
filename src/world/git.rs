//! Reads git's objects: plumbing commands only, which start no hook, filter or transport. Does not know what a file
//! means.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The most that git may answer to one question: a listing of many long names.
const MOST_ANSWER: u64 = 64 << 20;
/// The most that is kept of what git complains about; the rest is read and dropped, so that git never waits for us.
const MOST_SAID: u64 = 64 << 10;
/// What git may know of our environment: where it is, what it is set to, and nothing that opens anything.
const KNOWN: &[&str] = &[
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "TMPDIR",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
];

/// git with these arguments. No transport may be used, so that a partial clone stays as it is.
fn git(arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(["--no-pager", "-c", "protocol.allow=never"]).args(arguments).env_clear();
    command.envs(KNOWN.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    // Where a job says that a checkout of another user's is safe.
    let of_configuration = |name: &str| name == "GIT_CONFIG_COUNT" || name.starts_with("GIT_CONFIG_KEY_");
    let said = std::env::vars_os().filter(|(name, _)| {
        name.to_str().is_some_and(|name| of_configuration(name) || name.starts_with("GIT_CONFIG_VALUE_"))
    });
    command.envs(said);
    // Its words are read, so they are in the language that we read.
    command.envs([("GIT_OPTIONAL_LOCKS", "0"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_NO_LAZY_FETCH", "1")]);
    command.env("LC_ALL", "C").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn spawn(mut command: Command) -> io::Result<Child> {
    command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), "git is not installed"),
        _ => error,
    })
}

/// Reads what git complains about beside what is asked of it.
fn listen(child: &mut Child) -> thread::JoinHandle<Vec<u8>> {
    let stderr = child.stderr.take();
    thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            let _ = stderr.by_ref().take(MOST_SAID).read_to_end(&mut said);
            let _ = io::copy(&mut stderr, &mut io::sink());
        }
        said
    })
}

/// Asks git something.
///
/// # Errors
/// What git says, or that its answer is too long: a part of it is no answer.
pub(super) fn ask(arguments: &[&str]) -> io::Result<Vec<u8>> {
    let mut command = git(arguments);
    command.stdin(Stdio::null());
    let mut child = spawn(command)?;
    let said = listen(&mut child);
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MOST_ANSWER + 1).read_to_end(&mut answer)?;
    }
    if answer.len() as u64 > MOST_ANSWER {
        let _ = child.kill();
        let _ = child.wait();
        return Err(io::Error::other("git's answer is too long; name a directory in it"));
    }
    let ended = child.wait()?;
    if ended.success() {
        return Ok(answer);
    }
    Err(complaint(&said.join().unwrap_or_default()))
}

fn complaint(said: &[u8]) -> io::Error {
    let said = String::from_utf8_lossy(said);
    let said = said.trim().trim_start_matches("fatal: ").lines().next().unwrap_or("git failed").to_owned();
    let said = match said.as_str() {
        "Needed a single revision" => "no such revision, or no such path in it",
        "" => "git failed without a message",
        said => said,
    };
    io::Error::other(crate::model::command::clean(said))
}

/// Reads objects by one `git cat-file --batch`, begun when the first is read.
#[derive(Debug, Default)]
pub(super) struct Objects(Mutex<Option<Batch>>);

#[derive(Debug)]
struct Batch {
    child: Child,
    wants: ChildStdin,
    gives: BufReader<ChildStdout>,
    said: Option<thread::JoinHandle<Vec<u8>>>,
}

impl Objects {
    /// A blob of at most `most` bytes.
    ///
    /// # Errors
    /// When it is larger, is not there, or git ended.
    pub(super) fn read(&self, id: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut batch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = match batch.take() {
            Some(open) => open,
            None => Batch::begin()?,
        };
        let bytes = open.blob(id, most)?;
        // One that failed is not asked again: what it says next might belong to an earlier question.
        *batch = Some(open);
        Ok(bytes)
    }
}

impl Batch {
    fn begin() -> io::Result<Self> {
        let mut command = git(&["cat-file", "--batch"]);
        command.stdin(Stdio::piped());
        let mut child = spawn(command)?;
        let said = Some(listen(&mut child));
        match (child.stdin.take(), child.stdout.take()) {
            (Some(wants), Some(gives)) => Ok(Self { child, wants, gives: BufReader::new(gives), said }),
            _ => Err(io::Error::other("git was not started")),
        }
    }

    /// `ID blob SIZE`, the bytes, a line break; or `ID missing`.
    fn blob(&mut self, id: &str, most: u64) -> io::Result<Vec<u8>> {
        self.wants.write_all(format!("{id}\n").as_bytes())?;
        self.wants.flush()?;
        let mut header = String::new();
        (&mut self.gives).take(1024).read_line(&mut header)?;
        let words: Vec<&str> = header.split_whitespace().collect();
        let size: u64 = match words[..] {
            [_, "blob", size] => size.parse().map_err(|_| io::Error::other("git's answer cannot be read"))?,
            [_, "missing"] => return Err(io::Error::other("the object is not in this repository (a partial clone?)")),
            [] => {
                let _ = self.child.kill();
                return Err(complaint(&self.said.take().and_then(|said| said.join().ok()).unwrap_or_default()));
            }
            _ => return Err(io::Error::other("it is not a file in git")),
        };
        if size > most {
            return Err(super::regular::too_large(most));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        self.gives.read_exact(&mut bytes)?;
        self.gives.read_exact(&mut [0])?;
        Ok(bytes)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
