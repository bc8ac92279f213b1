//! A command as the single line that a remote login shell reads. The only place that quotes; does not know how the line
//! is sent.

use std::fmt::Write;
use std::time::Duration;

use super::frame::Frame;
use super::handover::Handover;
use crate::model::command::clean;
use crate::model::{Arg, Command, Output};
use crate::run::ports::RemoteError;

/// How long after its own deadline a command may still live on the master. It must outlast our deadline, or an exit
/// status 124 of `timeout` could pass for an answer of the command.
const GRACE: Duration = Duration::from_secs(2);

/// Who the command runs as.
#[derive(Clone, Copy)]
pub(super) enum Rise<'a> {
    /// The user who logged in.
    Stay,
    /// Root, by a sudo that asks for nothing.
    Sudo,
    /// Root, by a sudo that asks with a prompt of ours and reads the password from standard input.
    SudoWithPassword(&'a Handover),
}

impl<'a> Rise<'a> {
    fn words(self) -> Vec<&'a str> {
        match self {
            Self::Stay => Vec::new(),
            Self::Sudo => vec!["sudo", "-n", "--"],
            Self::SudoWithPassword(handover) => handover.sudo(),
        }
    }

    /// The home directory, as the login shell writes it. A site's own commands (kubectl) look for their files there.
    fn home(self) -> &'static str {
        match self {
            Self::Stay => r#"HOME="$HOME""#,
            Self::Sudo | Self::SudoWithPassword(_) => "HOME=/root",
        }
    }
}

/// The line for `command`. A command outlives its connection, so `timeout` ends it on the master.
///
/// # Errors
/// [`RemoteError::Denied`] when the command is not final or cannot be written as words; nothing was run then.
pub(super) fn shell_line(command: &Command, rise: Rise<'_>, frame: &Frame) -> Result<String, RemoteError> {
    line(&words_of(command)?, command.longest(), rise, frame).map_err(|why| not_run(command, &why.to_string()))
}

/// A question's words for a shell that is there already, ended by its own deadline.
///
/// # Errors
/// As [`shell_line`].
pub(super) fn bounded(question: &Command) -> Result<String, RemoteError> {
    let limit = question.deadline.as_millis().div_ceil(1000).to_string();
    let words = ["timeout", "-k", "2", &limit].into_iter().chain(words_of(question)?);
    shlex::try_join(words).map_err(|why| not_run(question, &why.to_string()))
}

fn words_of(command: &Command) -> Result<Vec<&str>, RemoteError> {
    let mut words = Vec::new();
    for arg in &command.argv {
        match arg {
            Arg::Text(text) => words.push(text.as_str()),
            Arg::Placeholder(placeholder) => {
                return Err(not_run(command, &format!("{placeholder} is not known yet (a fault in requorum)")));
            }
        }
    }
    if words.is_empty() { Err(not_run(command, "it is empty (a fault in requorum)")) } else { Ok(words) }
}

fn not_run(command: &Command, why: &str) -> RemoteError {
    RemoteError::Denied { why: format!("`{}` was not run: {why}", command.shown()) }
}

/// The line for fixed words. `timeout` is the first word after sudo, since sudoers decides by that.
///
/// The login shell itself is given one absolute path: its files may have made functions or aliases of `sudo`, `timeout`,
/// `env` or `exec`, and none of those names is its to read. `exec` under `/bin/sh` looks for a program and for nothing else.
///
/// The environment is ours whole: `/etc/environment`, which PAM brings in, may hold a proxy, another language, or
/// variables of etcdctl's that change its output. The command itself runs under `/bin/sh` whatever the login shell is,
/// and reaches it in letters that no shell reads otherwise in single quotes (csh knows `!` and ends at a line's end).
///
/// # Errors
/// When a word holds a NUL byte.
pub(super) fn line(
    words: &[&str],
    deadline: Duration,
    rise: Rise<'_>,
    frame: &Frame,
) -> Result<String, shlex::QuoteError> {
    enveloped(&frame.around(&shlex::try_join(words.iter().copied())?), deadline, rise)
}

fn enveloped(inner: &str, deadline: Duration, rise: Rise<'_>) -> Result<String, shlex::QuoteError> {
    let limit = (deadline + GRACE).as_millis().div_ceil(1000).to_string();
    let bounded = ["timeout", "-k", "2", &limit, "env", "-i", PATH, "LC_ALL=C"];
    let outer = shlex::try_join(rise.words().iter().chain(&bounded).copied())?;
    Ok(format!("/bin/sh -c '{LAUNCH}' sh {outer} {} /bin/sh -c '{DECODE}' sh '{}'", rise.home(), encoded(inner)))
}

/// What a host says where one of the two streams leads elsewhere.
pub(super) const ASTRAY: &str = "of this login does not lead here";

/// What it says, where a line did not begin for that.
pub(super) fn astray(said: &Output) -> Option<String> {
    let mut lines = said.stderr.lines().chain(said.stdout.lines());
    // What the shell's files print may stand before it on its line.
    let own = |line: &str| Some(clean(&line[line[..line.find(ASTRAY)?].rfind("standard ")?..]));
    lines.find_map(own)
}

/// Becomes the command, in a language that we read where sudo speaks. Neither stream of a command over SSH is a file or a
/// device: where one is, a file of the login shell has redirected it, no answer would come, and nothing is begun. Without
/// single quotes, `!`, backslashes and line ends, which not every login shell reads alike.
const LAUNCH: &str = concat!(
    r#"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin:$PATH LC_ALL=C; export PATH LC_ALL; "#,
    r#"for n in 1 2; do if [ -f /dev/fd/$n ] || [ -c /dev/fd/$n ]; then "#,
    r#"f=$(grep -lsE "^[^#]*exec[^#]*>" ~/.bashrc ~/.bash_aliases ~/.zshenv ~/.config/fish/config.fish "#,
    r#"/etc/bash.bashrc /etc/bashrc /etc/zshenv /etc/zsh/zshenv | head -n 1); "#,
    r#"if [ $n = 1 ]; then w=output; else w=error; fi; "#,
    r#"m="standard $w of this login does not lead here: ${f:-a file that its shell reads (~/.bashrc, /etc/bash.bashrc, "#,
    r#"~/.zshenv)} redirects it (exec >)"; echo "$m"; echo "$m" >&2; exit 1; fi; done; exec "$@""#,
);

/// Where programs are looked for; `/opt/bin` is kubespray's on systems whose `/usr` is not writable. Where etcd itself
/// lies is asked of its unit.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin";

/// Reads what [`encoded`] wrote.
const DECODE: &str = r#"eval "$(printf %b "$1")""#;

/// The text without what a login shell may read in single quotes, as `printf %b` has it.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' | '\\' | '!' | '\n' | '\r' | '\t' => {
                let _ = write!(encoded, "\\0{:03o}", u32::from(c));
            }
            _ => encoded.push(c),
        }
    }
    encoded
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::model::{MasterName, Placeholder};

    fn of(words: &[&str]) -> Command {
        Command::new(words[0]).args(words[1..].iter().copied()).deadline(Duration::from_millis(9_500))
    }

    fn line_of(words: &[&str], rise: Rise<'_>) -> String {
        shell_line(&of(words), rise, &Frame::new()).unwrap()
    }

    /// What the line says through this shell, without the marks.
    fn said(shell: &str, words: &[&str], environment: &[(&str, &str)]) -> String {
        let frame = Frame::new();
        let line = shell_line(&of(words), Rise::Stay, &frame).unwrap();
        let mut run = std::process::Command::new(shell);
        let output = run.args(["-c", &line]).envs(environment.iter().copied()).output().unwrap();
        let mut cut = frame.cut();
        let own = cut.hear(output.stdout.into());
        assert_eq!(cut.ended(), Some(0), "{line}");
        String::from_utf8(own.to_vec()).unwrap()
    }

    #[test]
    fn every_word_reaches_the_command_as_it_is() {
        let hostile =
            ["a b", "$(reboot)", "it's", "`id`", "", "*", "a\nb", "\"", "ü;&|<>", "!!", r"\n\0041", "\t", "%s"];
        let words: Vec<&str> = ["printf", "%s|"].into_iter().chain(hostile).collect();
        for shell in ["sh", "bash"] {
            assert_eq!(said(shell, &words, &[]), hostile.map(|word| format!("{word}|")).concat());
        }
        let line = line_of(&words, Rise::Stay);
        let own = &line[line.rfind(" sh '").unwrap() + 5..line.len() - 1];
        assert!(!own.contains(['\'', '!', '\n', '\t']), "{line}");
    }

    #[test]
    fn the_environment_is_ours_whole() {
        let site = [
            ("https_proxy", "http://10.9.9.9:3128"),
            ("ETCDCTL_WRITE_OUT", "table"),
            ("LC_ALL", "de_DE"),
            ("HOME", "/h"),
        ];
        let names = said("sh", &["env"], &site);
        let mut names: Vec<&str> =
            names.lines().filter(|line| !["_=", "PWD=", "OLDPWD="].iter().any(|name| line.starts_with(name))).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME=/h", "LC_ALL=C", PATH]);
    }

    #[test]
    fn timeout_outlasts_the_deadline_and_sudo_stands_before_it() {
        let begins = |line: &str, with: &str| {
            line.strip_prefix(&format!("/bin/sh -c '{LAUNCH}' sh ")).unwrap().starts_with(with)
        };
        assert!(!LAUNCH.contains(['\'', '!', '\\', '\n']) && LAUNCH.contains(ASTRAY));
        assert!(begins(&line_of(&["id"], Rise::Stay), "timeout -k 2 12 env -i 'PATH="));
        assert!(begins(&line_of(&["id"], Rise::Sudo), "sudo -n -- timeout -k 2 12 env -i "));
        let handover = Handover::new(std::sync::Arc::new(zeroize::Zeroizing::new("hunter2".to_owned())));
        let asked = line_of(&["id"], Rise::SudoWithPassword(&handover));
        assert!(
            begins(&asked, "sudo -k -S -p '<sudo asks ") && asked.contains(" -- timeout -k 2 12 env -i "),
            "{asked}"
        );
        assert!(asked.contains("HOME=/root") && !asked.contains("hunter2"), "{asked}");
    }

    #[test]
    fn a_command_that_is_not_final_is_not_run() {
        let late = Command::new("etcdctl").placeholder(Placeholder::MemberId(MasterName::new("m1").unwrap()));
        assert!(
            matches!(shell_line(&late, Rise::Stay, &Frame::new()), Err(RemoteError::Denied { why }) if why.contains("member id of m1"))
        );
        let nul = Command::new("printf").arg("a\0b");
        assert!(
            matches!(shell_line(&nul, Rise::Stay, &Frame::new()), Err(RemoteError::Denied { why }) if why.contains("was not run"))
        );
    }
}
