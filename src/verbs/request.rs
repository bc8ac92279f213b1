//! Turns flags into a request: checks names against the inventory, and adds what is random or personal.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use strum::IntoEnumIterator;

use crate::model::diagnostic::nearest;
use crate::model::{Cluster, MasterName, RunId, ZoneName};
use crate::observe::Observation;
use crate::plan::{Goal, Request, Rule, SnapshotFile};
use crate::run::journal;

use super::site::StoredRun;
use super::{Failure, Site, runs};

/// What a person asks for, as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UncheckedRequest {
    /// Zones that failed.
    pub failed_zones: Vec<String>,
    /// `ZONE=HOW`, each.
    pub attested: Vec<String>,
    /// `RULE=REASON`, each.
    pub overrides: Vec<String>,
    /// A snapshot file of the bastion.
    pub snapshot: Option<PathBuf>,
    /// The survivor to grow from.
    pub seed: Option<String>,
    /// The masters to bring back.
    pub only: Vec<String>,
    /// The run that `undo` names.
    pub undoes: Option<String>,
    /// Whether quorum must be proved lost by waiting.
    pub timed_proof: bool,
}

/// The request that the flags make.
pub fn request(goal: Goal, unchecked: &UncheckedRequest, cluster: &Cluster, site: &Site) -> Result<Request, Failure> {
    let failed_zones = unchecked.failed_zones.iter().map(|name| zone(cluster, name)).collect::<Result<_, _>>()?;
    let only = unchecked.only.iter().map(|name| master(cluster, name)).collect::<Result<BTreeSet<_>, _>>()?;
    let attested = pairs(&unchecked.attested, "--attest ZONE=HOW")?;
    for who in attested.keys() {
        if zone(cluster, who).is_err() && master(cluster, who).is_err() {
            return Err(Failure::usage(format!("--attest {who}: neither a zone nor a master of {}", cluster.name)));
        }
    }
    if let Some((who, how)) = attested.iter().find(|(_, how)| tells_nothing(how)) {
        let next =
            format!("--attest {who}=\"TICKET: how, confirmed by whom\", once you are certain that it is powered off");
        return Err(Failure::usage(format!("--attest {who}={how} does not say how that is known")).hint(next));
    }
    Ok(Request {
        goal,
        run: run_id(site)?,
        token: site.bastion.token(),
        undoes: unchecked.undoes.as_deref().map(run_named).transpose()?,
        failed_zones,
        only,
        seed: unchecked.seed.as_deref().map(|name| master(cluster, name)).transpose()?,
        attested,
        overrides: set_aside(&unchecked.overrides)?,
        snapshot: None,
        person: site.operator.person.clone(),
        timed_proof: unchecked.timed_proof,
    })
}

/// The snapshot file, once it is known which members it must know.
pub fn with_snapshot(
    mut request: Request,
    unchecked: &UncheckedRequest,
    seen: &Observation,
    cluster: &Cluster,
    site: &Site,
) -> Result<Request, Failure> {
    let Some(path) = &unchecked.snapshot else { return Ok(request) };
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
    let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let unread = |error| Failure::input(format!("--snapshot {}: {error}", path.display()));
    let file = site.bastion.snapshot(&path, &ids).map_err(unread)?;
    let journals: Vec<String> = runs::all(site)?.iter().filter_map(StoredRun::text).collect();
    let origins = journal::origins(&journals, &file.sha256, &cluster.name);
    request.snapshot = Some(SnapshotFile { origins, ..file });
    Ok(request)
}

/// A name for a run that begins now.
///
/// # Errors
/// Where there is none.
pub fn run_id(site: &Site) -> Result<RunId, Failure> {
    let named = site.bastion.run_id(site.clock.now());
    named.map_err(|error| Failure::failed(error.to_string()))
}

/// A zone of the inventory.
///
/// # Errors
/// Where it has none of that name.
pub fn zone(cluster: &Cluster, name: &str) -> Result<ZoneName, Failure> {
    let known = cluster.zones.keys().find(|zone| zone.as_str() == name).cloned();
    known.ok_or_else(|| {
        let zones: Vec<&str> = cluster.zones.keys().map(ZoneName::as_str).collect();
        Failure::usage(format!("{} has no zone {name:?}; its zones are {}", cluster.name, zones.join(", ")))
    })
}

fn run_named(name: &str) -> Result<RunId, Failure> {
    RunId::new(name).map_err(|error| Failure::usage(error.to_string()).hint("requorum runs list"))
}

fn master(cluster: &Cluster, name: &str) -> Result<MasterName, Failure> {
    let known = cluster.masters().find(|master| master.name.as_str() == name);
    known.map(|master| master.name.clone()).ok_or_else(|| {
        let masters: Vec<&str> = cluster.masters().map(|master| master.name.as_str()).collect();
        Failure::usage(format!("{} has no master {name:?}; its masters are {}", cluster.name, masters.join(", ")))
    })
}

/// The rules that are set aside, and why.
fn set_aside(given: &[String]) -> Result<BTreeMap<Rule, String>, Failure> {
    let named = |(name, why): (String, String)| match name.parse::<Rule>() {
        Ok(rule) if rule.may_be_set_aside() => Ok((rule, why)),
        Ok(rule) => Err(Failure::usage(format!("--override {rule}: this rule cannot be overridden"))
            .hint("see docs/findings.md for what it protects")),
        Err(_) => {
            let known: Vec<&str> = Rule::iter().filter(|rule| rule.may_be_set_aside()).map(Rule::name).collect();
            let near = nearest(&name, &known).map_or_else(
                || format!("rules that can be overridden: {}", known.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            Err(Failure::usage(format!("--override {name}: there is no such rule")).hint(near))
        }
    };
    pairs(given, "--override RULE=REASON")?.into_iter().map(named).collect()
}

/// Whether this is a bare yes or no, and no account of how somebody knows.
#[must_use]
pub fn tells_nothing(answer: &str) -> bool {
    const BARE: [&str; 9] = ["yes", "no", "y", "n", "ok", "okay", "sure", "true", "false"];
    let word = answer.trim().trim_end_matches(['.', '!', '?']).to_lowercase();
    word.is_empty() || BARE.contains(&word.as_str())
}

fn pairs(given: &[String], form: &str) -> Result<BTreeMap<String, String>, Failure> {
    given
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((name, reason)) if !name.is_empty() && !reason.trim().is_empty() => {
                Ok((name.to_owned(), crate::model::command::clean(reason.trim())))
            }
            _ => Err(Failure::usage(format!("{pair:?} is not of the form {form}"))),
        })
        .collect()
}
