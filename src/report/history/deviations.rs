//! What did not go as planned, in sentences: what a reviewer of a drill reads first. Knows nothing about output
//! formats.

use super::build::plain;
use super::{JournalFile, State, Step};
use crate::run::journal::replay::Replay;
use crate::step::HowStopped;

/// Everything, in the order of its weight: the run, rules, then step by step.
pub(super) fn all(replay: &Replay<'_>, steps: &[Step], file: &JournalFile) -> Vec<String> {
    let mut said: Vec<String> = of_end(replay.end.is_some(), file).into_iter().collect();
    let all = replay.plan.stages.len();
    let done = |number: &usize| {
        let mut of_line = steps.iter().filter(|step| step.stage == *number);
        of_line.all(|step| matches!(step.state, State::Done | State::FoundDone))
    };
    let whole = (1..=all).filter(done).count();
    if whole < all {
        said.push(format!("{whole} of {all} steps were done"));
    }
    let rules = replay.plan.overrides.iter();
    said.extend(rules.map(|(rule, why)| format!("the rule {} was overridden: {}", plain(rule), plain(why))));
    said.extend(steps.iter().flat_map(|step| {
        let by_force = replay.steps.get(&step.id).is_some_and(|history| history.stopped == Some(HowStopped::ByForce));
        of_step(step, by_force)
    }));
    said
}

/// A journal that does not tell the end.
pub(super) fn of_end(finished: bool, file: &JournalFile) -> Option<String> {
    match &file.damage {
        Some(damage) => Some(format!("the journal is damaged, and this report ends there: {}", plain(damage))),
        None if !finished => Some("the journal has no last record: the run was killed, or is still running".to_owned()),
        None => None,
    }
}

fn of_step(step: &Step, by_force: bool) -> Vec<String> {
    let name = format!("step {} on {} ({})", step.stage, step.host, step.title);
    let mut said = Vec::new();
    match step.state {
        State::Failed => said.push(format!("{name} failed: {}", step.said)),
        State::Unknown => said.push(format!("{name} has an unknown outcome: {}", step.said)),
        State::CutOff => said.push(format!("{name} was started, and the journal ends there")),
        State::Done | State::FoundDone | State::NotBegun => {}
    }
    // A graceful end is what the plan wants.
    if by_force {
        said.push(format!("{name}: {}, not gracefully", step.said));
    }
    said
}

/// What a plan allows for: a step that was done already, or that was tried until it went through.
pub(super) fn normal(steps: &[Step]) -> Vec<String> {
    steps.iter().flat_map(normal_of_step).collect()
}

fn normal_of_step(step: &Step) -> Vec<String> {
    let name = format!("step {} on {} ({})", step.stage, step.host, step.title);
    let mut said = Vec::new();
    if step.state == State::FoundDone {
        said.push(format!("{name} was done already: {}", step.said));
    }
    let failed: u64 = step.commands.iter().filter(|ran| ran.exit != Some(0)).map(|ran| ran.times).sum();
    let again = matches!(step.state, State::Done | State::FoundDone) && failed > 0;
    if again {
        let times = if failed == 1 { "once".to_owned() } else { format!("{failed} times") };
        said.push(format!("{name} was refused {times} before it went through"));
    }
    said
}
