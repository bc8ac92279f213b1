//! A drill as one report: what its own journal says, and under each phase the runs that belong to it. Knows nothing
//! about output formats.

use std::time::Duration;

use serde::Serialize;

use crate::model::measures::{Measures, Objective};
use crate::report::drill as words;
use crate::report::outcome::{About, Open};
use crate::run::journal::{DrillEvent, Record, Records};
use crate::run::{exit, outage};

use super::build::{self, plain};
use super::numbers;
use super::{Evidence, FORMAT, JournalFile, Master, Part, Quorum, Report, ReportedStage, State, Step};
use crate::run::journal::drill_replay::{DrillReplay, DrillRun, PhaseHistory, PhaseState, replay_drill};
use crate::run::journal::replay::between;

/// What only a drill has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drill {
    /// The zone that was lost.
    pub zone: String,
    /// How: `stop`, `isolate` or `command`.
    pub outage: String,
    /// Whether quorum had to be proved lost by waiting.
    pub timed_proof: bool,
    /// When it gives up its purpose, in seconds.
    pub max_outage_s: u64,
    /// Its numbers, possibly incomplete.
    pub measures: Option<Measures>,
    /// Its phases, in the order in which they began.
    pub phases: Vec<DrillPhase>,
}

/// A phase of a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrillPhase {
    pub name: String,
    /// When it began, in milliseconds since the drill did.
    pub began_ms: u64,
    /// How long it took; none where it did not end.
    pub took_ms: Option<u64>,
    /// Where it came to.
    pub state: State,
    /// What it said last.
    pub note: String,
}

/// The runs that a drill names, in their order; a run has none.
#[must_use]
pub fn parts(records: &Records) -> Vec<String> {
    let Records::Drill(records) = records else { return Vec::new() };
    let runs = replay_drill(records).map(|replay| replay.runs).unwrap_or_default();
    runs.into_iter().filter_map(|ran| ran.run).collect()
}

/// The report of a drill; nothing where the journal does not begin with one. A run whose report is not among `runs` is
/// a deviation.
pub(super) fn of(records: &[Record<DrillEvent>], file: &JournalFile, runs: &[Report]) -> Option<Report> {
    let replay = replay_drill(records)?;
    let mut report = alone(&replay, file);
    for (index, phase) in replay.phases.iter().enumerate() {
        report.stages.push(ReportedStage {
            number: report.stages.len() + 1,
            name: format!("drill: {}", phase.name),
            why: Some(plain(&phase.note)).filter(|note| !note.is_empty()),
            beside: false,
            began_ms: Some(between(replay.began, phase.began)),
            took_ms: phase.ended.map(|ended| between(phase.began, ended)),
        });
        for ran in replay.runs.iter().filter(|ran| ran.phase == index) {
            take(&mut report, ran, runs);
        }
    }
    if report.digest.is_empty() {
        "none".clone_into(&mut report.digest);
        "no run was recorded for any part of the drill".clone_into(&mut report.plan);
    }
    report.open_actions.extend(open(&replay));
    Some(report)
}

/// What the drill's own journal says.
fn alone(replay: &DrillReplay<'_>, file: &JournalFile) -> Report {
    Report {
        format: FORMAT,
        run: replay.run.to_string(),
        verb: "drill".to_owned(),
        cluster: replay.cluster.to_string(),
        environment: Some(replay.environment),
        summary: String::new(),
        aim: format!(
            "{} is taken down on purpose, quorum is restored, the zone rejoins, and everything is measured.",
            replay.zone
        ),
        person: plain(replay.person),
        host: plain(replay.host),
        tool: plain(replay.tool),
        digest: String::new(),
        began: replay.began,
        ended: replay.last,
        took_ms: between(replay.began, replay.last),
        proof_ms: None,
        finished: replay.end.is_some(),
        outcome: plain(&build::ended(replay.end, file)),
        exit: replay.end.map(|(_, exit)| exit),
        result: result(replay),
        plan: String::new(),
        failed_zones: vec![replay.zone.to_string()],
        masters: replay.measures.map(writers).unwrap_or_default(),
        quorum: Quorum {
            lost_before: false,
            lost_ms: replay.lost_at().map(|at| between(replay.began, at)),
            regained_ms: None,
        },
        no_return: None,
        drill: Some(of_drill(replay)),
        stages: Vec::new(),
        steps: Vec::new(),
        findings_before: replay.before.iter().map(build::harmless).collect(),
        findings_after: replay.after.map(|findings| findings.iter().map(build::harmless).collect()),
        proved: Vec::new(),
        file_diffs: Vec::new(),
        evidence: evidence(replay, file),
        attestations: Vec::new(),
        overrides: Vec::new(),
        deviations: deviations(replay, file),
        normal_events: Vec::new(),
        open_actions: Vec::new(),
    }
}

fn of_drill(replay: &DrillReplay<'_>) -> Drill {
    let phase = |phase: &PhaseHistory| DrillPhase {
        name: phase.name.to_owned(),
        began_ms: between(replay.began, phase.began),
        took_ms: phase.ended.map(|ended| between(phase.began, ended)),
        state: phase.state.into(),
        note: plain(&phase.note),
    };
    Drill {
        zone: replay.zone.to_string(),
        outage: plain(replay.outage),
        timed_proof: replay.timed_proof,
        max_outage_s: replay.max_outage_s,
        measures: replay.measures.cloned(),
        phases: replay.phases.iter().map(phase).collect(),
    }
}

/// The two masters that a drill's own journal knows of: those that the canaries wrote through.
fn writers(measures: &Measures) -> Vec<Master> {
    let master =
        |name: &crate::model::MasterName, zone: Option<String>, part| Master { name: name.to_string(), zone, part };
    vec![
        master(&measures.lost_zone.host, Some(measures.zone.to_string()), Part::LeftOut),
        master(&measures.survivor.host, None, Part::Survivor),
    ]
}

fn result(replay: &DrillReplay<'_>) -> String {
    match replay.end {
        None => "the drill's journal has no last record".to_owned(),
        Some((_, exit::DONE)) => words::verdict(true, replay.measures),
        Some((_, exit::UNVERIFIED)) => words::verdict(false, replay.measures),
        // The masters were not locked for it: whoever gives up tells what is left.
        Some((outcome, _)) if replay.phases.is_empty() && replay.left.is_none() => {
            format!("the drill was not begun: {}", plain(outcome))
        }
        Some((outcome, _)) => format!("the drill was {}", plain(outcome)),
    }
}

fn evidence(replay: &DrillReplay<'_>, file: &JournalFile) -> Vec<Evidence> {
    let place = |name: &str| {
        let beside = std::path::Path::new(&file.path).with_file_name(name);
        format!("{}:{}", plain(replay.host), plain(&beside.display().to_string()))
    };
    let kept = replay.kept.iter().map(|(name, bytes, sha256)| Evidence {
        what: plain(name),
        sha256: plain(sha256),
        bytes: Some(*bytes),
        place: place(name),
    });
    [build::journal(replay.host, file)].into_iter().chain(kept).collect()
}

/// What the drill's own records say that did not go as asked.
fn deviations(replay: &DrillReplay<'_>, file: &JournalFile) -> Vec<String> {
    let mut said: Vec<String> = super::deviations::of_end(replay.end.is_some(), file).into_iter().collect();
    for phase in replay.phases.iter().filter(|phase| matches!(phase.state, PhaseState::Failed | PhaseState::CutOff)) {
        let note = if phase.state == PhaseState::Failed {
            plain(&phase.note)
        } else {
            "the journal ends within it".to_owned()
        };
        said.push(format!("the phase {} {}: {note}", phase.name, State::from(phase.state).words()));
    }
    said.extend(replay.left.iter().flat_map(|(done, _)| *done).map(|line| format!("giving up: {}", plain(line))));
    let measures = replay.measures;
    if let Some(lost) = measures.and_then(|all| all.survivor.lost.as_ref()).filter(|lost| lost.writes > 0) {
        said.push(format!("{} writes that were acknowledged on the surviving side are gone", lost.writes));
    }
    let objectives = measures.map(|all| all.objectives.as_slice()).unwrap_or_default();
    let missed = objectives.iter().filter(|objective| !objective.is_met());
    said.extend(missed.map(|objective: &Objective| {
        let (name, value) = words::objective(objective);
        format!("{name} {value}")
    }));
    said
}

/// What the drill leaves behind by its nature, and what its journal does not tell.
fn open(replay: &DrillReplay<'_>) -> Vec<Open> {
    let mut open = Vec::new();
    let good = replay.end.is_some_and(|(_, code)| code == exit::DONE);
    let lost = replay.phases.iter().any(|phase| phase.name == crate::playbook::Phase::Outage.name());
    match replay.left {
        Some((_, left)) if !left.is_empty() => {
            let left: Vec<String> = left.iter().map(|line| plain(line)).collect();
            open.push(Open::next(format!("Left behind:\n  {}\nnext: requorum status", left.join("\n  "))));
        }
        // A drill that was killed had no last look.
        None if !good => open.extend(unended(replay, lost).map(Open::next)),
        _ => {}
    }
    if replay.phases.iter().any(|phase| phase.name == crate::playbook::Phase::Canaries.name()) {
        open.push(Open::next(words::keys_stay(&words::prefix(replay.run))));
    }
    open
}

/// What a drill that was killed may have left, and the way on.
fn unended(replay: &DrillReplay<'_>, lost: bool) -> Option<String> {
    let mut lines = Vec::new();
    if replay.locked {
        lines.push(format!("the masters are locked for it; if it was killed: requorum unlock {}", replay.run));
    }
    if lost && replay.outage == "isolate" {
        let (zone, limit) = (replay.zone, Duration::from_secs(replay.max_outage_s));
        lines.push(format!(
            "the etcd ports of {zone} may be closed; unless etcd is fenced there, they open by themselves within {} s; to open them, run there: {}",
            outage::by_itself(limit).as_secs(),
            outage::by_hand()
        ));
    }
    if lost {
        lines.push(format!(
            "etcd of {} may be stopped and fenced: `requorum status` names the next command",
            replay.zone
        ));
    }
    let canaries = replay.phases.iter().find(|phase| phase.name == crate::playbook::Phase::Canaries.name());
    // Its note is written once they sing.
    if canaries.is_some_and(|phase| phase.note.is_empty() || phase.note.contains(words::THROUGH_API)) {
        lines.push(words::object_stays());
    }
    (!lines.is_empty()).then(|| format!("The drill did not end; it may have left behind:\n  {}", lines.join("\n  ")))
}

/// Puts a run under the drill's last phase.
fn take(whole: &mut Report, ran: &DrillRun, runs: &[Report]) {
    let name = ran.run.as_ref().map(|run| format!("{} {run}", plain(&ran.verb)));
    match (&name, ran.exit) {
        (Some(name), None) => whole.deviations.push(format!("{name} had begun when the drill's journal ends")),
        (Some(name), Some(code)) if code != exit::DONE => {
            whole.deviations.push(format!("{name} ended with exit {code}"))
        }
        (None, Some(code)) if code != exit::DONE => {
            let verb = plain(&ran.verb);
            whole.deviations.push(match code {
                exit::INTERRUPTED => format!("{verb} was interrupted before it changed anything"),
                _ => format!("{verb} ended with exit {code} before it changed anything"),
            })
        }
        _ => {}
    }
    let (Some(run), Some(name)) = (&ran.run, name) else { return };
    match runs.iter().find(|report| report.run == *run) {
        Some(part) => join(whole, part, &name),
        None => whole.deviations.push(format!("{name} is not recorded: its journal is missing or cannot be read")),
    }
}

/// The union of both, `part`'s numbers and times made the whole's.
fn join(whole: &mut Report, part: &Report, name: &str) {
    let shift = between(whole.began, part.began);
    let later = |at: Option<u64>| at.map(|at| at + shift);
    let (steps, stages) = (whole.steps.iter().map(|step| step.id).max().unwrap_or(0), whole.stages.len());
    whole.stages.extend(part.stages.iter().map(|stage| ReportedStage {
        number: stages + stage.number,
        name: format!("{}: {}", part.verb, stage.name),
        began_ms: later(stage.began_ms),
        ..stage.clone()
    }));
    whole.steps.extend(part.steps.iter().map(|step| Step {
        id: steps + step.id,
        stage: stages + step.stage,
        run: Some(part.run.clone()),
        title: format!("{}: {}", part.verb, step.title),
        began_ms: later(step.began_ms),
        ..step.clone()
    }));
    let proved: Vec<_> = part
        .proved
        .iter()
        .cloned()
        .map(|mut proved| {
            proved.step += steps;
            proved
        })
        .collect();
    if !proved.is_empty() {
        whole.proved = proved;
    }
    whole.file_diffs.extend(part.file_diffs.iter().cloned().map(|mut file| {
        file.step += steps;
        file
    }));
    if whole.no_return.is_none() {
        whole.no_return = part.no_return.clone().map(|mut no_return| {
            no_return.step += steps;
            no_return.at_ms = later(no_return.at_ms);
            no_return
        });
    }
    words_of(whole, &renumbered(part, stages), name);
    masters(whole, part);
}

/// A run whose words have the numbers of the whole's list: one report has one numbering.
fn renumbered(part: &Report, before: usize) -> Report {
    let mut part = part.clone();
    let open = part.open_actions.iter_mut().map(|open| &mut open.text);
    let words = [&mut part.plan, &mut part.result].into_iter().chain(open);
    for text in words.chain(&mut part.deviations).chain(&mut part.normal_events) {
        *text = numbers::moved(text, before);
    }
    part
}

/// What of a run is only words.
fn words_of(whole: &mut Report, part: &Report, name: &str) {
    let later = |at: Option<u64>| at.map(|at| at + between(whole.began, part.began));
    if part.quorum.lost_before {
        whole.quorum.regained_ms = later(part.quorum.regained_ms).or(whole.quorum.regained_ms);
        whole.proof_ms = part.proof_ms.or(whole.proof_ms);
    }
    let gap = if whole.plan.is_empty() { "" } else { "\n\n" };
    whole.plan += &format!("{gap}== {name}\n{}", part.plan);
    whole.result += &format!("\n{name}: {}", part.result);
    let comma = if whole.digest.is_empty() { "" } else { ", " };
    whole.digest += &format!("{comma}{}", part.digest);
    whole.evidence.extend(
        part.evidence
            .iter()
            .map(|evidence| Evidence { what: format!("{name}: {}", evidence.what), ..evidence.clone() }),
    );
    whole.attestations.extend(part.attestations.iter().cloned());
    whole.overrides.extend(part.overrides.iter().cloned());
    whole.deviations.extend(part.deviations.iter().map(|line| format!("{name}: {line}")));
    whole.normal_events.extend(part.normal_events.iter().map(|line| format!("{name}: {line}")));
    // What a run that went well says comes next is what the drill did next; what lies there still lies there.
    let lies = |about: About| match about {
        About::Next | About::Lock => part.exit != Some(exit::DONE),
        About::OldData | About::Warning => true,
    };
    let left = part.open_actions.iter().filter(|action| lies(action.about));
    whole.open_actions.extend(left.map(|Open { text, about }| Open { text: format!("{name}: {text}"), about: *about }));
}

/// A survivor stays one, whatever a later run calls it.
fn masters(whole: &mut Report, part: &Report) {
    let rank = |part: Part| match part {
        Part::Seed => 0,
        Part::Survivor => 1,
        Part::Returned => 2,
        Part::LeftOut => 3,
    };
    for master in &part.masters {
        match whole.masters.iter_mut().find(|known| known.name == master.name) {
            None => whole.masters.push(master.clone()),
            Some(known) => {
                known.zone = known.zone.take().or_else(|| master.zone.clone());
                if rank(master.part) < rank(known.part) {
                    known.part = master.part;
                }
            }
        }
    }
    // Zone by zone, unless some are not recorded.
    let all = whole.masters.iter().all(|master| master.zone.is_some());
    let key = |master: &Master| (master.zone.clone().filter(|_| all), master.name.len(), master.name.clone());
    whole.masters.sort_by_key(key);
}
