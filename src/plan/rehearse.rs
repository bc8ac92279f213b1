//! What `initiate-dr` would do if a zone were lost now: runs the real planner on an imagined observation in which that
//! zone is silent. Asks nothing; what it refuses here would also be refused in a real loss.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Cluster, Master, MasterName, RunId, Token, ZoneName, quorum};
use crate::observe::assess::assess;
use crate::observe::members::{Vote, known_urls, membership};
use crate::observe::proof::count::count;
use crate::observe::{Contact, Observation, Read, Seen, proof};
use crate::plan::Rule;
use crate::playbook::Playbook;

use super::{Goal, Input, NoPlan, Plan, Refusal, Request, plan};

/// What a rehearsal is held with.
#[derive(Debug, Clone, Copy)]
pub struct RehearsalInput<'a> {
    /// The inventory.
    pub cluster: &'a Cluster,
    /// The playbook of `initiate_dr`.
    pub playbook: &'a Playbook,
    /// Templates by name.
    pub templates: &'a BTreeMap<String, String>,
    /// Whether the timed proof is demanded.
    pub timed_proof: bool,
}

/// One zone's loss, rehearsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    pub zone: ZoneName,
    /// The masters outside it, whether they answer or not.
    pub survivors: Vec<MasterName>,
    /// What would come of it.
    pub ending: LossOutcome,
    /// Why time would prove that quorum is lost, where that is known before.
    pub only_time: Option<OnlyTime>,
}

/// Why quorum would not be counted lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnlyTime {
    Demanded,
    /// Counting cannot tell, and why.
    CannotCount(String),
}

/// What would come of a zone's loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LossOutcome {
    /// The others go on by themselves.
    QuorumKept,
    /// `initiate-dr` would have this plan.
    Planned(Box<Plan>),
    /// `initiate-dr` would be refused.
    Refused(Vec<Refusal>),
}

impl Rehearsal {
    /// Whether the loss would cost the quorum.
    #[must_use]
    pub fn costs_quorum(&self) -> bool {
        self.ending != LossOutcome::QuorumKept
    }

    /// The plan, where there would be one.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match &self.ending {
            LossOutcome::Planned(plan) => Some(plan),
            LossOutcome::QuorumKept | LossOutcome::Refused(_) => None,
        }
    }
}

/// Rehearses the loss of these zones, of every zone where none is named.
#[must_use]
pub fn rehearse(given: RehearsalInput<'_>, seen: &Observation, zones: &BTreeSet<ZoneName>) -> Vec<Rehearsal> {
    let meant = given.cluster.zones.keys().filter(|zone| zones.is_empty() || zones.contains(*zone));
    meant.map(|zone| loss_of(zone, given, seen)).collect()
}

fn loss_of(zone: &ZoneName, given: RehearsalInput<'_>, seen: &Observation) -> Rehearsal {
    let lost = BTreeSet::from([zone.clone()]);
    let survivors = given.cluster.outside(&lost).map(|master| master.name.clone()).collect();
    let ends = |ending, only_time| Rehearsal { zone: zone.clone(), survivors, ending, only_time };
    match quorum_kept(given.cluster, seen, &lost) {
        Ok(true) => return ends(LossOutcome::QuorumKept, None),
        Ok(false) => {}
        Err(refusal) => return ends(LossOutcome::Refused(vec![refusal]), None),
    }
    let imagined = imagine(given.cluster, seen, &lost);
    let request = request(given, &imagined, &lost);
    let RehearsalInput { cluster, playbook, templates, timed_proof } = given;
    let ending = match plan(Input { cluster, playbook, templates, seen: &imagined, request: &request }) {
        Ok(plan) => LossOutcome::Planned(Box::new(plan)),
        Err(NoPlan::Refused(refusals)) => LossOutcome::Refused(refusals),
        // Nothing serves in what is imagined, so that nothing can have been done before.
        Err(NoPlan::NothingToDo(why)) => LossOutcome::Refused(vec![Refusal::new(
            Rule::NotServing,
            why,
            "run `requorum doctor` again once one cluster serves",
        )]),
    };
    let demanded = timed_proof.then_some(OnlyTime::Demanded);
    let unclear = || count(cluster, &imagined, &request.attested).err().map(OnlyTime::CannotCount);
    ends(ending, demanded.or_else(unclear))
}

/// Whether a majority of those that vote today would go on: by the cluster's own list where it serves, whose
/// strangers may stand in the lost zone; else by the inventory.
///
/// # Errors
/// Where the list is not known: nothing can be foretold then.
fn quorum_kept(cluster: &Cluster, seen: &Observation, lost: &BTreeSet<ZoneName>) -> Result<bool, Refusal> {
    let assessment = assess(cluster, seen);
    let Some(serving) = assessment.serving.values().next() else {
        return Ok(quorum::is_quorum(cluster.outside(lost).count(), cluster.masters().count()));
    };
    let membership = membership(cluster, seen, serving);
    let all = match membership.tally() {
        Some(tally) => tally.voters,
        None => {
            let why = membership.members.err().map(|why| why.to_string()).unwrap_or_default();
            let why = format!("it is not known who votes, so the effect of a loss cannot be predicted: {why}");
            return Err(Refusal::new(Rule::MembersUnclear, why, NO_LIST));
        }
    };
    let votes = |master: &Master| membership.vote(&master.name) == Vote::Votes;
    let left = cluster.outside(lost).filter(|master| votes(master) && is_alive(master, cluster, seen));
    Ok(quorum::is_quorum(left.count(), all))
}

/// What keeps a peer port from answering while etcd serves.
const NO_LIST: &str = "fix what the text names: a proxy in root's environment, curl or openssl, the peer certificate";

/// Whether a master's etcd runs and knows a leader, as it says itself, or where it cannot be asked as another one finds its peer port.
fn is_alive(master: &Master, cluster: &Cluster, seen: &Observation) -> bool {
    match seen.seen(&master.name) {
        Some(own) => own.etcd_runs() == Some(true) && !own.has_no_leader(),
        None => {
            let urls = known_urls(master, cluster, seen);
            let ports = seen.answering().filter_map(|(_, other)| other.peer_ports.as_ref().ok());
            ports.flat_map(|ports| &ports.open).any(|url| urls.contains(url))
        }
    }
}

/// What would be seen: the zone silent, quorum proved lost, everything else as it is today.
fn imagine(cluster: &Cluster, seen: &Observation, lost: &BTreeSet<ZoneName>) -> Observation {
    let gone: BTreeSet<String> = cluster.within(lost).flat_map(|master| known_urls(master, cluster, seen)).collect();
    let contact = |(name, contact): (&MasterName, &Contact)| {
        let within = cluster.master(name).is_some_and(|master| lost.contains(&master.zone));
        let contact = match contact {
            _ if within => Contact::Silent("imagined lost".to_owned()),
            Contact::Answers(seen) => Contact::Answers(Box::new(without_quorum(seen, &gone))),
            other => other.clone(),
        };
        (name.clone(), contact)
    };
    let masters: BTreeMap<MasterName, Contact> = seen.masters.iter().map(contact).collect();
    let mut imagined = Observation { masters, proof: None, known_before: seen.known_before.clone() };
    let window = proof::Limits::of(&imagined).window;
    imagined.proof = Some(proof::Outcome::Lost { leaderless_for: window, took: window, asked: true });
    imagined
}

fn without_quorum(seen: &Seen, gone: &BTreeSet<String>) -> Seen {
    let mut seen = seen.clone();
    if let Ok(status) = &mut seen.status {
        status.leader = None;
    }
    if seen.read.is_ok() {
        seen.read = Ok(Read::Failed("imagined without quorum".to_owned()));
    }
    if let Ok(ports) = &mut seen.peer_ports {
        let (closed, open) = std::mem::take(&mut ports.open).into_iter().partition(|url| gone.contains(url));
        ports.open = open;
        ports.closed.extend::<Vec<String>>(closed);
    }
    seen
}

/// The run and the token stand for those of that night. Survivors that are dark today are attested here, so that the
/// rest of the rehearsal is not lost on them; that they are dark is a finding of its own.
fn request(given: RehearsalInput<'_>, imagined: &Observation, lost: &BTreeSet<ZoneName>) -> Request {
    let dark = given.cluster.outside(lost).filter(|master| imagined.seen(&master.name).is_none());
    let attested = lost.iter().map(ToString::to_string).chain(dark.map(|master| master.name.to_string()));
    Request {
        goal: Goal::InitiateDr,
        run: RunId::imagined(),
        token: Token("requorum-imagined".to_owned()),
        undoes: None,
        failed_zones: lost.clone(),
        only: BTreeSet::new(),
        seed: None,
        attested: attested.map(|who| (who, "imagined by the doctor".to_owned())).collect(),
        overrides: BTreeMap::new(),
        snapshot: None,
        person: "doctor".to_owned(),
        timed_proof: given.timed_proof,
    }
}

#[cfg(test)]
mod tests;
