//! Puts a replayed journal into the words of a report. Every text is made harmless here, once, for all output formats.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::observe::Finding;
use crate::plan::{Goal, Planned, Stage};
use crate::report::outcome::{self, About, Open, ReportedRun};
use crate::report::plan::{diff, recorded, way_back};
use crate::run::journal::{StepEvent, StepState};
use crate::run::runner::Outcome;
use crate::step::{Effect, Undo};

use super::{
    Command, Evidence, FileDiff, JournalFile, Master, NoReturn, Part, Proved, Quorum, Reason, Report, ReportedStage,
};
use super::{FORMAT, State, Step, deviations};
use crate::run::journal::replay::{CommandRun, Replay, between};

/// Text of any origin, fit to be shown.
pub(super) fn plain(text: &str) -> String {
    crate::report::harmless(text).trim_end().to_owned()
}

pub(super) fn report(replay: &Replay<'_>, file: &JournalFile) -> Report {
    let plan = replay.plan;
    let outcome = replay.outcome();
    let place = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let states = &replay.states;
    let run = ReportedRun {
        plan,
        outcome: &outcome,
        states,
        proof: None,
        place,
        again: "requorum",
        drill: replay.drill,
        later: true,
    };
    let steps = steps(replay);
    Report {
        format: FORMAT,
        run: plan.run.to_string(),
        verb: plan.goal.command().to_owned(),
        cluster: plan.cluster.to_string(),
        environment: plan.environment,
        summary: String::new(),
        aim: plain(&plan.summary),
        person: plain(replay.person),
        host: plain(replay.host),
        tool: plain(replay.tool),
        digest: plain(replay.digest),
        began: replay.began,
        ended: replay.last,
        took_ms: between(replay.began, replay.last),
        proof_ms: replay.proof_ms,
        finished: replay.end.is_some(),
        outcome: plain(&ended(replay.end, file)),
        exit: replay.end.map(|(_, exit)| exit),
        result: plain(&outcome::result(run)),
        plan: recorded(plan, replay.digest).trim_end().to_owned(),
        failed_zones: plan.failed_zones.iter().map(ToString::to_string).collect(),
        masters: masters(replay),
        quorum: quorum(replay),
        no_return: no_return(replay),
        drill: None,
        stages: plan.stages.iter().enumerate().map(|(index, stage)| reported(replay, index + 1, stage)).collect(),
        findings_before: plan.findings.iter().map(harmless).collect(),
        findings_after: replay.after.map(|findings| findings.iter().map(harmless).collect()),
        proved: proved(replay, &steps),
        file_diffs: file_diffs(replay),
        evidence: evidence(replay, file),
        attestations: reasons(&plan.attested),
        overrides: reasons(&plan.overrides),
        deviations: deviations::all(replay, &steps, file),
        normal_events: deviations::normal(&steps),
        open_actions: open_actions(replay, run, &outcome),
        steps,
    }
}

pub(super) fn ended(end: Option<(&str, u8)>, file: &JournalFile) -> String {
    match (end, &file.damage) {
        (Some((outcome, _)), _) => outcome.lines().next().unwrap_or_default().to_owned(),
        (None, Some(_)) => "the journal is damaged: how the run ended cannot be read".to_owned(),
        (None, None) => "cut off: the journal has no last record; the run was killed, or is still running".to_owned(),
    }
}

pub(super) fn harmless(finding: &Finding) -> Finding {
    Finding { text: plain(&finding.text), ..finding.clone() }
}

fn reasons(said: &BTreeMap<String, String>) -> Vec<Reason> {
    said.iter().map(|(of, why)| Reason { of: plain(of), why: plain(why) }).collect()
}

fn masters(replay: &Replay<'_>) -> Vec<Master> {
    let plan = replay.plan;
    let part = |name| match name {
        name if plan.returned.contains(name) => Part::Returned,
        name if plan.seed.as_ref() == Some(name) => Part::Seed,
        name if plan.survivors.contains(name) => Part::Survivor,
        _ => Part::LeftOut,
    };
    let master = |name| Master {
        name: ToString::to_string(name),
        zone: plan.zones.get(name).map(ToString::to_string),
        part: part(name),
    };
    plan.masters().into_iter().map(master).collect()
}

/// Only an `initiate-dr` that makes a new cluster is for a quorum that is lost; it is back with the first write that the new
/// cluster acknowledged. Given again, it puts right what is left to do beside a cluster that serves.
fn quorum(replay: &Replay<'_>) -> Quorum {
    let lost_before = replay.plan.goal == Goal::InitiateDr && outcome::makes_a_cluster(replay.plan);
    let regained = replay.first_write.filter(|_| lost_before);
    Quorum { lost_before, lost_ms: None, regained_ms: regained.map(|at| between(replay.began, at)) }
}

/// Each kind of step says itself whether there is a way back, and the plan was shown with that line before consent: a
/// report that drew it elsewhere would contradict what was agreed to. For `initiate-dr` it is the first start on
/// restored data; joining and promoting are taken back by `member remove`, so `recover` has none of its own.
fn no_return(replay: &Replay<'_>) -> Option<NoReturn> {
    let (planned, why) = replay.plan.point_of_no_return()?;
    let began = replay.steps.get(&planned.id).and_then(|history| history.began);
    Some(NoReturn { step: planned.id, why: plain(&why), at_ms: began.map(|at| between(replay.began, at)) })
}

fn reported(replay: &Replay<'_>, number: usize, stage: &Stage) -> ReportedStage {
    let histories: Vec<_> = stage.steps.iter().filter_map(|planned| replay.steps.get(&planned.id)).collect();
    let began = histories.iter().filter_map(|history| history.began).min();
    let all_ended = histories.len() == stage.steps.len() && histories.iter().all(|history| history.ended.is_some());
    let ended = histories.iter().filter_map(|history| history.ended).max().filter(|_| all_ended);
    ReportedStage {
        number,
        name: plain(&stage.title),
        why: stage.why.as_deref().map(plain),
        beside: stage.background,
        began_ms: began.map(|at| between(replay.began, at)),
        took_ms: began.zip(ended).map(|(from, to)| between(from, to)),
    }
}

fn steps(replay: &Replay<'_>) -> Vec<Step> {
    let stages = replay.plan.stages.iter().enumerate();
    stages.flat_map(|(index, stage)| stage.steps.iter().map(move |planned| step(replay, index + 1, planned))).collect()
}

fn step(replay: &Replay<'_>, stage: usize, planned: &Planned) -> Step {
    let history = replay.steps.get(&planned.id).cloned().unwrap_or_default();
    let (state, said) = match &history.event {
        None => (State::NotBegun, ""),
        Some(StepEvent::Started) => (State::CutOff, ""),
        Some(StepEvent::Done(said)) => (State::Done, said.as_str()),
        Some(StepEvent::FoundDone(said)) => (State::FoundDone, said.as_str()),
        Some(StepEvent::Failed(said)) => (State::Failed, said.as_str()),
        Some(StepEvent::OutcomeUnknown(said)) => (State::Unknown, said.as_str()),
    };
    let back = match planned.step.kind().undo() {
        Undo::PointOfNoReturn(why) => Some(format!("no way back: {}", plain(&why))),
        _ => way_back(replay.plan, planned).map(|how| plain(&how)),
    };
    Step {
        id: planned.id,
        run: None,
        stage,
        host: planned.host.to_string(),
        kind: kind(&planned.step),
        title: plain(&planned.step.kind().title()),
        state,
        began_ms: history.began.map(|at| between(replay.began, at)),
        took_ms: history.began.zip(history.ended).map(|(from, to)| between(from, to)),
        said: plain(said),
        back,
        commands: history.commands.iter().map(command).collect(),
    }
}

fn command(ran: &CommandRun) -> Command {
    Command {
        host: ran.host.clone(),
        command: plain(&ran.command),
        exit: ran.exit,
        took_ms: ran.took_ms,
        times: ran.times,
        said: plain(&ran.said),
    }
}

/// The kind's name in the journal.
fn kind(step: &impl Serialize) -> String {
    word(step).replace('_', "-")
}

/// The name of an enum's value: what serde writes for it, or the key that it writes its contents under.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// Checks after the last step that changed something: what holds at the end.
fn proved(replay: &Replay<'_>, steps: &[Step]) -> Vec<Proved> {
    let checks = |planned: &Planned| {
        let shows = |effect: &Effect<'_>| {
            matches!(effect, Effect::ChecksWrite { .. } | Effect::ComparesData | Effect::Records(_))
        };
        planned.step.does(shows)
    };
    let last_change = replay
        .plan
        .steps()
        .filter(|planned| {
            planned.step.does(|effect| effect.changes_the_cluster()) && replay.state(planned) != StepState::Planned
        })
        .map(|planned| planned.id)
        .max()
        .unwrap_or(0);
    let checks: Vec<u32> =
        replay.plan.steps().filter(|planned| planned.id > last_change && checks(planned)).map(|p| p.id).collect();
    steps
        .iter()
        .filter(|step| checks.contains(&step.id) && step.state != State::NotBegun)
        .map(|step| Proved {
            step: step.id,
            host: step.host.clone(),
            what: step.title.clone(),
            holds: matches!(step.state, State::Done | State::FoundDone),
            said: step.said.clone(),
        })
        .collect()
}

fn file_diffs(replay: &Replay<'_>) -> Vec<FileDiff> {
    let write = |planned: &Planned| {
        planned.step.kind().effects().into_iter().find_map(|effect| {
            let (path, before, after) = effect.file()?;
            Some(FileDiff {
                host: planned.host.to_string(),
                path: path.to_string(),
                step: planned.id,
                written: replay.state(planned) == StepState::Done,
                diff: plain(&diff(path.as_str(), before, after)),
            })
        })
    };
    replay.plan.steps().filter_map(write).collect()
}

pub(super) fn journal(host: &str, file: &JournalFile) -> Evidence {
    Evidence {
        what: "journal".to_owned(),
        sha256: file.sha256.clone(),
        bytes: Some(file.bytes),
        place: format!("{}:{}", plain(host), file.path),
    }
}

fn evidence(replay: &Replay<'_>, file: &JournalFile) -> Vec<Evidence> {
    let run = &replay.plan.run;
    let mut evidence = vec![journal(replay.host, file)];
    if let Some(snapshot) = &replay.facts.snapshot {
        let seed = replay.plan.seed.as_ref().map(ToString::to_string).unwrap_or_default();
        let keys = snapshot.keys.map(|keys| format!(", {keys} keys")).unwrap_or_default();
        evidence.push(Evidence {
            what: format!("snapshot, revision {}{keys}", snapshot.revision),
            sha256: plain(&snapshot.sha256),
            bytes: Some(snapshot.bytes),
            place: format!("{seed}:{}", crate::step::snapshot_path(run)),
        });
    }
    evidence.push(Evidence {
        what: "plan".to_owned(),
        sha256: plain(replay.digest),
        bytes: None,
        place: "the journal's first record".to_owned(),
    });
    evidence
}

/// What the last words left open, and what only a reader of the journal can know: that nobody let go of the lock.
fn open_actions(replay: &Replay<'_>, run: ReportedRun<'_>, outcome: &Outcome) -> Vec<Open> {
    let mut open = outcome::open(run);
    open.iter_mut().for_each(|action| action.text = plain(&action.text));
    let told = open.iter().any(|action| action.about == About::Lock);
    // The lock is taken before it is written down that it was; a part of a drill takes none.
    if replay.drill.is_none() && !replay.unlocked && replay.end.is_none() && !told {
        let name = &replay.plan.run;
        let are = if replay.locked { "are" } else { "may be" };
        let text = format!(
            "The masters {are} locked for run {name}. If it is not running any more:\n  requorum unlock {name}"
        );
        open.push(Open { text, about: About::Lock });
    }
    let warning = |text: &String| Open { text: format!("warning: {}", plain(text)), about: About::Warning };
    open.extend(outcome.warnings.iter().map(warning));
    open
}
