//! How to go on with a run that stopped midway: the commands, in order. Does not know what the run has done beyond its
//! steps' states.

use std::fmt::Write;

use crate::plan::Goal;
use crate::run::journal::StepState;
use crate::step::Effect;

use super::super::names;
use super::{About, Open, Story, fence_target};

/// How to go on without `resume`.
pub(super) fn by_hand(story: Story<'_>) -> Open {
    let mut out = String::new();
    if story.outcome.lock_lost {
        return Open::next(format!(
            "The masters of this run were unlocked by someone, who may have continued. Check first:\n  {} status\n",
            story.again
        ));
    }
    let (holder, locked) = match story.drill {
        Some(drill) => {
            (drill, format!("Drill {drill} held the masters. If it has not released them itself, continue with:"))
        }
        None if story.later => (
            &story.plan.run,
            format!(
                "When the journal ended, the masters were locked for run {}. To continue, unless somebody has gone on since:",
                story.plan.run
            ),
        ),
        None => (&story.plan.run, format!("The masters stay locked for run {}. To continue:", story.plan.run)),
    };
    let _ = writeln!(out, "{locked}\n  {} unlock {holder}", story.again);
    match story.plan.goal {
        Goal::InitiateDr if reached(story, |effect| matches!(effect, Effect::StartsEtcd(_))) => {
            if a_zone_is_back(story) {
                let fence = fence_target(story.plan);
                let _ = writeln!(
                    out,
                    "  {} fence {fence}      # its old members must not serve as a second cluster",
                    story.again
                );
            }
            let _ = writeln!(
                out,
                "  {} status      # the new cluster may already serve; from here only continue, do not go back",
                story.again
            );
        }
        Goal::InitiateDr if reached(story, |effect| matches!(effect, Effect::StopsEtcd { .. })) => {
            from_the_snapshot(story, &mut out);
            out.push_str("or, if the lost zone is back, give the survivors their own data back and start them:\n");
            let _ = writeln!(out, "  {} undo {}", story.again, story.plan.run);
        }
        goal => {
            let _ = writeln!(out, "  {} {}{}", story.again, goal.command(), undone(story));
        }
    }
    Open { text: out, about: About::Lock }
}

/// The run that `undo` is given, as a command's last word.
fn undone(story: Story<'_>) -> String {
    let returns = |effect: Effect<'_>| match effect {
        Effect::ReturnsData(run) => Some(format!(" {run}")),
        _ => None,
    };
    let mut effects = story.plan.steps().flat_map(|planned| planned.step.kind().effects());
    effects.find_map(returns).unwrap_or_default()
}

/// Whether the run ended because a member that was taken for dead answered.
fn a_zone_is_back(story: Story<'_>) -> bool {
    let failed = |id: u32| story.states.get(&id) == Some(&StepState::Failed);
    story.plan.steps().any(|planned| planned.step.does(|effect| *effect == Effect::ChecksSilence) && failed(planned.id))
}

/// Whether a step of this kind was begun.
fn reached(story: Story<'_>, wanted: fn(&Effect<'_>) -> bool) -> bool {
    let begun = |id: u32| !matches!(story.states.get(&id), None | Some(StepState::Planned));
    story.plan.steps().any(|planned| planned.step.does(wanted) && begun(planned.id))
}

/// Whether a step with this effect was done.
fn was_done(story: Story<'_>, wanted: fn(&Effect<'_>) -> bool) -> bool {
    let done = |id: u32| story.states.get(&id) == Some(&StepState::Done);
    story.plan.steps().any(|planned| planned.step.does(wanted) && done(planned.id))
}

/// The command with which an `initiate-dr` goes on whose survivors are down behind its fences; nothing for other runs.
/// Without its snapshot here it is taken back, which starts the survivors on their own data again.
#[must_use]
pub fn way_on(story: Story<'_>) -> Option<String> {
    let down =
        story.plan.goal == Goal::InitiateDr && reached(story, |effect| matches!(effect, Effect::StopsEtcd { .. }));
    let kept = was_done(story, |effect| *effect == Effect::FetchesSnapshot);
    let command = || if kept { anew(story) } else { format!("{} undo {}", story.again, story.plan.run) };
    down.then(command)
}

/// How to begin anew from the snapshot.
fn from_the_snapshot(story: Story<'_>, out: &mut String) {
    let kept = story.place.join(crate::step::fetch_snapshot::NAME);
    if !was_done(story, |effect| matches!(effect, Effect::SavesSnapshot(_))) {
        let _ = writeln!(out, "  {} status      # no snapshot was taken; the data is where it was", story.again);
        return;
    }
    if !was_done(story, |effect| *effect == Effect::FetchesSnapshot) {
        let seed = names(&story.plan.seed);
        let there = crate::step::snapshot_path(&story.plan.run);
        let _ = writeln!(out, "  copy {there} from {seed} to {} (as root on that host)", kept.display());
    }
    let _ = writeln!(out, "  {}", anew(story));
}

/// The command that restores the kept snapshot. Every etcd is down then, so the failed zones are named again. What was
/// attested is not: it was true when somebody said it, and the zone may be back. It is asked for at the terminal.
fn anew(story: Story<'_>) -> String {
    let kept = story.place.join(crate::step::fetch_snapshot::NAME);
    let zones: String = story.plan.failed_zones.iter().map(|zone| format!(" --failed-zone {zone}")).collect();
    let quoted = |text: &str| shlex::try_quote(text).map_or_else(|_| "REASON".to_owned(), |word| word.into_owned());
    let kept = kept.display().to_string();
    format!("{} initiate-dr --snapshot {}{zones}", story.again, quoted(&kept))
}
