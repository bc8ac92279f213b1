//! The terminal: on a terminal one live line per master, elsewhere plain timestamped lines; prompts. Never fails a run.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use crate::model::MasterName;
use crate::run::ports::{Console, Event, Prompt, Screen};

/// Redraws a second: enough to look alive, little enough for a serial console.
const HERTZ: u8 = 10;

/// Writes a line to standard error; a closed terminal is no reason to stop a run.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Why an answer is not whole on standard output.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Writes to standard output; that it cannot is no reason to stop a run, and a closed pipe is what its reader wanted.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => drop(UNWRITTEN.set(error.to_string())),
        _ => {}
    }
}

/// Why what was printed did not arrive whole, where it did not.
#[must_use]
pub fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// How many columns standard output's terminal has, where it is one.
fn width() -> Option<usize> {
    size().map(|(columns, _)| columns)
}

/// How the person wants to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// Only warnings and failures of what is told on the way.
    pub quiet: bool,
    /// Whether messages are coloured, where the person says so.
    pub colour: Option<bool>,
}

impl Manner {
    /// Whether standard error may be coloured.
    fn coloured(self) -> bool {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        self.colour.unwrap_or_else(|| io::stderr().is_terminal() && !plain)
    }
}

fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    // A serial line may not know its size.
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
}

/// How the person's terminal was set when we began, where there is one.
pub struct Modes(Option<rustix::termios::Termios>);

impl Modes {
    /// As it is now.
    #[must_use]
    pub fn now() -> Self {
        Self(rustix::termios::tcgetattr(io::stdin()).ok())
    }

    /// As it was: whoever ends in the middle of a question for a password leaves it silent otherwise.
    pub fn restore(&self) {
        if let Some(modes) = &self.0 {
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, modes);
        }
    }
}

/// A terminal's screen that is drawn over and over. What stood on it before is scrolled away, not lost.
pub struct Drawn(());

impl Drawn {
    /// Standard output's screen, where it is a terminal that can move its cursor.
    #[must_use]
    pub fn of_stdout() -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let (_, rows) = size().filter(|_| io::stdout().is_terminal() && !dumb)?;
        print(&"\n".repeat(rows));
        Some(Self(()))
    }
}

impl Screen for Drawn {
    /// What does not fit below is left out, and that is said.
    fn draw(&self, text: &str) {
        if let Some((columns, rows)) = size() {
            print(&drawing(text, columns, rows));
        }
    }
}

/// From the top left corner, each line's rest and all below it cleared. The last row stays free for the cursor.
fn drawing(text: &str, columns: usize, rows: usize) -> String {
    let mut out = "\u{1b}[H".to_owned();
    let mut left = rows.saturating_sub(1);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let takes = line.chars().count().div_ceil(columns.max(1)).max(1);
        let needed = takes + usize::from(lines.peek().is_some());
        if needed > left {
            out += "… (the terminal is too small for the rest)\u{1b}[K\n";
            break;
        }
        left -= takes;
        out += &format!("{line}\u{1b}[K\n");
    }
    out + "\u{1b}[J"
}

/// The console for where we are: live lines on a terminal, plain ones elsewhere.
#[must_use]
pub fn console(manner: Manner) -> Box<dyn Console> {
    // Quiet, there is nothing to redraw.
    if io::stderr().is_terminal() && !manner.quiet {
        Box::new(Live::new(manner))
    } else {
        Box::new(Plain { manner, ..Plain::default() })
    }
}

/// One line an event, with UTC time. A wait is repeated only every few seconds.
#[derive(Default)]
pub struct Plain {
    manner: Manner,
    last_wait: Mutex<BTreeMap<MasterName, Duration>>,
}

/// How often a wait is mentioned where nothing can be redrawn.
const WAIT_LINE_EVERY: Duration = Duration::from_secs(3);

impl Console for Plain {
    fn tell(&self, event: Event) {
        if self.manner.quiet && !matches!(event, Event::Warning { .. } | Event::Failed { .. }) {
            return;
        }
        if let Event::Waiting { host, waited, .. } | Event::Moving { host, took: waited, .. } = &event {
            let mut last = self.last_wait.lock().unwrap_or_else(PoisonError::into_inner);
            let before = last.get(host).copied();
            if before.is_some_and(|before| *waited >= before && *waited - before < WAIT_LINE_EVERY) {
                return;
            }
            last.insert(host.clone(), *waited);
        }
        match line(&event) {
            // A gap in what is read, and no event.
            Some(line) if line.is_empty() => say(""),
            Some(line) => say(&format!("{} {line}", clock())),
            None => {}
        }
    }

    fn print(&self, text: &str) {
        print(text);
    }

    fn say(&self, text: &str) {
        say(text);
    }

    fn coloured(&self) -> bool {
        self.manner.coloured()
    }

    fn width(&self) -> Option<usize> {
        width()
    }

    fn screen(&self) -> Option<Box<dyn Screen>> {
        Drawn::of_stdout().map(|screen| Box::new(screen) as Box<dyn Screen>)
    }
}

fn clock() -> String {
    Timestamp::now().to_zoned(TimeZone::UTC).strftime("%H:%M:%SZ").to_string()
}

/// An event as one line.
fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Stage { number, of, title } => format!("[{number}/{of}] {title}"),
        Event::Begun { .. } => return None,
        Event::Waiting { host, what, waited, limit } => {
            format!("  {host}: waiting ({:.0} s of at most {:.0} s): {what}", waited.as_secs_f64(), limit.as_secs_f64())
        }
        Event::Moving { host, what, .. } => format!("  {host}: {what}"),
        Event::Ran { host, what, took } => format!("  {host}$ {what} ({:.2} s)", took.as_secs_f64()),
        Event::Done { host, note, took } => format!("  {host}: {note} ({:.2} s)", took.as_secs_f64()),
        Event::Failed { host, why } => format!("  {host}: FAILED: {why}"),
        Event::Warning { text } => format!("warning: {text}"),
        Event::Said { text } => text.clone(),
    })
}

/// A live line a master below the lines that stay.
pub struct Live {
    manner: Manner,
    bars: MultiProgress,
    lines: Mutex<BTreeMap<MasterName, ProgressBar>>,
}

impl Live {
    fn new(manner: Manner) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(HERTZ));
        Self { manner, bars, lines: Mutex::default() }
    }

    fn bar(&self, host: &MasterName) -> ProgressBar {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let bar = self.bars.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("  {spinner} {prefix:8} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(host.to_string());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        };
        lines.entry(host.clone()).or_insert_with(make).clone()
    }

    fn clear(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for bar in std::mem::take(&mut *lines).into_values() {
            bar.finish_and_clear();
        }
    }
}

impl Console for Live {
    fn tell(&self, event: Event) {
        match &event {
            Event::Begun { host, title } => self.bar(host).set_message(title.clone()),
            Event::Waiting { host, what, waited, limit } => {
                let clock = format!("{:.0}/{:.0} s", waited.as_secs_f64(), limit.as_secs_f64());
                self.bar(host).set_message(format!("waiting {clock}: {what}"));
            }
            Event::Moving { host, what, .. } => self.bar(host).set_message(what.clone()),
            other => {
                if let Event::Done { host, .. } | Event::Failed { host, .. } = other
                    && let Some(bar) = self.lines.lock().unwrap_or_else(PoisonError::into_inner).remove(host)
                {
                    bar.finish_and_clear();
                }
                if matches!(other, Event::Said { .. }) {
                    self.clear();
                }
                if let Some(line) = line(other) {
                    self.bars.suspend(|| say(&line));
                }
            }
        }
    }

    fn print(&self, text: &str) {
        print(text);
    }

    fn say(&self, text: &str) {
        say(text);
    }

    fn coloured(&self) -> bool {
        self.manner.coloured()
    }

    fn width(&self) -> Option<usize> {
        width()
    }

    fn screen(&self) -> Option<Box<dyn Screen>> {
        Drawn::of_stdout().map(|screen| Box::new(screen) as Box<dyn Screen>)
    }
}

/// Asks the person at the terminal.
pub struct Person {
    attended: bool,
}

impl Person {
    /// Somebody can answer only where both ends are a terminal.
    #[must_use]
    pub fn new() -> Self {
        Self { attended: io::stdin().is_terminal() && io::stderr().is_terminal() }
    }
}

impl Default for Person {
    fn default() -> Self {
        Self::new()
    }
}

impl Prompt for Person {
    fn attended(&self) -> bool {
        self.attended
    }

    fn line(&self, question: &str) -> io::Result<String> {
        if !self.attended {
            return Err(io::Error::other("there is no terminal to ask at"));
        }
        {
            let mut err = io::stderr().lock();
            write!(err, "{question} ")?;
            err.flush()?;
        }
        let mut answer = String::new();
        if io::stdin().lock().read_line(&mut answer)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer"));
        }
        Ok(answer.trim().to_owned())
    }

    fn secret(&self, question: &str) -> io::Result<Zeroizing<String>> {
        if !self.attended {
            return Err(io::Error::other("there is no terminal to ask at"));
        }
        rpassword::prompt_password(format!("{question} ")).map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_never_scrolls() {
        let shown = |text, columns, rows| drawing(text, columns, rows).replace('\u{1b}', "^");
        assert_eq!(shown("one\ntwo\n", 80, 4), "^[Hone^[K\ntwo^[K\n^[J");
        assert_eq!(
            shown("one\ntwo\nthree\nfour\n", 80, 4),
            "^[Hone^[K\ntwo^[K\n… (the terminal is too small for the rest)^[K\n^[J"
        );
        // A line that wraps takes two rows.
        assert_eq!(
            shown("0123456789ab\ntwo\nthree\n", 10, 4),
            "^[H0123456789ab^[K\n… (the terminal is too small for the rest)^[K\n^[J"
        );
    }
}
