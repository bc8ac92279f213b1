//! Turns flags into a request: names checked against the inventory, what is random or personal added.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use uuid::Uuid;

use crate::model::{Cluster, MasterName, RunId, Token, ZoneName};
use crate::observe::Observation;
use crate::plan::{Goal, Request, SnapshotFile};
use crate::run::journal;
use crate::world::files;

use super::args::Wish;
use super::{Bastion, Failure, exit};

/// The request that the flags make.
pub(super) fn request(goal: Goal, wish: &Wish, cluster: &Cluster, bastion: &Bastion) -> Result<Request, Failure> {
    let failed_zones = wish.failed_zone.iter().map(|name| zone(cluster, name)).collect::<Result<_, _>>()?;
    let only = wish.only.iter().map(|name| master(cluster, name)).collect::<Result<BTreeSet<_>, _>>()?;
    let attested = pairs(&wish.attest, "--attest ZONE=HOW")?;
    for who in attested.keys() {
        if zone(cluster, who).is_err() && master(cluster, who).is_err() {
            return Err(Failure::usage(format!(
                "error: --attest {who}: neither a zone nor a master of {}",
                cluster.name
            )));
        }
    }
    Ok(Request {
        goal,
        run: run_id(bastion)?,
        token: Token(format!("requorum-{}", Uuid::new_v4().simple())),
        undoes: wish.undoes.as_deref().map(run_named).transpose()?,
        failed_zones,
        only,
        seed: wish.seed.as_deref().map(|name| master(cluster, name)).transpose()?,
        attested,
        overrides: pairs(&wish.overrides, "--override RULE=REASON")?,
        snapshot: None,
        person: bastion.person.clone(),
    })
}

/// The snapshot file, once it is known which members it must know.
pub(super) fn with_snapshot(
    mut request: Request,
    wish: &Wish,
    seen: &Observation,
    cluster: &Cluster,
    state: &Path,
) -> Result<Request, Failure> {
    let Some(path) = &wish.snapshot else { return Ok(request) };
    let ids: BTreeSet<String> = seen
        .answering()
        .flat_map(|(_, seen)| {
            let by_status = seen.status.as_ref().ok().map(|status| status.member);
            let listed = seen.members.iter().flat_map(|members| members.list.iter().map(|member| member.id));
            let logged = seen.log.as_ref().ok().map(|log| log.member);
            by_status.into_iter().chain(listed).chain(logged)
        })
        .map(|id| id.to_string())
        .collect();
    let path = files::absolute(path);
    let file = files::snapshot(&path, &ids)
        .map_err(|error| Failure::new(exit::BAD_INPUT, format!("error: --snapshot {}: {error}", path.display())))?;
    let origins = journal::origins(&files::journals(state), &file.sha256, &cluster.name);
    request.snapshot = Some(SnapshotFile { origins, ..file });
    Ok(request)
}

/// Time, then four random digits: sorts by time and never collides on one bastion.
pub(super) fn run_id(bastion: &Bastion) -> Result<RunId, Failure> {
    let random = Uuid::new_v4().simple().to_string();
    let time = bastion.clock.now().strftime("%Y%m%d-%H%M%S").to_string();
    RunId::new(format!("{time}-{}", &random[..4]))
        .map_err(|error| Failure::new(exit::FAILED, format!("error: {error}")))
}

pub(super) fn zone(cluster: &Cluster, name: &str) -> Result<ZoneName, Failure> {
    let known = cluster.zones.keys().find(|zone| zone.as_str() == name).cloned();
    known.ok_or_else(|| {
        let zones: Vec<&str> = cluster.zones.keys().map(ZoneName::as_str).collect();
        Failure::usage(format!("error: {} has no zone {name:?}; its zones are {}", cluster.name, zones.join(", ")))
    })
}

fn run_named(name: &str) -> Result<RunId, Failure> {
    RunId::new(name).map_err(|error| Failure::usage(format!("error: {error}\n  next: requorum runs list")))
}

fn master(cluster: &Cluster, name: &str) -> Result<MasterName, Failure> {
    let known = cluster.masters().find(|master| master.name.as_str() == name);
    known.map(|master| master.name.clone()).ok_or_else(|| {
        let masters: Vec<&str> = cluster.masters().map(|master| master.name.as_str()).collect();
        Failure::usage(format!(
            "error: {} has no master {name:?}; its masters are {}",
            cluster.name,
            masters.join(", ")
        ))
    })
}

fn pairs(given: &[String], form: &str) -> Result<BTreeMap<String, String>, Failure> {
    given
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((name, reason)) if !name.is_empty() && !reason.trim().is_empty() => {
                Ok((name.to_owned(), crate::model::command::clean(reason.trim())))
            }
            _ => Err(Failure::usage(format!("error: {pair:?} is not of the form {form}"))),
        })
        .collect()
}
