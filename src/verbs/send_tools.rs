//! `send-tools`: gives masters without fitting tools those of the bastion, in a folder of requorum's own. Touches no etcd.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::command::{clean, harmless};
use crate::model::{AbsPath, Cluster, Master, MasterName, json};
use crate::observe::tools::{KEPT, Version};
use crate::observe::{Contact, Observation};
use crate::run::exit;
use crate::run::ports::{Event, Remote};
use crate::run::send_tools::{self, Needs, PROGRAMS};

use super::{Failure, InputPaths, Site, clusters, inputs, looking};

/// What a master has now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Has {
    /// Its own tools, which fit its etcd.
    Own,
    /// Tools of this version, out of this folder of the bastion: those that were sent now, and those that were sent before.
    Given { version: Version, folder: AbsPath, sent: Vec<&'static str>, there: Vec<&'static str> },
}

/// What each master has; or why that may not fit.
type Masters = BTreeMap<MasterName, Result<Has, String>>;

/// `requorum send-tools`.
///
/// # Errors
/// Where the inventory names no folder, or a master did not get what it needs.
pub async fn send_tools(inputs: &InputPaths, site: &Site) -> Result<u8, Failure> {
    let (cluster, masters) = to_each(inputs, site, &|master, has| {
        if let Ok(has) = has {
            site.console.print(&format!("{master}: {}\n", has.shown()));
        }
    })
    .await?;
    all_have(&cluster, &masters)
}

/// The same for machines, of all clusters that are meant.
///
/// # Errors
/// As above; where there is an answer, after it.
pub async fn as_json(inputs: &InputPaths, site: &Site) -> Result<u8, Failure> {
    let each = clusters::each(inputs, site)?;
    let (mut values, mut ended) = (Vec::new(), Ok(exit::DONE));
    for one in &each {
        let (cluster, masters) = to_each(one, site, &|_, _| {}).await?;
        values.push(value(&cluster, &masters));
        ended = ended.and(all_have(&cluster, &masters));
    }
    let answer = match &values[..] {
        [only] => only.clone(),
        _ => json!({ "version": 1, "clusters": values }),
    };
    site.console.print(&json::text(&answer));
    ended.map_err(Failure::after_the_answer)
}

/// Versioned; fields are only added.
fn value(cluster: &Cluster, masters: &Masters) -> Value {
    let one = |has: &Result<Has, String>| match has {
        Ok(Has::Own) => json!({ "fits": true, "own": true }),
        Ok(Has::Given { version, folder, sent, there }) => json!({
            "fits": true,
            "own": false,
            "version": version.to_string(),
            "from": format!("{folder}/{version}"),
            "to": KEPT,
            "sent": sent,
            "sent_before": there,
        }),
        Err(why) => json!({ "fits": null, "why": harmless(why) }),
    };
    let masters: BTreeMap<&MasterName, Value> = masters.iter().map(|(name, has)| (name, one(has))).collect();
    json!({ "version": 1, "cluster": cluster.name, "masters": masters })
}

async fn to_each(
    inputs: &InputPaths,
    site: &Site,
    tell: &dyn Fn(&MasterName, &Result<Has, String>),
) -> Result<(Cluster, Masters), Failure> {
    let cluster = inputs::cluster(inputs, site)?;
    if cluster.masters().all(|master| master.etcd.tools.is_none()) {
        let what = "the inventory names no folder of etcd's tools on this host";
        return Err(Failure::usage(what)
            .hint("add it: `etcd: { tools: /srv/etcd }`; in it VERSION/etcdctl and VERSION/etcdutl"));
    }
    let remote = site.bastion.remote(&cluster);
    let seen = looking::look(&cluster, &remote, site).await;
    site.acting.begin();
    let mut masters = Masters::new();
    for master in cluster.masters() {
        let has = to_one(master, &seen, &remote, site).await;
        if let Err(why) = &has {
            site.console.say(&format!("{}: {why}", master.name));
        }
        tell(&master.name, &has);
        masters.insert(master.name.clone(), has);
    }
    Ok((cluster, masters))
}

fn all_have(cluster: &Cluster, masters: &Masters) -> Result<u8, Failure> {
    let lacking: Vec<&str> = masters.iter().filter(|(_, has)| has.is_err()).map(|(name, _)| name.as_str()).collect();
    if lacking.is_empty() {
        return Ok(exit::DONE);
    }
    let what = format!(
        "{} of {} masters may lack fitting tools: {}",
        lacking.len(),
        cluster.masters().count(),
        lacking.join(", ")
    );
    Err(Failure::failed(what).hint("do what the lines above say, then the same command again"))
}

impl Has {
    fn shown(&self) -> String {
        let Self::Given { version, folder, sent, there } = self else {
            return "has tools that fit its etcd".to_owned();
        };
        let all: Vec<&str> = PROGRAMS.into_iter().filter(|one| sent.contains(one) || there.contains(one)).collect();
        let how = if sent.is_empty() { "sent before" } else { "sent" };
        format!("{} of etcd {version} {how} to {KEPT}, from {folder}/{version}", all.join(" and "))
    }
}

/// What was done for one master, or why it has no fitting tools.
async fn to_one(master: &Master, seen: &Observation, remote: &Arc<dyn Remote>, site: &Site) -> Result<Has, String> {
    let known = match seen.masters.get(&master.name) {
        Some(Contact::Answers(seen)) => seen,
        Some(Contact::Silent(why) | Contact::Refused(why)) => return Err(format!("does not answer: {}", clean(why))),
        None => return Err("was not asked".to_owned()),
    };
    let etcd = match send_tools::needs(known) {
        Needs::Nothing => return Ok(Has::Own),
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
    let (mut sent, mut there) = (Vec::new(), Vec::new());
    for program in PROGRAMS {
        let path = format!("{folder}/{version}/{program}");
        // Before 3.5 etcdctl restores too, and there is no other.
        if program == "etcdutl" && etcd.0 == 3 && etcd.1 < 5 && !site.bastion.is_there(Path::new(&path)) {
            continue;
        }
        let new = one(&path, program, master, remote, site).await?;
        if new { &mut sent } else { &mut there }.push(program);
    }
    Ok(Has::Given { version, folder: folder.clone(), sent, there })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::{Event, Site};

    async fn answer(site: &Site) -> (Value, Option<u8>) {
        let from = site.said();
        let ended = as_json(&site.inputs(), &site.given_to_verbs()).await;
        let said = site.said_since(from);
        (serde_json::from_str(&said[said.find('{').unwrap()..]).unwrap(), ended.ok())
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_is_told_what_was_sent_and_what_had_been() {
        let site = Site::new(&[2, 1]);
        site.wait(Duration::from_secs(10)).await;
        site.happens(&Event::Lacks("m3".into(), "etcdutl".into()));
        site.bring_tools("3.6.9");
        let given = |sent: &[&str], before: &[&str]| {
            json!({
                "fits": true, "own": false, "version": "3.6.9", "from": "/srv/etcd/3.6.9", "to": KEPT,
                "sent": sent, "sent_before": before,
            })
        };
        let (value, code) = answer(&site).await;
        assert_eq!((&value["cluster"], &value["version"], code), (&json!("story"), &json!(1), Some(exit::DONE)));
        assert_eq!(value["masters"]["m1"], json!({ "fits": true, "own": true }));
        assert_eq!(value["masters"]["m3"], given(&PROGRAMS, &[]));
        // What was sent fits from then on, as a master's own would; a master that is silent may have anything.
        site.happens(&Event::Off("zone1".into()));
        site.happens(&Event::Lacks("m3".into(), "etcdctl".into()));
        let (value, code) = answer(&site).await;
        assert_eq!((&value["masters"]["m1"]["fits"], code), (&Value::Null, None));
        assert!(value["masters"]["m1"]["why"].as_str().unwrap().contains("does not answer"), "{value}");
        assert_eq!(value["masters"]["m3"]["fits"], json!(true));
    }
}
