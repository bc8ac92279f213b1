//! How to go on with a run that stopped midway: the commands, in order. Does not know what the run has done beyond its
//! steps' states.

use std::fmt::Write;

use crate::model::MasterName;
use crate::plan::Goal;
use crate::run::journal::StepState;
use crate::step::Effect;

use super::super::names;
use super::{About, Open, ReportedRun, fence_target, parked};

/// How to go on without `resume`.
pub(super) fn by_hand(run: ReportedRun<'_>) -> Open {
    let mut out = String::new();
    if run.outcome.lock_lost {
        return Open::next(format!(
            "The masters of this run were unlocked by someone, who may have continued. Check first:\n  {} status\n",
            run.again
        ));
    }
    let (holder, locked) = match run.drill {
        Some(drill) => {
            (drill, format!("Drill {drill} held the masters. If it has not released them itself, continue with:"))
        }
        None if run.later => (
            &run.plan.run,
            format!(
                "When the journal ended, the masters were locked for run {}. To continue, unless somebody has gone on since:",
                run.plan.run
            ),
        ),
        None => (&run.plan.run, format!("The masters stay locked for run {}. To continue:", run.plan.run)),
    };
    let _ = writeln!(out, "{locked}\n  {} unlock {holder}", run.again);
    match run.plan.goal {
        Goal::InitiateDr if reached(run, |effect| matches!(effect, Effect::StartsEtcd(_))) => {
            if a_zone_is_back(run) {
                let fence = fence_target(run.plan);
                let _ = writeln!(
                    out,
                    "  {} fence {fence}      # its old members must not serve as a second cluster",
                    run.again
                );
            }
            let _ = writeln!(
                out,
                "  {} status      # the new cluster may already serve; from here only continue, do not go back",
                run.again
            );
            if !parked::components(run).is_empty() {
                let _ = writeln!(out, "  {} initiate-dr      # once it serves: puts the API servers back", run.again);
            }
        }
        Goal::InitiateDr if reached(run, |effect| matches!(effect, Effect::StopsEtcd { .. })) => {
            from_the_snapshot(run, &mut out);
            out.push_str("or, if the lost zone is back, give the survivors their own data back and start them:\n");
            let _ = writeln!(out, "  {} undo {}", run.again, run.plan.run);
        }
        Goal::InitiateDr if !parked::components(run).is_empty() => {
            let _ = writeln!(out, "  {} initiate-dr", run.again);
            out.push_str("or, if the lost zone is back, put the API servers back as they were:\n");
            let _ = writeln!(out, "  {} undo {}", run.again, run.plan.run);
        }
        goal => {
            let _ = writeln!(out, "  {} {}{}", run.again, goal.command(), words(run));
        }
    }
    Open { text: out, about: About::Lock }
}

/// What the command was given, but for what was attested: that was true when somebody said it. For the same reason why a
/// rule was set aside is to be said again.
fn words(run: ReportedRun<'_>) -> String {
    let plan = run.plan;
    let mut words = match plan.goal {
        Goal::Fence | Goal::Unfence => format!(" {}", fence_target(plan)),
        Goal::Undo => undone(run),
        Goal::Recover if !plan.only.is_empty() => {
            let only: Vec<&str> = plan.only.iter().map(MasterName::as_str).collect();
            format!(" --only {}", only.join(" "))
        }
        Goal::InitiateDr | Goal::Recover => String::new(),
    };
    words.push_str(&set_aside(run));
    words
}

/// The rules that were set aside, to be set aside again.
fn set_aside(run: ReportedRun<'_>) -> String {
    run.plan.overrides.keys().map(|rule| format!(" --override {rule}=REASON")).collect()
}

/// The run that `undo` is given, as a command's last word.
fn undone(run: ReportedRun<'_>) -> String {
    let returns = |effect: Effect<'_>| match effect {
        Effect::ReturnsData(undone) | Effect::ReturnsList(undone) => Some(format!(" {undone}")),
        _ => None,
    };
    let mut effects = run.plan.steps().flat_map(|planned| planned.step.kind().effects());
    effects.find_map(returns).unwrap_or_default()
}

/// Whether the run ended because a member that was taken for dead answered.
fn a_zone_is_back(run: ReportedRun<'_>) -> bool {
    let failed = |id: u32| run.states.get(&id) == Some(&StepState::Failed);
    run.plan.steps().any(|planned| planned.step.does(|effect| *effect == Effect::ChecksSilence) && failed(planned.id))
}

/// Whether a step of this kind was begun.
fn reached(run: ReportedRun<'_>, wanted: fn(&Effect<'_>) -> bool) -> bool {
    let begun = |id: u32| !matches!(run.states.get(&id), None | Some(StepState::Planned));
    run.plan.steps().any(|planned| planned.step.does(wanted) && begun(planned.id))
}

/// Whether a step with this effect was done.
fn was_done(run: ReportedRun<'_>, wanted: fn(&Effect<'_>) -> bool) -> bool {
    let done = |id: u32| run.states.get(&id) == Some(&StepState::Done);
    run.plan.steps().any(|planned| planned.step.does(wanted) && done(planned.id))
}

/// The command with which an `initiate-dr` goes on whose survivors are down behind its fences; nothing for other runs.
/// Without its snapshot here it is taken back, which starts the survivors on their own data again.
#[must_use]
pub fn way_on(run: ReportedRun<'_>) -> Option<String> {
    let down = run.plan.goal == Goal::InitiateDr && reached(run, |effect| matches!(effect, Effect::StopsEtcd { .. }));
    let kept = was_done(run, |effect| *effect == Effect::FetchesSnapshot);
    let command = || if kept { anew(run) } else { format!("{} undo {}", run.again, run.plan.run) };
    down.then(command)
}

/// How to begin anew from the snapshot.
fn from_the_snapshot(run: ReportedRun<'_>, out: &mut String) {
    let kept = run.place.join(crate::step::fetch_snapshot::NAME);
    if !was_done(run, |effect| matches!(effect, Effect::SavesSnapshot(_))) {
        let _ = writeln!(out, "  {} status      # no snapshot was taken; the data is where it was", run.again);
        return;
    }
    if !was_done(run, |effect| *effect == Effect::FetchesSnapshot) {
        let seed = names(&run.plan.seed);
        let there = crate::step::snapshot_path(&run.plan.run);
        let _ = writeln!(out, "  copy {there} from {seed} to {} (as root on that host)", kept.display());
    }
    let _ = writeln!(out, "  {}", anew(run));
}

/// The command that restores the kept snapshot. Every etcd is down then, so the failed zones are named again. What was
/// attested is not: it was true when somebody said it, and the zone may be back. It is asked for at the terminal.
fn anew(run: ReportedRun<'_>) -> String {
    let kept = run.place.join(crate::step::fetch_snapshot::NAME);
    let zones: String = run.plan.failed_zones.iter().map(|zone| format!(" --failed-zone {zone}")).collect();
    let quoted = |text: &str| shlex::try_quote(text).map_or_else(|_| "REASON".to_owned(), |word| word.into_owned());
    let kept = kept.display().to_string();
    format!("{} initiate-dr --snapshot {}{zones}{}", run.again, quoted(&kept), set_aside(run))
}
