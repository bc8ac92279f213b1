//! A plan and a refusal as a person reads them: one screen first, every command and file diff on request.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::model::{quorum, unified};
use crate::plan::{Goal, NoPlan, Plan, Planned, Refusal, Rule};
use crate::step::{Doing, Undo};

use super::status::finding_lines;
use super::{explain, harmless, indented, names};

/// The summary: what becomes of the cluster, what is done to whom, where the way back ends.
#[must_use]
pub fn summary(plan: &Plan) -> String {
    recorded(plan, &plan.digest())
}

/// The same of a plan that a journal holds, with the digest of the one that was consented to: what is stored lacks secrets,
/// and its own digest is another.
#[must_use]
pub fn recorded(plan: &Plan, digest: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "plan {digest} · run {} · cluster {}", plan.run, plan.cluster);
    let _ = writeln!(out, "{}{}: {}", plan.goal.command(), zones(plan), plan.summary);
    roles(plan, &mut out);
    if let Some(after) = &plan.after {
        let voters = after.members.len();
        let all = plan.masters().len();
        let _ = writeln!(
            out,
            "  then       cluster {}: {voters} of {all} masters vote, {}",
            after.cluster,
            quorum::tolerated(quorum::tolerance(voters))
        );
    }
    for (who, by) in &plan.attested {
        let _ = writeln!(out, "  attested   {who}: {by}");
    }
    for (rule, why) in &plan.overrides {
        let _ = writeln!(out, "  overridden {rule}: {why}");
    }
    findings(plan, &mut out);
    out.push('\n');
    let no_return = plan.point_of_no_return().map(|(planned, _)| planned.id);
    for (number, stage) in plan.stages.iter().enumerate() {
        // A stage may do several things to one master.
        let mut seen = BTreeSet::new();
        let hosts = stage.steps.iter().map(|planned| &planned.host);
        let hosts = names(hosts.filter(|host| seen.insert(*host)));
        let mark = if stage.background { " (in parallel with the next steps)" } else { "" };
        if stage.steps.iter().any(|planned| Some(planned.id) == no_return) {
            out.push_str("  ─── point of no return ───\n");
        }
        let _ = writeln!(out, "  {:>2}. {hosts}: {}{mark}", number + 1, stage.title);
    }
    destructive(plan, &mut out);
    harmless(&out)
}

/// Who takes part, and in which role.
fn roles(plan: &Plan, out: &mut String) {
    match plan.goal {
        Goal::InitiateDr => {
            let _ = writeln!(out, "  survivors  {} (seed {})", names(&plan.survivors), names(&plan.seed));
            let _ = writeln!(out, "  left out   {} until `requorum recover`", names(&plan.left_out));
            if let Some(proof) = &plan.proof {
                let _ = writeln!(out, "  proof      {proof}");
            }
        }
        Goal::Recover => {
            let _ = writeln!(out, "  serving    {} (asked through {})", names(&plan.survivors), names(&plan.seed));
            if !plan.returned.is_empty() {
                let _ = writeln!(out, "  back       {}", names(&plan.returned));
            }
            if !plan.left_out.is_empty() {
                let _ = writeln!(out, "  left out   {}", names(&plan.left_out));
            }
        }
        Goal::Fence | Goal::Unfence | Goal::Undo => {
            let _ = writeln!(out, "  masters    {}", names(&plan.returned));
            if !plan.left_out.is_empty() {
                let _ = writeln!(out, "  silent     {}: did not answer, nothing is done there", names(&plan.left_out));
            }
        }
    }
}

/// Which zones it is about, after the command.
fn zones(plan: &Plan) -> String {
    match plan.goal {
        _ if plan.failed_zones.is_empty() => String::new(),
        Goal::InitiateDr => format!(" after the loss of {}", names(&plan.failed_zones)),
        _ => format!(" {}", names(&plan.failed_zones)),
    }
}

fn findings(plan: &Plan, out: &mut String) {
    let explained = explain::line(plan.findings.iter().map(|finding| finding.code.name()));
    out.push_str(&indented(&(finding_lines(&plan.findings) + &explained), "  "));
}

/// What stops or moves something, last and in full.
fn destructive(plan: &Plan, out: &mut String) {
    let mut lines = String::new();
    for planned in plan.steps() {
        if planned.step.does(|effect| effect.is_destructive()) {
            let _ = writeln!(lines, "  {}: {}", planned.host, planned.step.kind().title());
        }
    }
    if !lines.is_empty() {
        let _ = write!(out, "\nChanged (no data is deleted):\n{lines}");
    }
    if let Some((planned, why)) = plan.point_of_no_return() {
        let _ = writeln!(out, "No way back from step {} on: {why}.", plan.number_of(planned.id));
    }
}

/// What the brackets in a command mean.
const SCRIPTS: &str =
    "Every command, run as root on the master named; [name] is a script of requorum's own with its arguments.\n";

/// Every command and every file as a diff.
#[must_use]
pub fn details(plan: &Plan) -> String {
    let mut out = String::from(SCRIPTS);
    for (number, stage) in plan.stages.iter().enumerate() {
        let _ = writeln!(out, "{}. {}", number + 1, stage.title);
        if let Some(why) = &stage.why {
            let _ = writeln!(out, "   why: {why}");
        }
        for planned in &stage.steps {
            step(plan, planned, &mut out);
        }
    }
    harmless(&out)
}

fn step(plan: &Plan, planned: &Planned, out: &mut String) {
    let kind = planned.step.kind();
    let _ = writeln!(out, "   on {}: {}", planned.host, kind.title());
    for act in kind.acts() {
        let command = act.doing.command();
        let limit = if act.limit.is_zero() { command.deadline } else { act.limit };
        let how = match &act.doing {
            Doing::Run(_) => String::new(),
            Doing::Relay { from, .. } => format!(" < stream from {from}"),
            Doing::Fetch { name, .. } => format!(" > {name} on the bastion"),
            Doing::Send { path, .. } => format!(" < {path} of the bastion"),
        };
        let _ = writeln!(out, "     $ {}{how}   (at most {} s)", command.shown(), limit.as_secs());
    }
    for effect in kind.effects() {
        if let Some((path, before, after)) = effect.file() {
            out.push_str(&indented(&diff(path.as_str(), before, after), "     "));
        }
    }
    if let Undo::PointOfNoReturn(why) = kind.undo() {
        let _ = writeln!(out, "     NO WAY BACK: {why}");
    } else if let Some(how) = way_back(plan, planned) {
        let _ = writeln!(out, "     back: {how}");
    }
}

/// How a step is taken back, and by which command; nothing where nothing is to be taken back, or nothing can be.
pub(super) fn way_back(plan: &Plan, planned: &Planned) -> Option<String> {
    match planned.step.kind().undo() {
        Undo::NothingChanged | Undo::PointOfNoReturn(_) => None,
        Undo::ByHand(how) => Some(how),
        Undo::Steps(steps) => {
            let titles: Vec<String> = steps.iter().map(|step| step.kind().title()).collect();
            let titles = titles.join("; ");
            Some(match is_undone(plan, planned) {
                true => format!("{titles} (requorum undo {})", plan.run),
                false => titles,
            })
        }
    }
}

/// Whether `undo` takes it back: what was done to a survivor before its etcd was started.
fn is_undone(plan: &Plan, planned: &Planned) -> bool {
    let no_return = plan.point_of_no_return().map_or(u32::MAX, |(planned, _)| planned.id);
    plan.goal == Goal::InitiateDr && plan.survivors.contains(&planned.host) && planned.id < no_return
}

/// A file's change as a unified diff.
#[must_use]
pub fn diff(path: &str, before: &str, after: &str) -> String {
    if before == after {
        return format!("{path}: unchanged\n");
    }
    unified::diff(before, after, Some((path, path)))
}

/// Why a plan that was consented to is not begun: what a second look under the lock has changed since.
#[must_use]
pub fn changed(agreed: &Plan, now: &Result<Box<Plan>, NoPlan>) -> Vec<Refusal> {
    let mut why = "the masters have changed since this plan was made, so it was not begun\n".to_owned();
    let mut also = Vec::new();
    match now {
        Err(NoPlan::NothingToDo(nothing)) => {
            let _ = write!(why, "  There is nothing left to do: {nothing}");
        }
        Err(NoPlan::Refused(refusals)) => {
            why.push_str("  It would be refused now:");
            also.clone_from(refusals);
        }
        Ok(now) => {
            // The digest stands in the first line.
            let shown = |plan: &Plan| {
                let text = format!("{}\n{}", summary(plan), details(plan));
                text.split_once('\n').map_or_else(String::new, |(_, rest)| rest.to_owned())
            };
            let diff = indented(&unified::diff(&shown(agreed), &shown(now), None), "    ");
            let diff = diff.strip_suffix('\n').unwrap_or(&diff);
            let _ = write!(why, "  The plan made now differs from the one shown:\n{diff}");
        }
    }
    let changed = Refusal { rule: Rule::PlanChanged, why, next: String::new() };
    [changed].into_iter().chain(also).collect()
}

/// A line for each rule; its next step below, where it has one.
pub(super) fn refusal_lines(refusals: &[Refusal], out: &mut String) {
    for Refusal { rule, why, next } in refusals {
        let _ = writeln!(out, "  [{rule}] {why}");
        if !next.is_empty() {
            let _ = writeln!(out, "      next: {}", next.replace('\n', "\n        "));
        }
    }
}
