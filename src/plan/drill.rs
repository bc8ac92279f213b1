//! Whether a cluster may be drilled: every rule that forbids it. Knows no way to make an outage.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Cluster, Environment, MasterName, RunId, ZoneName};
use crate::observe::assess::assess;
use crate::observe::environment::FILE;
use crate::observe::traces::Holder;
use crate::observe::{Answer, Observation, Severity, Verdict};
use crate::plan::Rule;
use crate::review::Side;

use super::Refusal;

/// What the masters say they are, as [`crate::observe::environment`] reads it.
pub type Words = BTreeMap<MasterName, Answer<Option<String>>>;

/// Every reason why `zone` of this cluster must not be lost on purpose. No rule here can be set aside. `holder` is the
/// drill that has locked the masters, once it has.
#[must_use]
pub fn refusals(
    cluster: &Cluster,
    zone: &ZoneName,
    seen: &Observation,
    words: &Words,
    holder: Option<&RunId>,
) -> Vec<Refusal> {
    let mut refusals = of_inventory(cluster, zone);
    if refusals.is_empty() {
        refusals.extend(of_words(cluster, words));
        refusals.extend(of_health(cluster, &seen.clone().without_locks(|_| true)));
        refusals.extend(of_lock(seen, holder));
    }
    refusals
}

/// What can be said without asking anybody.
#[must_use]
pub fn of_inventory(cluster: &Cluster, zone: &ZoneName) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if cluster.environment == Environment::Production {
        refusals.push(Refusal::new(
            Rule::Production,
            format!("{} is a production cluster, and a drill takes down a zone on purpose", cluster.name),
            "drill a staging cluster of the same shape; there is no override",
        ));
    }
    let side = Side::of(cluster);
    if side.zones.get(zone).is_some_and(|loss| loss.quorum_kept) {
        refusals.push(Refusal::new(
            Rule::QuorumKept,
            format!("losing {zone} costs no quorum: there would be nothing to recover"),
            "name a zone whose loss costs the quorum; `requorum inventory check` lists them",
        ));
    }
    if side.zones.get(zone).is_some_and(|loss| loss.survivors.is_empty()) {
        refusals.push(Refusal::new(
            Rule::NoSurvivor,
            format!("no master survives the loss of {zone}"),
            "name another zone",
        ));
    }
    refusals
}

/// A copied inventory must not drill production: each master itself says what it is.
fn of_words(cluster: &Cluster, words: &Words) -> Vec<Refusal> {
    let wanted = cluster.environment.to_string();
    let refuse = |name: &MasterName| {
        let why = match words.get(name) {
            Some(Ok(Some(word))) if *word == wanted => return None,
            Some(Ok(Some(word))) => format!("{name} says in {FILE} that it is {word:?}; the inventory says {wanted}"),
            Some(Ok(None)) => format!("{name} does not say what it is: {FILE} is missing or empty"),
            Some(Err(unclear)) => format!("{name} could not be asked for {FILE}: {}", unclear.why),
            None => format!("{name} was not asked for {FILE}"),
        };
        let next = match words.get(name) {
            Some(Ok(_)) => format!(
                "if {name} really is {wanted}: `mkdir -p /etc/requorum && echo {wanted} >{FILE}` there; there is no override"
            ),
            _ => format!("make {name} answer over SSH, then run the drill again; there is no override"),
        };
        Some(Refusal::new(Rule::EnvironmentMarker, why, next))
    };
    cluster.masters().filter_map(|master| refuse(&master.name)).collect()
}

/// A drill begins with a healthy cluster, or it proves nothing and may break what is left.
fn of_health(cluster: &Cluster, seen: &Observation) -> Vec<Refusal> {
    let assessment = assess(cluster, seen);
    let next = "fix what `requorum status` reports, then run the drill again";
    if assessment.verdict != Verdict::Healthy {
        let why = format!("the cluster is not healthy: {}", assessment.verdict.words());
        return vec![Refusal::new(Rule::NotHealthy, why, next)];
    }
    let errors: BTreeSet<&str> = assessment
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|f| f.text.as_str())
        .collect();
    errors.into_iter().map(|text| Refusal::new(Rule::NotHealthy, text, next)).collect()
}

/// Nobody else holds a master, and nobody took one away from this drill.
fn of_lock(seen: &Observation, ours: Option<&RunId>) -> Option<Refusal> {
    let traces = || seen.answering().filter_map(|(name, seen)| Some((name, seen.traces.as_ref().ok()?)));
    let other = |lock: &&Holder| ours.is_none_or(|ours| lock.run != ours.as_str());
    let held = traces().find_map(|(name, traces)| Some((name, traces.lock.as_ref().filter(other)?)));
    if let Some((name, holder)) = held {
        let why = format!("{name} is held by run {} ({} on {})", holder.run, holder.person, holder.host);
        return Some(Refusal::new(Rule::Locked, why, format!("wait for it, or: requorum unlock {}", holder.run)));
    }
    let (name, _) = traces().find(|(_, traces)| ours.is_some() && traces.lock.is_none())?;
    let why = format!("{name} is no longer locked for this drill: another person or run released its lock");
    Some(Refusal::new(Rule::Locked, why, "find out who else is working on this cluster"))
}
