//! Rules that the order of a playbook's steps must obey in every cluster. Knows only the names of the steps.

use crate::model::diagnostic::{Diagnostic, Place, Source};

use super::{Action, Expectation, Phase, Playbook, PlaybookLine, Role, Service};

/// Every step that stands where it must not.
#[must_use]
pub fn check(playbook: &Playbook, source: &Source) -> Vec<Diagnostic> {
    let steps = flattened(&playbook.lines);
    let broken = (0..steps.len()).flat_map(|at| {
        let (before, from) = steps.split_at(at);
        RULES.iter().filter_map(move |rule| {
            let said = (rule.broken)(before, from[0])?;
            Some((from[0].at, rule, said))
        })
    });
    let at = |line: u64| Place::of_line(source, usize::try_from(line).unwrap_or(usize::MAX));
    let broken = broken.map(|(line, rule, said)| Diagnostic::error(rule.code, at(line), said).hint(rule.hint));
    broken.chain(drill(playbook, &steps).map(|(line, said)| Diagnostic::error("drill", at(line), said))).collect()
}

/// A drill is made of phases and nothing else is; one that loses a zone brings it home.
fn drill<'l>(playbook: &Playbook, steps: &[&'l PlaybookLine]) -> impl Iterator<Item = (u64, &'static str)> + use<'l> {
    let is_drill = playbook.name == "drill";
    let is_phase = |line: &PlaybookLine| matches!(line.action, Action::Phase(_));
    let stranger = steps.iter().find(|line| is_phase(line) != is_drill).map(|line| {
        (line.at, if is_drill { "a drill is made of phases" } else { "only the playbook `drill` has phases" })
    });
    let has = |phase| steps.iter().find(|line| line.action == Action::Phase(phase));
    let outage = has(Phase::Outage).filter(|_| has(Phase::Ledger).is_none());
    let stranded =
        outage.map(|line| (line.at, "the drill ends before the zone has rejoined and the ledger was checked"));
    stranger.into_iter().chain(stranded)
}

/// All steps in the order in which one master meets them.
fn flattened(lines: &[PlaybookLine]) -> Vec<&PlaybookLine> {
    lines
        .iter()
        .flat_map(|line| match &line.action {
            Action::Each { steps, .. } => flattened(steps),
            _ => vec![line],
        })
        .collect()
}

struct Rule {
    code: &'static str,
    hint: &'static str,
    /// What is wrong with a step, given those before it.
    broken: fn(&[&PlaybookLine], &PlaybookLine) -> Option<String>,
}

const RULES: [Rule; 11] = [
    Rule {
        code: "living-majority",
        hint: "begin with `- expect: quorum-lost`: a living majority must be left alone",
        broken: |before, step| {
            let destroys = matches!(step.action, Action::Snapshot(_) | Action::Restore(_));
            let lost = |action: &Action| *action == Action::Expect(Expectation::QuorumLost);
            (destroys && !before.iter().any(|line| lost(&line.action)))
                .then(|| "this comes before the loss of quorum was made sure of".to_owned())
        },
    },
    Rule {
        code: "two-clusters",
        hint: "put `- fence: failed` before: its old members would elect a leader and take writes",
        broken: |before, step| {
            let fenced = |action: &Action| matches!(action, Action::Fence(Role::Failed));
            (matches!(step.action, Action::Restore(_)) && !before.iter().any(|line| fenced(&line.action)))
                .then(|| "this makes a second cluster while the failed zone is not fenced".to_owned())
        },
    },
    Rule {
        code: "moved-on",
        hint: "put `- expect: still-lost` right before: what was acknowledged since the snapshot would vanish",
        broken: |before, step| {
            let stops = matches!(step.action, Action::Stop { what: Service::Etcd, on } if touches(on, Role::Seed));
            let snapshot = |action: &Action| matches!(action, Action::Snapshot(_));
            let takes_time = |action: &Action| {
                matches!(action, Action::Snapshot(_) | Action::DistributeSnapshot(_) | Action::Restore(_))
            };
            let still = |action: &Action| *action == Action::Expect(Expectation::StillLost);
            (stops && before.iter().any(|line| snapshot(&line.action)) && !since(before, still, takes_time))
                .then(|| "this stops etcd without another look after snapshot and restore".to_owned())
        },
    },
    Rule {
        code: "snapshot-late",
        hint: "take the snapshot first: an etcd that was restarted without quorum does not answer",
        broken: |before, step| {
            let Action::Snapshot(role) = step.action else { return None };
            let stopped =
                |action: &Action| matches!(action, Action::Stop { what: Service::Etcd, on } if covers(*on, role));
            before.iter().any(|line| stopped(&line.action)).then(|| "this asks an etcd that was stopped".to_owned())
        },
    },
    Rule {
        code: "retire-running",
        hint: "put `stop` and `fence` of the same masters before: data is never moved while its unit could start",
        broken: |before, step| {
            let Action::Retire(role) = step.action else { return None };
            let wakes = |action: &Action| match action {
                Action::Start { what: Service::Etcd, on } => touches(*on, role),
                _ => false,
            };
            let stops =
                |action: &Action| matches!(action, Action::Stop { what: Service::Etcd, on } if covers(*on, role));
            let fences = |action: &Action| matches!(action, Action::Fence(on) if covers(*on, role));
            (!since(before, stops, wakes) || !since(before, fences, wakes))
                .then(|| "this moves data whose etcd could be running".to_owned())
        },
    },
    Rule {
        code: "join-in-place",
        hint: "put `retire` of the same masters before: old data ignores every new setting",
        broken: |before, step| {
            let Action::Join(role) = step.action else { return None };
            let starts =
                |action: &Action| matches!(action, Action::Start { what: Service::Etcd, on } if touches(*on, role));
            let retires = |action: &Action| matches!(action, Action::Retire(on) if covers(*on, role));
            (!since(before, retires, starts)).then(|| "this needs a data directory that was retired".to_owned())
        },
    },
    Rule {
        code: "restore-late",
        hint: "put `restore` of the same masters before: the new data is built before the old is moved away",
        broken: |before, step| {
            let Action::Retire(role) = step.action else { return None };
            let was = |made: &dyn Fn(&Action) -> bool| before.iter().any(|line| made(&line.action));
            let restores = was(&|action| matches!(action, Action::Restore(on) if covers(*on, role)));
            (was(&|action| matches!(action, Action::Snapshot(_))) && !restores)
                .then(|| "this moves data away that nothing would replace".to_owned())
        },
    },
    Rule {
        code: "start-unprepared",
        hint: "before `start` come `retire`, `restore` or `join`, and `write`, of the same masters",
        broken: |before, step| {
            let Action::Start { what: Service::Etcd, on: role } = step.action else { return None };
            let retires = |action: &Action| matches!(action, Action::Retire(on) if touches(*on, role));
            let fills = |action: &Action| matches!(action, Action::Restore(on) | Action::Join(on) if covers(*on, role));
            let writes = |action: &Action| matches!(action, Action::Write { on, .. } if covers(*on, role));
            let was = |made: &dyn Fn(&Action) -> bool| before.iter().any(|line| made(&line.action));
            (was(&retires) != was(&fills) || (was(&retires) && !since(before, writes, retires)))
                .then(|| "this starts an etcd that is not ready to start".to_owned())
        },
    },
    Rule {
        code: "two-learners",
        hint: "write it for `joiner`, within `- each: returned`: at most one learner and one join are in flight",
        broken: |_, step| {
            let (Action::Join(role) | Action::RestartLearner(role) | Action::Promote(role)) = step.action else {
                return None;
            };
            (role != Role::Joiner).then(|| "this would be for several masters at once".to_owned())
        },
    },
    Rule {
        code: "no-learner",
        hint: "the order is `join`, `start`, `restart-learner`, `promote`: a voter is not restarted, since that could cost the quorum",
        broken: |before, step| {
            if !matches!(step.action, Action::RestartLearner(_) | Action::Promote(_)) {
                return None;
            }
            let join = |action: &Action| matches!(action, Action::Join(_));
            let start = |action: &Action| matches!(action, Action::Start { what: Service::Etcd, .. });
            let promote = |action: &Action| matches!(action, Action::Promote(_));
            (!since(before, join, promote) || !since(before, start, join))
                .then(|| "this needs a learner that was started and does not vote yet".to_owned())
        },
    },
    Rule {
        code: "phase-early",
        hint: "the order is snapshot, canaries, outage, detection, initiate-dr, return, recover, ledger",
        broken: |before, step| {
            let Action::Phase(phase) = step.action else { return None };
            let needed = match phase {
                Phase::Doctor | Phase::Snapshot => None,
                Phase::Canaries => Some(Phase::Snapshot),
                Phase::Outage => Some(Phase::Canaries),
                Phase::Detection => Some(Phase::Outage),
                Phase::InitiateDr | Phase::Verification => Some(Phase::Detection),
                Phase::Return => Some(Phase::InitiateDr),
                Phase::Recover => Some(Phase::Return),
                Phase::Ledger => Some(Phase::Recover),
            }?;
            let was = before.iter().any(|line| line.action == Action::Phase(needed));
            (!was).then(|| format!("this comes before `{}`", needed.name()))
        },
    },
];

/// Whether what is wanted was done, and not undone later.
fn since(before: &[&PlaybookLine], wanted: impl Fn(&Action) -> bool, undone: impl Fn(&Action) -> bool) -> bool {
    before.iter().rev().find_map(|line| wanted(&line.action).then_some(true).or(undone(&line.action).then_some(false)))
        == Some(true)
}

/// Whether a step over `role` reaches every master of `other`.
fn covers(role: Role, other: Role) -> bool {
    role == other
        || role == Role::Everyone
        || matches!((role, other), (Role::Survivors, Role::Seed) | (Role::Returned, Role::Joiner))
}

/// Whether two roles may share a master.
fn touches(one: Role, other: Role) -> bool {
    covers(one, other) || covers(other, one)
}

#[cfg(test)]
mod tests;
