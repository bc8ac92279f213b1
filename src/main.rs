//! Builds the world from the environment, calls the verb, ends with its exit code. Nothing else exits the process.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::{ColorChoice, CommandFactory, FromArgMatches, ValueEnum};
use requorum::cli::{
    self,
    args::{Cli, Colour, Common},
};
use requorum::model::command::is_hostile;
use requorum::run::exit;
use requorum::run::ports::{Console, Prompt};
use requorum::run::session::Operator;
use requorum::verbs::{Acting, Site};
use requorum::world::bastion::{self, ThisHost};
use requorum::world::checkout::Checkout;
use requorum::world::clock::SystemClock;
use requorum::world::completion::{self, Known};
use requorum::world::local::SUDO_PASSWORD;
use requorum::world::ssh::Unlocked;
use requorum::world::terminal;
use tokio::sync::watch;

fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let known = Known { inventory: inventory(), state: state() };
    match completion::answered(Cli::command(), cli::COMPLETION_VARIABLE, &typed, known) {
        Ok(false) => {}
        Ok(true) => return ExitCode::from(exit::DONE),
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(exit::USAGE);
        }
    }
    let command = Cli::command().color(colours_of_help(&typed));
    let parsed = command.try_get_matches_from(typed).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // An argument may be a file's name that somebody else chose.
            let text = error.render().to_string();
            let hostile = |c: char| c != '\n' && is_hostile(c);
            if text.contains(hostile) {
                terminal::say(text.replace(hostile, "\u{fffd}").trim_end());
            } else {
                let _ = error.print();
            }
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::say(&format!("error: cannot start: {error}"));
            return ExitCode::from(exit::FAILED);
        }
    };
    let acting = Acting::default();
    let code = runtime.block_on(async {
        let interrupted = signals(acting.clone());
        let site = site(&cli.common, interrupted, acting.clone());
        cli::run(cli, &site, &Checkout::default()).await
    });
    // Connections that still say goodbye are not waited for.
    runtime.shutdown_background();
    let Some(why) = terminal::unwritten() else { return ExitCode::from(code) };
    terminal::say(&format!("error: the answer could not be written whole: {why}"));
    // What was done is done, and stands in its run's journal.
    let is_an_answer = !acting.may_change() && [exit::DONE, exit::CHANGES].contains(&code);
    ExitCode::from(if is_an_answer { exit::FAILED } else { code })
}

/// Before anything has begun the first Ctrl-C ends the program. Later it lets the step under way end, and the second
/// ends the program as it is. A lost terminal ends nothing.
fn signals(acting: Acting) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    let modes = terminal::Modes::now();
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        else {
            return;
        };
        loop {
            tokio::select! {
                _ = hangup.recv() => continue,
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            acting.end_before(|| {
                // A person who is being asked for a password sees nothing typed until this is undone.
                modes.restore();
                terminal::say("interrupted; nothing was changed");
                std::process::exit(i32::from(exit::INTERRUPTED));
            });
            if sender.send_replace(true) {
                modes.restore();
                if !acting.may_change() {
                    std::process::exit(i32::from(exit::INTERRUPTED));
                }
                terminal::say(
                    "interrupted again: the step under way has an unknown outcome, and the masters stay locked; `requorum status` says what comes next",
                );
                std::process::exit(i32::from(exit::UNKNOWN));
            }
            if acting.may_change() {
                terminal::say("interrupted: finishing the step under way, then stopping. Ctrl-C again ends at once");
            }
        }
    });
    receiver
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Where the inventory is, unless a flag says it.
fn inventory() -> PathBuf {
    variable("REQUORUM_INVENTORY").map_or_else(|| PathBuf::from("inventory.yaml"), PathBuf::from)
}

/// Where runs are kept, unless a flag says it.
fn state() -> PathBuf {
    let home = || Some(PathBuf::from(variable("HOME")?).join(".local/state"));
    let kept = || variable("XDG_STATE_HOME").map(PathBuf::from).or_else(home).unwrap_or_else(|| PathBuf::from("."));
    variable("REQUORUM_STATE").map_or_else(|| kept().join("requorum"), PathBuf::from)
}

/// The colours of help and of usage errors, which are written before the flags are known.
fn colours_of_help(typed: &[OsString]) -> ColorChoice {
    let words = typed.iter().filter_map(|word| word.to_str());
    let mut said = words.clone().zip(words.skip(1)).filter_map(|(word, next)| match word {
        "--color" => Some(next),
        _ => next.strip_prefix("--color="),
    });
    match said.next().and_then(|said| Colour::from_str(said, false).ok()).unwrap_or_default() {
        Colour::Auto => ColorChoice::Auto,
        Colour::Always => ColorChoice::Always,
        Colour::Never => ColorChoice::Never,
    }
}

fn site(common: &Common, interrupted: watch::Receiver<bool>, acting: Acting) -> Site {
    let text = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
    let home = variable("HOME").map(PathBuf::from);
    let person = text("SUDO_USER").or_else(|| text("USER")).or_else(|| text("LOGNAME"));
    let prompt: Arc<dyn Prompt> = Arc::new(terminal::Person::new());
    let sudo_password = text(SUDO_PASSWORD).map(zeroize::Zeroizing::new);
    let agent_socket = variable("SSH_AUTH_SOCK").map(PathBuf::from);
    let unlocked = Unlocked::new(Arc::clone(&prompt), home.clone(), agent_socket, sudo_password);
    let colour = match common.color {
        Colour::Auto => None,
        Colour::Always => Some(true),
        Colour::Never => Some(false),
    };
    let console: Arc<dyn Console> = Arc::from(terminal::console(terminal::Manner { quiet: common.quiet, colour }));
    let uid = || rustix::process::getuid().as_raw().to_string();
    let this_host = ThisHost {
        home,
        login: text("LOGNAME").or_else(|| text("USER")).unwrap_or_else(uid),
        unlocked,
        state: common.state_dir.clone().unwrap_or_else(state),
        connect_limit: Duration::from_secs(common.connect_timeout),
        ssh_files: OnceLock::new(),
        told: common.verbose.then(|| Arc::clone(&console)),
    };
    Site {
        bastion: Arc::new(this_host),
        clock: Arc::new(SystemClock),
        console,
        prompt,
        interrupted,
        acting,
        operator: Operator {
            person: person.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())),
            host: bastion::name(),
        },
    }
}
