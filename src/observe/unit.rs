//! The question "what do systemd, the kubelet or docker say about etcd?". Knows nothing about etcd itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::flags;
use crate::model::{Command, ContainerName, Output, Supervisor};

use super::supervised::{Supervised, supervised};
use super::{Unclear, tools};

/// A unit as `systemctl show` describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// `active`, `activating`, `inactive`, `failed`, …
    pub active_state: String,
    /// The main process, 0 when there is none.
    pub main_pid: u32,
    /// Whether the last start's conditions were met.
    pub condition_met: bool,
    /// Whether systemd knows the unit at all.
    pub loaded: bool,
    /// The program's words, as in `ExecStart`.
    pub argv: Vec<String>,
    /// `NAME=value` pairs set in the unit itself.
    pub environment: Vec<String>,
    /// The files its environment is read from.
    pub environment_files: Vec<String>,
    /// The container in which it starts etcd. Then the process, the words and the environment are those in the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerName>,
}

impl Unit {
    /// Whether etcd's process exists, serving or not.
    #[must_use]
    pub fn running(&self) -> bool {
        self.main_pid != 0
    }

    /// Whether it has ended: nothing runs and nothing is about to.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.main_pid == 0 && matches!(self.active_state.as_str(), "inactive" | "failed")
    }

    /// Every flag that it passes to the program, as it stands there.
    #[must_use]
    pub fn flags(&self) -> BTreeMap<String, String> {
        flags_of(&self.argv)
    }

    /// A flag that it passes to the program.
    #[must_use]
    pub fn flag(&self, flag: &str) -> Option<String> {
        self.flags().remove(flag)
    }

    /// A variable that the unit itself sets.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.environment.iter().rev().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }

    /// The program that the unit starts.
    #[must_use]
    pub fn program(&self) -> Option<&str> {
        self.argv.first().map(String::as_str)
    }
}

/// The flags among a program's words; one without a value says `true`, and of one that is repeated the last counts, as in Go's
/// `flag` package.
#[must_use]
pub fn flags_of(words: &[String]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (at, word) in words.iter().enumerate().skip(1) {
        let Some(flag) = word.strip_prefix('-').map(|word| word.strip_prefix('-').unwrap_or(word)) else { continue };
        let next = || words.get(at + 1).filter(|next| !next.starts_with("--") && !flags::is_bool(flag)).cloned();
        match flag.split_once('=') {
            Some((name, value)) => found.insert(name.to_owned(), value.to_owned()),
            None => found.insert(flag.to_owned(), next().unwrap_or_else(|| "true".to_owned())),
        };
    }
    found
}

const PROPERTIES: &str = "LoadState,ActiveState,MainPID,ConditionResult,ExecStart,Environment,EnvironmentFiles";

/// What a kubelet's pod or a container is like, in the words of `systemctl show`.
const POD: Supervised = supervised!("pod", "scripts/pod.sh");
const CONTAINER: Supervised = supervised!("container", "scripts/container.sh");

/// Asks what is known of etcd there.
#[must_use]
pub fn command(supervisor: &Supervisor) -> Command {
    match supervisor {
        Supervisor::Systemd(unit) => {
            let asked = Command::new("systemctl").arg("show").arg(format!("--property={PROPERTIES}"));
            asked.arg(format!("{unit}.service"))
        }
        Supervisor::Kubelet(_) => POD.command(supervisor).arg(tools::KEPT),
        Supervisor::Docker(_) => CONTAINER.command(supervisor).arg(tools::KEPT),
    }
}

/// Reads `NAME=value` lines.
///
/// # Errors
/// When systemd did not answer or left out what is needed.
pub fn parse(output: &Output) -> Result<Unit, Unclear> {
    if !output.ok() {
        return Err(Unclear::failed("systemctl show", output));
    }
    let mut unit = Unit::default();
    let (mut seen_state, mut seen_pid) = (false, false);
    for (name, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        match name {
            "LoadState" => unit.loaded = value == "loaded",
            "ActiveState" => {
                seen_state = true;
                value.clone_into(&mut unit.active_state);
            }
            "MainPID" => {
                let pid = value.parse().map_err(|_| Unclear::text("systemctl show", "MainPID is not a number"))?;
                (unit.main_pid, seen_pid) = (pid, true);
            }
            "ConditionResult" => unit.condition_met = value == "yes",
            "ExecStart" => unit.argv = argv_of(value),
            "Environment" => {
                let words = shlex::split(value);
                unit.environment =
                    words.ok_or_else(|| Unclear::text("systemctl show", "its Environment cannot be read"))?;
            }
            // `/etc/etcd.env (ignore_errors=no)`, one line a file.
            "EnvironmentFiles" => {
                let file = value.split(" (").next().unwrap_or(value);
                unit.environment_files.push(file.to_owned());
            }
            _ => {}
        }
    }
    // Without them it would look like a unit that does not run.
    if seen_state && seen_pid { Ok(unit) } else { Err(Unclear::text("systemctl show", "no ActiveState or no MainPID")) }
}

/// `{ path=/usr/local/bin/etcd ; argv[]=/usr/local/bin/etcd --flag ; ignore_errors=no ; … }`
fn argv_of(exec: &str) -> Vec<String> {
    let words = exec.split("argv[]=").nth(1).and_then(|rest| rest.split(" ;").next()).unwrap_or_default();
    shlex::split(words).unwrap_or_else(|| words.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubespray_unit_is_read() {
        let stdout = "LoadState=loaded\nActiveState=active\nMainPID=77\nConditionResult=yes\n\
            ExecStart={ path=/usr/local/bin/etcd ; argv[]=/usr/local/bin/etcd --max-wals=5 ; ignore_errors=no ; pid=77 }\n\
            EnvironmentFiles=/etc/etcd.env (ignore_errors=no)\n";
        let unit = parse(&Output { stdout: stdout.into(), ..Output::default() }).unwrap();
        assert!(unit.running() && unit.loaded && unit.condition_met && !unit.ended());
        assert_eq!(unit.argv, ["/usr/local/bin/etcd", "--max-wals=5"]);
        assert_eq!(unit.environment_files, ["/etc/etcd.env"]);
    }

    #[test]
    fn of_a_repeated_flag_the_last_counts() {
        let words =
            "etcd --election-timeout=1000 --pre-vote -heartbeat-interval 250 --election-timeout 5000 --quota -1";
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let found = flags_of(&words);
        let said = ["election-timeout", "pre-vote", "heartbeat-interval", "quota"].map(|flag| found[flag].as_str());
        assert_eq!(said, ["5000", "true", "250", "-1"]);
    }

    #[test]
    fn a_unit_that_is_about_to_start_again_has_not_ended() {
        for (state, pid, ended) in [
            ("activating", 0, false),
            ("inactive", 0, true),
            ("failed", 0, true),
            ("deactivating", 7, false),
            ("failed", 7, false),
        ] {
            let unit = Unit { active_state: state.into(), main_pid: pid, ..Unit::default() };
            assert_eq!(unit.ended(), ended, "{state} {pid}");
        }
    }
}
