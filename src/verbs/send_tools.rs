//! `send-tools`: gives masters without fitting tools those of the bastion, in a folder of requorum's own. Touches no etcd.

use std::path::Path;
use std::sync::Arc;

use crate::model::command::clean;
use crate::model::{AbsPath, Cluster, Master};
use crate::observe::tools::KEPT;
use crate::observe::{Contact, Observation};
use crate::run::exit;
use crate::run::ports::{Event, Remote};
use crate::run::send_tools::{self, Needs, PROGRAMS};

use super::{Failure, InputPaths, Site, inputs, looking};

/// `requorum send-tools`.
///
/// # Errors
/// Where the inventory names no folder, or a master did not get what it needs.
pub async fn send_tools(inputs: &InputPaths, site: &Site) -> Result<u8, Failure> {
    let cluster = inputs::cluster(inputs, site)?;
    if cluster.masters().all(|master| master.etcd.tools.is_none()) {
        let what = "the inventory names no folder of etcd's tools on this host";
        return Err(Failure::usage(what)
            .hint("add it: `etcd: { tools: /srv/etcd }`; in it VERSION/etcdctl and VERSION/etcdutl"));
    }
    let remote = site.bastion.remote(&cluster);
    let seen = looking::look(&cluster, &remote, site).await;
    site.acting.begin();
    let mut lacking = Vec::new();
    for master in cluster.masters() {
        match to_one(master, &seen, &remote, site).await {
            Ok(said) => site.console.print(&format!("{}: {said}\n", master.name)),
            Err(why) => {
                site.console.say(&format!("{}: {why}", master.name));
                lacking.push(master.name.to_string());
            }
        }
    }
    if lacking.is_empty() {
        return Ok(exit::DONE);
    }
    let what =
        format!("{} of {} masters may lack fitting tools: {}", lacking.len(), count(&cluster), lacking.join(", "));
    Err(Failure::failed(what).hint("do what the lines above say, then the same command again"))
}

fn count(cluster: &Cluster) -> usize {
    cluster.masters().count()
}

/// What was done for one master, or why it has no fitting tools.
async fn to_one(master: &Master, seen: &Observation, remote: &Arc<dyn Remote>, site: &Site) -> Result<String, String> {
    let known = match seen.masters.get(&master.name) {
        Some(Contact::Answers(seen)) => seen,
        Some(Contact::Silent(why) | Contact::Refused(why)) => return Err(format!("does not answer: {}", clean(why))),
        None => return Err("was not asked".to_owned()),
    };
    let etcd = match send_tools::needs(known) {
        Needs::Nothing => return Ok("has tools that fit its etcd".to_owned()),
        Needs::Unknown(why) => return Err(format!("nothing is sent: {}", clean(&why))),
        Needs::Of(etcd) => etcd,
    };
    let Some(folder) = &master.etcd.tools else {
        return Err(format!(
            "has no tools of etcd {etcd}, and the inventory names no folder of tools for it (`etcd.tools`)"
        ));
    };
    let names = site.bastion.names_in(Path::new(folder.as_str())).map_err(|error| format!("{folder}: {error}"))?;
    let version = send_tools::folder(&names, etcd).ok_or_else(|| {
        format!("{folder} on this host has no tools of etcd {}.{} (put them into {folder}/{etcd})", etcd.0, etcd.1)
    })?;
    let mut there = Vec::new();
    let mut new = false;
    for program in PROGRAMS {
        let path = format!("{folder}/{version}/{program}");
        // Before 3.5 etcdctl restores too, and there is no other.
        if program == "etcdutl" && etcd.0 == 3 && etcd.1 < 5 && !site.bastion.is_there(Path::new(&path)) {
            continue;
        }
        new |= one(&path, program, master, remote, site).await?;
        there.push(program);
    }
    let (programs, how) = (there.join(" and "), if new { "sent" } else { "sent before" });
    Ok(format!("{programs} of etcd {version} {how} to {KEPT}, from {folder}/{version}"))
}

async fn one(
    path: &str,
    program: &str,
    master: &Master,
    remote: &Arc<dyn Remote>,
    site: &Site,
) -> Result<bool, String> {
    let file = AbsPath::new(path).map_err(|error| error.to_string())?;
    let bytes = site.bastion.program(Path::new(file.as_str())).map_err(|error| format!("{path}: {error}"))?;
    let text = format!("{}: {program}, {} MB…", master.name, bytes.len() / 1_000_000);
    site.console.tell(Event::Said { text });
    send_tools::send(remote, &master.name, program, bytes).await.map_err(|why| format!("{program}: {why}"))
}
