//! The question "which etcd tools are there, and what can they do?". Flags are probed, never guessed from versions.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Output, Supervisor};

use super::Unclear;
use super::supervised::{Supervised, supervised};

/// A version as etcd's programs print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u32, pub u32, pub u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Version {
    /// Reads `3.5.16` or `3.6.0-rc.1` (whose ending is dropped).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '.');
        let number = |part: Option<&str>| -> Option<u32> {
            let digits: String = part?.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        Some(Self(number(parts.next())?, number(parts.next())?, number(parts.next())?))
    }
}

/// The tool that restores and verifies snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreTool {
    /// Where it lies: `etcdutl` from 3.5, `etcdctl` on 3.4.
    pub path: String,
    /// Whether it can raise revisions and mark the old ones compacted (3.4.27, 3.5.10 and later).
    pub bumps: bool,
}

/// What is installed on a master.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tools {
    /// The server's version.
    pub etcd: Option<Version>,
    /// Where etcdctl lies.
    pub etcdctl: Option<String>,
    /// The tool to restore with.
    pub restore: Option<RestoreTool>,
    /// That tool's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_version: Option<Version>,
    /// Whether curl is there; without it openssl asks the peer port.
    pub curl: bool,
    /// Whether openssl is there.
    pub openssl: bool,
    /// What stands where etcd's program is looked for, and is a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Why the image of a pod or a container that does not run could not be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unopened: Option<String>,
    /// Commands that requorum needs and that are missing.
    pub missing: Vec<String>,
}

const SCRIPT: Script = Script {
    name: "tools",
    text: concat!(include_str!("scripts/prelude/programs.sh"), include_str!("scripts/tools.sh")),
};

const OF_IMAGE: Supervised = supervised!("image tools", "scripts/prelude/programs.sh", "scripts/image-tools.sh");

/// Where the programs of a pod's image are kept once a run has taken them out of it.
pub const KEPT: &str = "/var/lib/requorum/tools";

/// A program by the path at which it stays: in the root of a running pod it is there as long as that runs.
#[must_use]
pub fn kept(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((place, name)) if place.starts_with("/proc/") => format!("{KEPT}/{name}"),
        _ => path.to_owned(),
    }
}

/// Where kubespray puts etcd.
pub const USUAL: &str = "/usr/local/bin/etcd";

/// Asks for the tools; `program` is what the unit starts, whose directory is looked in first.
#[must_use]
pub fn command(program: Option<&str>) -> Command {
    Command::script(SCRIPT).arg(program.unwrap_or(USUAL))
}

/// Asks for the programs in the image of a pod or a container that does not run: they are told by the paths at which a run keeps them.
#[must_use]
pub fn of_image(supervisor: &Supervisor) -> Command {
    OF_IMAGE.command(supervisor).arg(KEPT)
}

/// Reads `name=value` lines.
///
/// # Errors
/// When the script did not run.
pub fn parse(output: &Output) -> Result<Tools, Unclear> {
    if !output.ok() {
        return Err(Unclear::failed("looking for etcd's tools", output));
    }
    let mut tools = Tools::default();
    for (name, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        match name {
            "etcd" => tools.etcd = Version::parse(value),
            "etcdctl" => tools.etcdctl = Some(value.to_owned()),
            "restore" => tools.restore = Some(RestoreTool { path: value.to_owned(), bumps: false }),
            "restore_version" => tools.restore_version = Version::parse(value),
            "bumps" => {
                if let Some(restore) = &mut tools.restore {
                    restore.bumps = true;
                }
            }
            "curl" => tools.curl = true,
            "openssl" => tools.openssl = true,
            "image" => tools.unopened = Some(value.to_owned()),
            "script" => tools.script = Some(value.to_owned()),
            "missing" => tools.missing.push(value.to_owned()),
            _ => {}
        }
    }
    Ok(tools)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_program_is_found_where_it_is_kept() {
        assert_eq!(kept("/proc/77/root/usr/local/bin/etcdctl"), "/var/lib/requorum/tools/etcdctl");
        assert_eq!(kept("/usr/local/bin/etcdctl"), "/usr/local/bin/etcdctl");
    }

    #[test]
    fn the_question_looks_where_tools_are_kept() {
        assert!(SCRIPT.text.contains(&format!("kept={KEPT}\n")));
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(Version::parse("3.5.9") < Version::parse("3.5.16"));
        assert_eq!(Version::parse("3.6.0-rc.1"), Some(Version(3, 6, 0)));
        assert_eq!(Version::parse("3.6"), None);
    }

    #[test]
    fn a_3_4_node_restores_with_etcdctl_and_cannot_bump() {
        let stdout = "etcd=3.4.23\netcdctl=/usr/local/bin/etcdctl\nrestore=/usr/local/bin/etcdctl\ncurl=yes\n";
        let tools = parse(&Output { stdout: stdout.into(), ..Output::default() }).unwrap();
        assert_eq!(tools.etcd, Some(Version(3, 4, 23)));
        assert_eq!(tools.restore, Some(RestoreTool { path: "/usr/local/bin/etcdctl".into(), bumps: false }));
        assert!(tools.curl && !tools.openssl && tools.missing.is_empty());
    }
}
