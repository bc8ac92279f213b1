//! What each command may do to a master, by the master's part in the plan: every effect is named here, or it is denied.
//! Knows nothing about the order of steps; [`super::safety`] does.

use crate::model::MasterName;
use crate::step::{Effect, start::Onto};

use super::{Goal, Plan, Refusal, Rule};

/// A master's part in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It is a survivor: in `initiate-dr` the new cluster is made of it, in `recover` it serves.
    Survivor,
    /// It is what `recover` rejoins, or what `fence`, `unfence` and `undo` are about.
    Returned,
    /// It takes no part.
    None,
}

/// Every effect that the plan's command has no business with.
pub(super) fn check(plan: &Plan, broken: &mut Vec<Refusal>) {
    for planned in plan.steps() {
        let part = part_of(plan, &planned.host);
        if planned.step.does(|effect| !allows(plan.goal, part, effect)) {
            let (number, host) = (plan.number_of(planned.id), &planned.host);
            let (rule, why) = match (plan.goal, part) {
                (Goal::Recover, Part::Survivor) => {
                    (Rule::ServingLeftAlone, format!("step {number} would stop or move the etcd that serves on {host}"))
                }
                (_, Part::None) => {
                    (Rule::LeftAlone, format!("step {number} changes {host}, which is neither survivor nor returned"))
                }
                _ => (
                    Rule::NotOfThisCommand,
                    format!(
                        "step {number} ({}) is nothing that this command may do to {host}",
                        planned.step.kind().title()
                    ),
                ),
            };
            super::safety::say(broken, rule, why);
        }
    }
}

fn part_of(plan: &Plan, host: &MasterName) -> Part {
    match () {
        () if plan.survivors.contains(host) => Part::Survivor,
        () if plan.returned.contains(host) => Part::Returned,
        () => Part::None,
    }
}

fn allows(goal: Goal, part: Part, effect: &Effect<'_>) -> bool {
    match (goal, part) {
        (Goal::InitiateDr, Part::Survivor) => makes_the_new_cluster(effect),
        (Goal::InitiateDr, Part::None) => matches!(effect, Effect::Fences),
        (Goal::Recover, Part::Survivor) => leaves_etcd_alone(effect),
        (Goal::Recover, Part::Returned) => rejoins(effect),
        (Goal::Fence, Part::Returned) => {
            matches!(
                effect,
                Effect::KeepsTools
                    | Effect::AsksRevision(_)
                    | Effect::ParksApiServer(_)
                    | Effect::StopsEtcd { .. }
                    | Effect::Fences
            )
        }
        (Goal::Unfence, Part::Returned) => matches!(effect, Effect::LiftsFence(_) | Effect::LeavesParked(_)),
        (Goal::Undo, Part::Returned) => gives_back(effect),
        (Goal::InitiateDr, Part::Returned)
        | (Goal::Recover, Part::None)
        | (Goal::Fence | Goal::Unfence | Goal::Undo, Part::Survivor | Part::None) => false,
    }
}

/// What is done to a survivor.
fn makes_the_new_cluster(effect: &Effect<'_>) -> bool {
    effect.only_checks()
        || matches!(
            effect,
            Effect::KeepsTools
                | Effect::PreparesFence(_)
                | Effect::Fences
                | Effect::LiftsFence(_)
                | Effect::StopsEtcd { .. }
                | Effect::StartsEtcd(Onto::Restored)
                | Effect::MovesData(_)
                | Effect::BuildsData(_)
                | Effect::WritesFile(_)
                | Effect::SavesSnapshot(_)
                | Effect::SharesSnapshot
                | Effect::FetchesSnapshot
                | Effect::CompactsHistory
                | Effect::Records(_)
                | Effect::RemovesLeases
                | Effect::CordonsNodes
        )
        || handles_the_api_server(effect)
}

/// What is done to an API server, wherever a cluster is to serve.
const fn handles_the_api_server(effect: &Effect<'_>) -> bool {
    matches!(effect, Effect::ParksApiServer(_) | Effect::WritesList(_) | Effect::ServesApi(_))
}

/// What is done to a master that serves: its etcd and its data stay as they are.
fn leaves_etcd_alone(effect: &Effect<'_>) -> bool {
    effect.only_checks()
        || matches!(
            effect,
            Effect::KeepsTools
                | Effect::WritesFile(_)
                | Effect::AddsLearner(_)
                | Effect::Promotes(_)
                | Effect::RemovesLearner
                | Effect::Records(_)
                | Effect::CordonsNodes
        )
        || handles_the_api_server(effect)
}

/// What is done to a master that comes back: it starts empty, and never on data of its own.
fn rejoins(effect: &Effect<'_>) -> bool {
    effect.only_checks()
        || matches!(
            effect,
            Effect::KeepsTools
                | Effect::PreparesFence(_)
                | Effect::Fences
                | Effect::LiftsFence(_)
                | Effect::StopsEtcd { .. }
                | Effect::StartsEtcd(Onto::Emptied)
                | Effect::RestartsLearner
                | Effect::MovesData(_)
                | Effect::WritesFile(_)
                | Effect::Records(_)
        )
        || handles_the_api_server(effect)
}

/// What is done to a survivor whose new cluster never served. Its etcd is stopped by nobody: one that runs may have served.
fn gives_back(effect: &Effect<'_>) -> bool {
    matches!(
        effect,
        Effect::Fences
            | Effect::ReturnsRecord
            | Effect::ReturnsFile
            | Effect::ReturnsData(_)
            | Effect::LiftsFence(_)
            | Effect::StartsOwnData
            | Effect::ReturnsList(_)
            | Effect::ServesApi(_)
    )
}
