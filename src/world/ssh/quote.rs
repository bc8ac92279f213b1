//! A command as the one line a remote login shell reads. The only place that quotes; does not know how the line travels.

use std::time::Duration;

use super::handover::Handover;
use crate::model::{Arg, Command};
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

    /// What stands right before the command. `timeout` stays the first word after sudo in each case, since sudoers
    /// decides by that.
    fn begin(self) -> Vec<&'a str> {
        match self {
            Self::Stay | Self::Sudo => Vec::new(),
            Self::SudoWithPassword(handover) => handover.begin(),
        }
    }
}

/// The line for `command`. A command outlives its connection, so `timeout` ends it on the master.
///
/// # Errors
/// [`RemoteError::Denied`] when the command is not final or cannot be written as words; nothing was run then.
pub(super) fn shell_line(command: &Command, rise: Rise<'_>) -> Result<String, RemoteError> {
    let mut words = Vec::new();
    for arg in &command.argv {
        match arg {
            Arg::Text(text) => words.push(text.as_str()),
            Arg::Late(late) => {
                let why = format!("`{}` was not run: {late} is not known yet (a fault in requorum)", command.shown());
                return Err(RemoteError::Denied { why });
            }
        }
    }
    if words.is_empty() {
        return Err(RemoteError::Denied { why: "an empty command was not run (a fault in requorum)".to_owned() });
    }
    line(&words, command.deadline, rise)
        .map_err(|why| RemoteError::Denied { why: format!("`{}` was not run: {why}", command.shown()) })
}

/// The line for fixed words.
///
/// # Errors
/// When a word holds a NUL byte.
pub(super) fn line(words: &[&str], deadline: Duration, rise: Rise<'_>) -> Result<String, shlex::QuoteError> {
    let limit = (deadline + GRACE).as_millis().div_ceil(1000).to_string();
    let bounded = ["timeout", "-k", "2", &limit];
    let etcd = words.iter().any(|word| word.ends_with("/etcdctl"));
    let apart = if etcd { APART } else { &[] };
    let (rise, begin) = (rise.words(), rise.begin());
    shlex::try_join(rise.iter().chain(&bounded).chain(&begin).chain(apart).chain(words).copied())
}

/// A flag and a variable for the same thing make etcdctl give up, and `/etc/environment` may set any of these.
const APART: &[&str] = &[
    "env",
    "-u",
    "ETCDCTL_ENDPOINTS",
    "-u",
    "ETCDCTL_CACERT",
    "-u",
    "ETCDCTL_CERT",
    "-u",
    "ETCDCTL_KEY",
    "-u",
    "ETCDCTL_COMMAND_TIMEOUT",
    "-u",
    "ETCDCTL_DIAL_TIMEOUT",
];

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::model::{Late, MasterName};

    fn of(words: &[&str]) -> Command {
        Command::new(words[0]).args(words[1..].iter().copied()).deadline(Duration::from_millis(9_500))
    }

    #[test]
    fn every_word_reaches_the_command_as_it_is() {
        let hostile = ["printf", "%s", "a b", "$(reboot)", "it's", "`id`", "", "*", "a\nb", "\"", "ü;&|<>"];
        let line = shell_line(&of(&hostile), Rise::Stay).unwrap();
        assert_eq!(shlex::split(&line).unwrap()[4..], hostile);
    }

    #[test]
    fn timeout_outlasts_the_deadline_and_sudo_stands_before_it() {
        assert_eq!(shell_line(&of(&["id"]), Rise::Stay).unwrap(), "timeout -k 2 12 id");
        assert_eq!(shell_line(&of(&["id"]), Rise::Sudo).unwrap(), "sudo -n -- timeout -k 2 12 id");
        let handover = Handover::new(std::sync::Arc::new(zeroize::Zeroizing::new("hunter2".to_owned())));
        let asked = shell_line(&of(&["id"]), Rise::SudoWithPassword(&handover)).unwrap();
        assert!(
            asked.starts_with("sudo -k -S -p '<sudo asks ") && asked.contains(" -- timeout -k 2 12 sh -c "),
            "{asked}"
        );
        assert!(asked.ends_with(" id") && !asked.contains("hunter2"), "{asked}");
    }

    #[test]
    fn etcdctl_does_not_see_variables_that_would_contradict_its_flags() {
        let line = shell_line(&of(&["/usr/local/bin/etcdctl", "--endpoints=x"]), Rise::Stay).unwrap();
        assert!(line.starts_with("timeout -k 2 12 env -u ETCDCTL_ENDPOINTS "), "{line}");
        assert!(line.ends_with(" /usr/local/bin/etcdctl '--endpoints=x'"), "{line}");
    }

    #[test]
    fn a_command_that_is_not_final_is_not_run() {
        let late = Command::new("etcdctl").late(Late::MemberId(MasterName::new("m1").unwrap()));
        assert!(
            matches!(shell_line(&late, Rise::Stay), Err(RemoteError::Denied { why }) if why.contains("member id of m1"))
        );
        let nul = Command::new("printf").arg("a\0b");
        assert!(
            matches!(shell_line(&nul, Rise::Stay), Err(RemoteError::Denied { why }) if why.contains("was not run"))
        );
    }
}
