//! etcd's tools of the bastion, sent to a master that has none which fit its etcd: which ones, and how. Decides nothing about a
//! run, and keeps nothing on the bastion.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::model::command::Script;
use crate::model::digest::sha256;
use crate::model::{Command, MasterName};
use crate::observe::tools::{KEPT, Tools, Version};
use crate::observe::{Seen, Status};
use crate::step::Judgement;

use super::ports::{Pipes, Remote};

/// The programs that are sent, where the folder has them.
pub const PROGRAMS: [&str; 2] = ["etcdctl", "etcdutl"];

/// How much is sent at once.
const CHUNK: usize = 256 << 10;

const SCRIPT: Script = Script { name: "receive tool", text: include_str!("scripts/receive-tool.sh") };

/// What a master needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// Its own fit.
    Nothing,
    /// Those of this version of etcd: what it has does not fit, or it has none.
    Of(Version),
    /// It is not known which would fit.
    Unknown(String),
}

/// What this master needs. Its etcd's version is that of its program, else of the running etcd.
#[must_use]
pub fn needs(seen: &Seen) -> Needs {
    let tools = match &seen.tools {
        Ok(tools) => tools,
        Err(why) => return Needs::Unknown(why.to_string()),
    };
    let running = |status: &Status| Version::parse(&status.version);
    let etcd = tools.etcd.or_else(|| seen.status.as_ref().ok().and_then(running));
    match etcd {
        Some(etcd) if fits(tools, etcd) => Needs::Nothing,
        Some(etcd) => Needs::Of(etcd),
        None => Needs::Unknown("which version its etcd has is not known".to_owned()),
    }
}

fn fits(tools: &Tools, etcd: Version) -> bool {
    let same = tools.restore_version.is_some_and(|tool| (tool.0, tool.1) == (etcd.0, etcd.1));
    tools.etcdctl.is_some() && tools.restore.is_some() && same
}

/// Of these folders' names the one whose tools fit: etcd's own version, else the latest of its minor version. A name that is no
/// version is nobody's, and what comes back is made of numbers alone.
#[must_use]
pub fn folder(names: &[String], etcd: Version) -> Option<Version> {
    let exact = |name: &String| Version::parse(name).filter(|version| version.to_string() == *name);
    let versions: Vec<Version> =
        names.iter().filter_map(exact).filter(|one| (one.0, one.1) == (etcd.0, etcd.1)).collect();
    if versions.contains(&etcd) { Some(etcd) } else { versions.into_iter().max() }
}

/// The command that takes a program on its standard input.
#[must_use]
pub fn command(name: &str, bytes: &[u8]) -> Command {
    Command::script(SCRIPT).arg(KEPT).arg(name).arg(bytes.len().to_string()).arg(sha256(bytes)).bulk()
}

/// Sends a program. Whether it is new there.
///
/// # Errors
/// Why it is not there.
pub async fn send(remote: &Arc<dyn Remote>, host: &MasterName, name: &str, bytes: Vec<u8>) -> Result<bool, String> {
    let question = command(name, &bytes);
    let (sender, receiver) = mpsc::channel::<Bytes>(16);
    let feed = async {
        for chunk in bytes.chunks(CHUNK) {
            if sender.send(Bytes::copy_from_slice(chunk)).await.is_err() {
                break;
            }
        }
        drop(sender);
    };
    let pipes = Pipes { stdin: Some(receiver), stdout: None };
    let (output, ()) = tokio::join!(remote.run(host, &question, pipes), feed);
    match Judgement::spoken(&output.map_err(|error| error.to_string())?) {
        Judgement::Done(..) => Ok(true),
        Judgement::FoundDone(..) => Ok(false),
        Judgement::Stop(why) | Judgement::Again(why) | Judgement::Stopped(why, _) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::tools::RestoreTool;

    #[test]
    fn only_what_fits_the_running_etcd_is_taken() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let there = names(&["3.5.16", "3.6.9", "3.6.16", "3.60.1", "3.6.99x", "../3.6.98", "3.6", "v3.6.97", "3.06.3"]);
        assert_eq!(folder(&there, Version(3, 6, 9)), Some(Version(3, 6, 9)));
        assert_eq!(folder(&there, Version(3, 6, 10)), Some(Version(3, 6, 16)), "the latest of the minor version");
        assert_eq!(folder(&there, Version(3, 7, 3)), None);
    }

    #[test]
    fn a_master_with_its_own_tools_needs_none() {
        let own = Tools {
            etcd: Some(Version(3, 6, 16)),
            etcdctl: Some("/usr/local/bin/etcdctl".to_owned()),
            restore: Some(RestoreTool { path: "/usr/local/bin/etcdutl".to_owned(), bumps: true }),
            restore_version: Some(Version(3, 6, 9)),
            ..Tools::default()
        };
        assert!(fits(&own, Version(3, 6, 16)), "within a minor version all fit");
        for lacking in [
            Tools { etcdctl: None, ..own.clone() },
            Tools { restore: None, restore_version: None, ..own.clone() },
            Tools { restore_version: Some(Version(3, 5, 16)), ..own.clone() },
            Tools { restore_version: None, ..own },
        ] {
            assert!(!fits(&lacking, Version(3, 6, 16)), "{lacking:?}");
        }
    }
}
