//! Rules that a finished plan must obey, whoever made it. Shares no code with the planner and may only say no.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::MasterName;
use crate::step::{Effect, snapshot::Source, start::Onto};

use super::{Goal, Plan, Planned, Refusal, Rule, allowed, written};

mod api_servers;

/// Every rule that the plan breaks.
#[must_use]
pub fn check(plan: &Plan) -> Vec<Refusal> {
    let mut broken = Vec::new();
    allowed::check(plan, &mut broken);
    match plan.goal {
        // Their steps have one order each, which no playbook can change.
        Goal::Fence | Goal::Unfence => return broken,
        Goal::Undo => {
            all_is_back_before_the_start(plan, &mut broken);
            return broken;
        }
        Goal::InitiateDr | Goal::Recover => {}
    }
    for rule in [
        data_moves_only_under_a_fence,
        data_and_log_go_together,
        starts_are_prepared,
        files_say_existing,
        joins_come_one_by_one,
        api_servers::are_parked_first,
        api_servers::are_served_again,
        api_servers::know_the_members,
    ] {
        rule(plan, &mut broken);
    }
    if plan.goal == Goal::Recover {
        votes_are_looked_for(plan, &mut broken);
    }
    if plan.goal == Goal::InitiateDr {
        nothing_stops_before_the_snapshot(plan, &mut broken);
        all_grow_from_one_snapshot(plan, &mut broken);
        the_dead_are_listened_for(plan, &mut broken);
    }
    starts_are_proved(plan, &mut broken);
    broken
}

pub(super) fn say(broken: &mut Vec<Refusal>, rule: Rule, why: String) {
    broken.push(Refusal::new(rule, why, "the playbook's order is unsafe; compare it with the shipped one"));
}

/// Every effect, in the order of the steps.
fn effects(plan: &Plan) -> impl Iterator<Item = (&Planned, Effect<'_>)> {
    plan.steps().flat_map(|planned| planned.step.kind().effects().into_iter().map(move |effect| (planned, effect)))
}

/// A data directory is never moved while its unit could start by itself.
fn data_moves_only_under_a_fence(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut stopped = BTreeSet::new();
    let mut fenced = BTreeSet::new();
    for (planned, effect) in effects(plan) {
        let host = &planned.host;
        match effect {
            Effect::StopsEtcd { .. } => {
                stopped.insert(host);
            }
            Effect::Fences => {
                fenced.insert(host);
            }
            Effect::LiftsFence(_) => {
                fenced.remove(host);
            }
            Effect::StartsEtcd(_) | Effect::StartsOwnData | Effect::RestartsLearner => {
                stopped.remove(host);
            }
            Effect::MovesData(_) | Effect::ReturnsData(_) if !stopped.contains(host) || !fenced.contains(host) => {
                let number = plan.number_of(planned.id);
                let why = format!("step {number} moves data on {host} while etcd could start there");
                say(broken, Rule::MoveUnderFence, why);
            }
            _ => {}
        }
    }
}

/// A log that lies elsewhere is moved with the data it belongs to, and what is restored has its log in that place.
fn data_and_log_go_together(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut restored = BTreeMap::new();
    for (planned, effect) in effects(plan) {
        match effect {
            Effect::BuildsData(restore) => {
                restored.insert(&planned.host, &restore.wal_dir);
            }
            Effect::MovesData(retire) if restored.get(&planned.host).is_some_and(|log| **log != retire.wal_dir) => {
                let number = plan.number_of(planned.id);
                let why = format!("step {number} moves another log on {} than the one that was restored", planned.host);
                say(broken, Rule::PreparedStart, why);
            }
            _ => {}
        }
    }
}

/// While a run is taken back, etcd must not start on its data with another's env file or record, also after a reboot.
fn all_is_back_before_the_start(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut back: BTreeMap<&MasterName, BTreeSet<&'static str>> = BTreeMap::new();
    let mut free = BTreeSet::new();
    for (planned, effect) in effects(plan) {
        let (host, number) = (&planned.host, plan.number_of(planned.id));
        let returned = match effect {
            Effect::ReturnsRecord => "record",
            Effect::ReturnsFile => "env file",
            Effect::ReturnsData(_) => "data",
            Effect::Fences => {
                free.remove(host);
                continue;
            }
            Effect::LiftsFence(_) => {
                if back.get(host).is_none_or(|back| back.len() < 3) {
                    let why =
                        format!("step {number} lifts the fence of {host} before data, env file and record are back");
                    say(broken, Rule::PreparedStart, why);
                }
                free.insert(host);
                continue;
            }
            Effect::StartsOwnData => {
                if !free.contains(host) {
                    say(broken, Rule::PreparedStart, format!("step {number} starts etcd on {host} behind its fence"));
                }
                continue;
            }
            _ => continue,
        };
        back.entry(host).or_default().insert(returned);
        if free.contains(host) {
            let why = format!("step {number} returns the {returned} of {host} while etcd could start there");
            say(broken, Rule::MoveUnderFence, why);
        }
    }
}

/// etcd starts only on what this run restored and put in place, or emptied, with the file this run wrote.
fn starts_are_prepared(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut done: BTreeMap<&MasterName, Vec<&'static str>> = BTreeMap::new();
    for (planned, effect) in effects(plan) {
        let (host, number) = (&planned.host, plan.number_of(planned.id));
        let restored = match effect {
            Effect::BuildsData(_) => {
                done.entry(host).or_default().push("restore");
                continue;
            }
            Effect::MovesData(_) => {
                done.entry(host).or_default().push("retire");
                continue;
            }
            Effect::WritesFile(_) => {
                done.entry(host).or_default().push("write");
                continue;
            }
            Effect::StartsEtcd(onto) => onto == Onto::Restored,
            Effect::StartsOwnData => {
                say(broken, Rule::PreparedStart, format!("step {number} starts etcd on {host} on its old data"));
                continue;
            }
            _ => continue,
        };
        let before = done.get(host).map_or(&[][..], Vec::as_slice);
        let at = |wanted: &str| before.iter().position(|word| *word == wanted);
        for needed in if restored { &["restore", "retire", "write"][..] } else { &["retire", "write"] } {
            if at(needed).is_none() {
                let why = format!("step {number} starts etcd on {host} without a {needed} before it");
                say(broken, Rule::PreparedStart, why);
            }
        }
        if restored && at("retire") < at("restore") {
            let why = format!("{host} is restored after its data directory was replaced");
            say(broken, Rule::PreparedStart, why);
        }
    }
}

/// With `new`, an empty directory would become an empty cluster that takes writes.
fn files_say_existing(plan: &Plan, broken: &mut Vec<Refusal>) {
    let token = plan.after.as_ref().map(|after| after.token.0.as_str());
    for (planned, effect) in effects(plan) {
        let Effect::WritesFile(write) = effect else { continue };
        let line = |flag: &str| written::says(write.form, &write.variables, &write.after, flag);
        let (number, host) = (plan.number_of(planned.id), &planned.host);
        if line("initial-cluster-state").as_deref() != Some("existing") {
            let why = format!("step {number} writes a file on {host} whose cluster state is not `existing`");
            say(broken, Rule::StateExisting, why);
        }
        if line("initial-cluster-token").as_deref() != token {
            say(broken, Rule::OneToken, format!("step {number} writes another token on {host}"));
        }
    }
}

/// At most one learner, and never a restart of one that votes.
fn joins_come_one_by_one(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut learner: Option<&MasterName> = None;
    let mut voting: BTreeSet<&MasterName> = BTreeSet::new();
    for (planned, effect) in effects(plan) {
        let (number, host) = (plan.number_of(planned.id), &planned.host);
        match effect {
            Effect::AddsLearner(joiner) => {
                if let Some(other) = learner {
                    let why = format!("step {number} adds {joiner} while {other} is still a learner");
                    say(broken, Rule::OneLearner, why);
                }
                learner = Some(joiner);
            }
            Effect::Promotes(joiner) => {
                if learner == Some(joiner) {
                    learner = None;
                } else {
                    say(broken, Rule::OneLearner, format!("step {number} promotes {joiner}, which was not added"));
                }
                voting.insert(joiner);
            }
            Effect::RestartsLearner if voting.contains(host) => {
                let why = format!("step {number} could restart {host}, which votes by that time");
                say(broken, Rule::SettleLearnersOnly, why);
            }
            _ => {}
        }
    }
    if let Some(left) = learner {
        say(broken, Rule::OneLearner, format!("{left} would remain a learner"));
    }
}

/// Whoever comes back may have been given a vote since the plan was made.
fn votes_are_looked_for(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut without_vote: BTreeSet<&MasterName> = BTreeSet::new();
    for (planned, effect) in effects(plan) {
        match effect {
            Effect::ChecksNoVote(joiners) => without_vote.extend(joiners.keys()),
            Effect::AddsLearner(_) | Effect::Promotes(_) | Effect::StartsEtcd(_) | Effect::StartsOwnData => {
                without_vote.clear();
            }
            Effect::StopsEtcd { .. } | Effect::MovesData(_) if !without_vote.contains(&planned.host) => {
                let number = plan.number_of(planned.id);
                let why = format!("step {number} stops or moves {} without checking who votes", planned.host);
                say(broken, Rule::VotersLeftAlone, why);
            }
            _ => {}
        }
    }
}

/// A zone may come back while the new cluster is made: it is listened for before the start, and before the first write.
fn the_dead_are_listened_for(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut silent: BTreeSet<&MasterName> = BTreeSet::new();
    for (planned, effect) in effects(plan).filter(|_| !plan.left_out.is_empty()) {
        let starts = match effect {
            Effect::ChecksSilence => {
                silent.insert(&planned.host);
                continue;
            }
            Effect::MovesData(_) => {
                silent.clear();
                continue;
            }
            Effect::StartsEtcd(_) | Effect::StartsOwnData => true,
            Effect::ChecksWrite { .. } => false,
            _ => continue,
        };
        if !silent.contains(&planned.host) {
            let number = plan.number_of(planned.id);
            let why = format!("step {number} on {} comes without checking for members that are back", planned.host);
            say(broken, Rule::FailedZoneSilent, why);
        }
        if starts {
            silent.remove(&planned.host);
        }
    }
}

/// The survivor is stopped only once its data is safe in a verified file, and nothing moved meanwhile.
fn nothing_stops_before_the_snapshot(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut verified = false;
    let mut unmoved = BTreeSet::new();
    for (planned, effect) in effects(plan) {
        match effect {
            // A copy of a database in use is verified in what is restored from it.
            Effect::SavesSnapshot(source) => verified = !copied(source),
            // What takes time makes the last look an old one.
            Effect::BuildsData(restore) => {
                if plan_source(plan).is_some_and(copied) && !restore.checks {
                    let why = format!("{} is restored from a copied database that nobody checks", planned.host);
                    say(broken, Rule::SnapshotFirst, why);
                }
                verified |= restore.checks;
                unmoved.clear();
            }
            Effect::SharesSnapshot => unmoved.clear(),
            Effect::ChecksNoLeader(check)
                if check.unmoved && check.applied.is_some() == check.by_status && verified =>
            {
                unmoved.insert(&planned.host);
            }
            Effect::StopsEtcd { by_force } => {
                let copied_next = match plan_source(plan) {
                    Some(Source::StoppedCopy { .. }) => !by_force,
                    // Its log has whatever an end by force leaves out of the database.
                    Some(Source::Replay { .. }) => !verified && seed_of(plan, &planned.host),
                    _ => false,
                };
                if !copied_next && (!verified || !unmoved.contains(&planned.host)) {
                    let (number, host) = (plan.number_of(planned.id), &planned.host);
                    let why = format!("step {number} stops {host} before a verified snapshot and a last check");
                    say(broken, Rule::SnapshotFirst, why);
                }
            }
            _ => {}
        }
    }
}

fn copied(source: &Source) -> bool {
    matches!(source, Source::Live { copied: Some(_), .. })
}

fn seed_of(plan: &Plan, host: &MasterName) -> bool {
    plan.seed.as_ref() == Some(host)
}

fn plan_source(plan: &Plan) -> Option<&Source> {
    effects(plan).find_map(|(_, effect)| match effect {
        Effect::SavesSnapshot(source) => Some(source),
        _ => None,
    })
}

/// Members restored from different files, tokens or lists would never agree.
fn all_grow_from_one_snapshot(plan: &Plan, broken: &mut Vec<Refusal>) {
    let touches = |effect: &Effect<'_>| {
        matches!(
            effect,
            Effect::StopsEtcd { .. } | Effect::MovesData(_) | Effect::BuildsData(_) | Effect::StartsEtcd(_)
        )
    };
    // What an earlier run has left to do with API servers alone.
    if !plan.steps().any(|planned| planned.step.does(touches)) {
        return;
    }
    let restores: Vec<_> = effects(plan)
        .filter_map(|(planned, effect)| match effect {
            Effect::BuildsData(restore) => Some((&planned.host, restore)),
            _ => None,
        })
        .collect();
    let shared: BTreeSet<&MasterName> = effects(plan)
        .filter(|(_, effect)| *effect == Effect::SharesSnapshot)
        .map(|(planned, _)| &planned.host)
        .collect();
    let hosts: BTreeSet<&MasterName> = restores.iter().map(|(host, _)| *host).collect();
    if hosts != plan.survivors.iter().collect() || restores.len() != hosts.len() {
        say(broken, Rule::OneSnapshot, "not every survivor is restored exactly once".into());
    }
    for (host, restore) in &restores {
        if plan.after.as_ref().is_none_or(|after| after.token != restore.token)
            || restores.iter().any(|(_, other)| other.initial_cluster != restore.initial_cluster)
        {
            say(broken, Rule::OneSnapshot, format!("{host} is restored with another token or member list"));
        }
        if Some(*host) != plan.seed.as_ref() && !shared.contains(host) {
            say(broken, Rule::OneSnapshot, format!("{host} is restored without the seed's snapshot"));
        }
    }
}

/// Whatever is started must be seen to take a write.
fn starts_are_proved(plan: &Plan, broken: &mut Vec<Refusal>) {
    let last = |wanted: fn(&Effect<'_>) -> bool, host: &MasterName| {
        plan.steps()
            .filter(|planned| &planned.host == host && planned.step.does(wanted))
            .map(|planned| planned.id)
            .max()
    };
    for host in plan.survivors.iter().chain(&plan.returned) {
        let start = last(|effect| matches!(effect, Effect::StartsEtcd(_) | Effect::StartsOwnData), host);
        let proof = last(|effect| *effect == Effect::ChecksWrite { new: true }, host);
        if start.is_some() && proof <= start {
            say(
                broken,
                Rule::ProvedByAWrite,
                format!("etcd is started on {host} and no step waits for a write through it"),
            );
        }
    }
}
