//! Rules that a finished plan must obey, whoever made it. Shares no code with the planner and may only say no.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::MasterName;
use crate::step::{Step, snapshot::Source, start::Onto};

use super::{Goal, Plan, Refusal, Rule};

/// Every rule that the plan breaks.
#[must_use]
pub fn check(plan: &Plan) -> Vec<Refusal> {
    let mut broken = Vec::new();
    if matches!(plan.goal, Goal::Fence | Goal::Unfence | Goal::Undo) {
        return broken;
    }
    for rule in [
        data_moves_only_under_a_fence,
        starts_are_prepared,
        files_say_existing,
        joins_come_one_by_one,
        the_failed_zone_is_left_alone,
    ] {
        rule(plan, &mut broken);
    }
    if plan.goal == Goal::Recover {
        who_serves_goes_on_serving(plan, &mut broken);
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

fn say(broken: &mut Vec<Refusal>, rule: Rule, why: String) {
    broken.push(Refusal::new(rule, why, "the playbook's order is unsafe; compare it with the shipped one"));
}

/// A data directory is never moved while its unit could start by itself.
fn data_moves_only_under_a_fence(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut stopped = BTreeSet::new();
    let mut fenced = BTreeSet::new();
    for planned in plan.steps() {
        let host = &planned.host;
        match &planned.step {
            Step::Stop(_) => {
                stopped.insert(host);
            }
            Step::Fence(_) => {
                fenced.insert(host);
            }
            Step::Unfence(_) => {
                fenced.remove(host);
            }
            Step::Start(_) => {
                stopped.remove(host);
                fenced.remove(host);
            }
            Step::Retire(_) if !stopped.contains(host) || !fenced.contains(host) => {
                say(
                    broken,
                    Rule::MoveUnderFence,
                    format!("step {} moves data on {host} while etcd could start there", plan.number_of(planned.id)),
                );
            }
            _ => {}
        }
    }
}

/// etcd starts only on what this run restored and put in place, or emptied, with the file this run wrote.
fn starts_are_prepared(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut done: BTreeMap<&MasterName, Vec<&'static str>> = BTreeMap::new();
    for planned in plan.steps() {
        let host = &planned.host;
        let word = match &planned.step {
            Step::Restore(_) => "restore",
            Step::Retire(_) => "retire",
            Step::Write(_) => "write",
            Step::Start(start) => {
                let before = done.get(host).map_or(&[][..], Vec::as_slice);
                let restored = start.onto == Onto::Restored;
                let at = |wanted: &str| before.iter().position(|word| *word == wanted);
                for needed in if restored { &["restore", "retire", "write"][..] } else { &["retire", "write"] } {
                    if at(needed).is_none() {
                        say(
                            broken,
                            Rule::PreparedStart,
                            format!(
                                "step {} starts etcd on {host} without a {needed} before it",
                                plan.number_of(planned.id)
                            ),
                        );
                    }
                }
                if restored && at("retire") < at("restore") {
                    say(
                        broken,
                        Rule::PreparedStart,
                        format!("{host} is restored after its data directory was replaced"),
                    );
                }
                continue;
            }
            _ => continue,
        };
        done.entry(host).or_default().push(word);
    }
}

/// With `new`, an empty directory would become an empty cluster that takes writes.
fn files_say_existing(plan: &Plan, broken: &mut Vec<Refusal>) {
    let token = plan.after.as_ref().map(|after| after.token.0.as_str());
    for planned in plan.steps() {
        let Step::Write(write) = &planned.step else { continue };
        let line = |key: &str| {
            let start = format!("{key}=");
            write.after.lines().rev().find_map(|line| line.trim_start().strip_prefix(&start).map(str::to_owned))
        };
        if line("ETCD_INITIAL_CLUSTER_STATE").as_deref() != Some("existing") {
            say(
                broken,
                Rule::StateExisting,
                format!(
                    "step {} writes a file on {} whose cluster state is not `existing`",
                    plan.number_of(planned.id),
                    planned.host
                ),
            );
        }
        if line("ETCD_INITIAL_CLUSTER_TOKEN").as_deref() != token {
            say(
                broken,
                Rule::OneToken,
                format!("step {} writes another token on {}", plan.number_of(planned.id), planned.host),
            );
        }
    }
}

/// At most one learner, and never a restart of one that votes.
fn joins_come_one_by_one(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut learner: Option<&MasterName> = None;
    let mut voting: BTreeSet<&MasterName> = BTreeSet::new();
    for planned in plan.steps() {
        match &planned.step {
            Step::Join(join) => {
                if let Some(other) = learner {
                    say(
                        broken,
                        Rule::OneLearner,
                        format!(
                            "step {} adds {} while {other} is still a learner",
                            plan.number_of(planned.id),
                            join.joiner
                        ),
                    );
                }
                learner = Some(&join.joiner);
            }
            Step::Promote(promote) => {
                if learner == Some(&promote.joiner) {
                    learner = None;
                } else {
                    say(
                        broken,
                        Rule::OneLearner,
                        format!("step {} promotes {}, which was not added", plan.number_of(planned.id), promote.joiner),
                    );
                }
                voting.insert(&promote.joiner);
            }
            Step::Settle(_) if voting.contains(&planned.host) => {
                say(
                    broken,
                    Rule::SettleLearnersOnly,
                    format!(
                        "step {} could restart {}, which votes by that time",
                        plan.number_of(planned.id),
                        planned.host
                    ),
                );
            }
            _ => {}
        }
    }
    if let Some(left) = learner {
        say(broken, Rule::OneLearner, format!("{left} would remain a learner"));
    }
}

/// `recover` stops and moves nothing on a master that serves.
fn who_serves_goes_on_serving(plan: &Plan, broken: &mut Vec<Refusal>) {
    for planned in plan.steps().filter(|planned| plan.survivors.contains(&planned.host)) {
        let ends = matches!(
            planned.step,
            Step::Stop(_) | Step::Fence(_) | Step::Retire(_) | Step::Restore(_) | Step::Start(_) | Step::Settle(_)
        );
        if ends {
            let why = format!(
                "step {} would stop or move the etcd that serves on {}",
                plan.number_of(planned.id),
                planned.host
            );
            say(broken, Rule::ServingLeftAlone, why);
        }
    }
}

/// Whoever comes back may have been given a vote since the plan was made.
fn votes_are_looked_for(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut without_vote: BTreeSet<&MasterName> = BTreeSet::new();
    for planned in plan.steps() {
        match &planned.step {
            Step::NoVote(look) => without_vote.extend(look.joiners.keys()),
            Step::Join(_) | Step::Promote(_) | Step::Start(_) => without_vote.clear(),
            Step::Stop(_) | Step::Retire(_) if !without_vote.contains(&planned.host) => {
                let why = format!(
                    "step {} stops or moves {} without checking who votes",
                    plan.number_of(planned.id),
                    planned.host
                );
                say(broken, Rule::VotersLeftAlone, why);
            }
            _ => {}
        }
    }
}

/// A zone may come back while the new cluster is made: it is listened for before the start, and before the first write.
fn the_dead_are_listened_for(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut silent: BTreeSet<&MasterName> = BTreeSet::new();
    for planned in plan.steps().filter(|_| !plan.left_out.is_empty()) {
        let heard = match &planned.step {
            Step::Silent(_) => {
                silent.insert(&planned.host);
                continue;
            }
            Step::Retire(_) => {
                silent.clear();
                continue;
            }
            Step::Start(_) | Step::Serve(_) => silent.contains(&planned.host),
            _ => continue,
        };
        if !heard {
            let why = format!(
                "step {} on {} comes without checking for members that are back",
                plan.number_of(planned.id),
                planned.host
            );
            say(broken, Rule::FailedZoneSilent, why);
        }
        if matches!(planned.step, Step::Start(_)) {
            silent.remove(&planned.host);
        }
    }
}

/// `initiate_dr` does nothing to the failed zone but fence it.
fn the_failed_zone_is_left_alone(plan: &Plan, broken: &mut Vec<Refusal>) {
    for planned in plan.steps() {
        let takes_part = plan.survivors.contains(&planned.host) || plan.returned.contains(&planned.host);
        if !takes_part && !matches!(planned.step, Step::Fence(_)) {
            say(
                broken,
                Rule::LeftAlone,
                format!(
                    "step {} changes {}, which is neither survivor nor returned",
                    plan.number_of(planned.id),
                    planned.host
                ),
            );
        }
    }
}

/// The survivor is stopped only once its data is safe in a verified file, and nothing moved meanwhile.
fn nothing_stops_before_the_snapshot(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut verified = false;
    let mut unmoved = BTreeSet::new();
    for planned in plan.steps() {
        match &planned.step {
            Step::Snapshot(_) => verified = true,
            // What takes time makes the last look an old one.
            Step::Share(_) | Step::Restore(_) => unmoved.clear(),
            Step::Leaderless(check) if check.unmoved && check.applied.is_some() == check.by_status && verified => {
                unmoved.insert(&planned.host);
            }
            Step::Stop(stop) => {
                let copied_next = match plan_source(plan) {
                    Some(Source::StoppedCopy { .. }) => !stop.by_force,
                    // Its log has whatever an end by force leaves out of the database.
                    Some(Source::Replay { .. }) => !verified && seed_of(plan, &planned.host),
                    _ => false,
                };
                if !copied_next && (!verified || !unmoved.contains(&planned.host)) {
                    say(
                        broken,
                        Rule::SnapshotFirst,
                        format!(
                            "step {} stops {} before a verified snapshot and a last check",
                            plan.number_of(planned.id),
                            planned.host
                        ),
                    );
                }
            }
            _ => {}
        }
    }
}

fn seed_of(plan: &Plan, host: &MasterName) -> bool {
    plan.seed.as_ref() == Some(host)
}

fn plan_source(plan: &Plan) -> Option<&Source> {
    plan.steps().find_map(|planned| match &planned.step {
        Step::Snapshot(snapshot) => Some(&snapshot.source),
        _ => None,
    })
}

/// Members restored from different files, tokens or lists would never agree.
fn all_grow_from_one_snapshot(plan: &Plan, broken: &mut Vec<Refusal>) {
    let restores: Vec<_> = plan
        .steps()
        .filter_map(|planned| match &planned.step {
            Step::Restore(restore) => Some((&planned.host, restore)),
            _ => None,
        })
        .collect();
    let shared: BTreeSet<&MasterName> =
        plan.steps().filter(|planned| matches!(planned.step, Step::Share(_))).map(|planned| &planned.host).collect();
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
    let last = |wanted: fn(&Step) -> bool, host: &MasterName| {
        plan.steps().filter(|planned| &planned.host == host && wanted(&planned.step)).map(|planned| planned.id).max()
    };
    for host in plan.survivors.iter().chain(&plan.returned) {
        let start = last(|step| matches!(step, Step::Start(_)), host);
        let proof = last(|step| matches!(step, Step::Serve(serve) if !serve.value.is_empty()), host);
        if start.is_some() && proof <= start {
            say(
                broken,
                Rule::ProvedByAWrite,
                format!("etcd is started on {host} and no step waits for a write through it"),
            );
        }
    }
}
