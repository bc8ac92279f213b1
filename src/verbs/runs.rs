//! `runs` and `report`: the journals that this host has kept, as values and in every output format. Asks no master.

use std::path::Path;

use crate::model::json;
use crate::observe::Observation;
use crate::plan::{Goal, Plan};
use crate::report::history::{self, JournalFile, Report};
use crate::report::{junit, page, runs, text};
use crate::run::exit;
use crate::run::journal::{self, RunEvent};
use crate::run::redact::Redactor;

use super::forms::{Form, ReportForm};
use super::site::StoredRun;
use super::{Failure, InputPaths, Site, inputs};

/// Every run that is kept here.
///
/// # Errors
/// When it cannot be told which there are.
pub fn all(site: &Site) -> Result<Vec<StoredRun>, Failure> {
    site.bastion.runs().map_err(|error| {
        let place = site.bastion.state().join("runs");
        Failure::failed(format!("the runs in {} cannot be listed: {error}", place.display()))
            .hint("make it readable, or name another state directory with --state-dir")
    })
}

/// `requorum runs list`.
pub fn list(site: &Site, output: Form) -> Result<u8, Failure> {
    let kept = all(site)?;
    let told = |kept: &StoredRun| {
        let (report, damage) = read(kept, &[]);
        runs::Run::of(&kept.run, report.as_ref(), damage)
    };
    let runs: Vec<_> = kept.iter().map(told).collect();
    site.console.print(&match output {
        Form::Text => runs::table(&runs, &site.bastion.state(), site.console.width()),
        Form::Json => json::text(&runs),
    });
    Ok(exit::DONE)
}

/// `requorum report` and `requorum runs show`. A damaged journal is reported as far as it goes, and then is a failure.
pub fn report(site: &Site, run: &str, output: ReportForm, out: Option<&Path>) -> Result<u8, Failure> {
    let kept = all(site)?;
    let (report, damage) = read(chosen(&kept, run)?, &kept);
    if let Some(report) = &report {
        let text = rendered(report, output)?;
        match out {
            None => site.console.print(&text),
            Some(path) => site.bastion.write_private(path, &text).map_err(|error| Failure::unwritten(path, &error))?,
        }
    }
    match damage {
        None => Ok(exit::DONE),
        Some(why) if report.is_some() => Err(Failure::input(why).after_the_answer()),
        Some(why) => Err(Failure::input(why)),
    }
}

fn rendered(report: &Report, output: ReportForm) -> Result<String, Failure> {
    let page = |made: Result<String, minijinja::Error>| {
        made.map_err(|error| Failure::failed(format!("the report cannot be created: {error:#}")))
    };
    match output {
        ReportForm::Text => Ok(text::text(report)),
        ReportForm::Markdown => page(page::markdown(report)),
        ReportForm::Html => page(page::html(report)),
        ReportForm::Json => Ok(json::text(report)),
        ReportForm::Junit => Ok(junit::xml(report)),
    }
}

/// The run of this name, the only one that begins so, the last one, or the last drill.
fn chosen<'a>(kept: &'a [StoredRun], run: &str) -> Result<&'a StoredRun, Failure> {
    let none = |what: &str| Failure::usage(format!("this host has no {what}"));
    match run {
        "last" => return last(kept).ok_or_else(|| none("run")),
        "last-drill" => {
            return kept
                .iter()
                .rfind(|kept| kept.bytes.as_ref().is_ok_and(|bytes| journal::is_drill(bytes)))
                .ok_or_else(|| none("drill"));
        }
        _ => {}
    }
    if let Some(exact) = kept.iter().find(|kept| kept.run == run) {
        return Ok(exact);
    }
    let begin_so: Vec<&StoredRun> = kept.iter().filter(|kept| !run.is_empty() && kept.run.starts_with(run)).collect();
    match begin_so[..] {
        [one] => Ok(one),
        [] => Err(Failure::usage(format!("this host has no run called {run:?}")).hint("requorum runs list")),
        _ => {
            let names: Vec<&str> = begin_so.iter().map(|kept| kept.run.as_str()).collect();
            Err(Failure::usage(format!("{run:?} matches several runs: {}", names.join(", "))))
        }
    }
}

/// The whole name of a run that `unlock` or `undo` is about: as for a report, or that of a run of another bastion, of which
/// only the whole name is known here.
///
/// # Errors
/// When no run can be meant.
pub fn named(site: &Site, run: &str) -> Result<String, Failure> {
    named_with(site, run, |_| ()).map(|(run, ())| run)
}

/// The same with what is asked of it; what it would be of one that is not kept here, where only the name is known.
fn named_with<T: Default>(site: &Site, run: &str, ask: impl Fn(&StoredRun) -> T) -> Result<(String, T), Failure> {
    match all(site).and_then(|kept| chosen(&kept, run).map(|kept| (kept.run.clone(), ask(kept)))) {
        Ok(found) => Ok(found),
        Err(_) if is_whole(run) => Ok((run.to_owned(), T::default())),
        Err(failure) => Err(failure.hint("requorum status      # names the run that holds a master's lock")),
    }
}

/// The same for `undo`, which is about an `initiate-dr` alone: `last` is the newest of this cluster's.
///
/// # Errors
/// When no run can be meant, or one of another verb.
pub fn named_to_undo(inputs: &InputPaths, site: &Site, run: &str) -> Result<String, Failure> {
    if run == "last" {
        let cluster = inputs::cluster(inputs, site)?.name;
        let is_meant = |plan: &Plan| plan.goal == Goal::InitiateDr && plan.cluster == cluster;
        let newest = all(site)?.into_iter().rfind(|kept| plan(kept).as_ref().is_some_and(is_meant));
        return newest.map(|kept| kept.run).ok_or_else(|| {
            Failure::usage(format!("this host has no run of `initiate-dr` for {cluster}")).hint("requorum runs list")
        });
    }
    let (run, of) =
        named_with(site, run, |kept| match kept.bytes.as_ref().is_ok_and(|bytes| journal::is_drill(bytes)) {
            true => Some("a drill".to_owned()),
            false => plan(kept)
                .filter(|plan| plan.goal != Goal::InitiateDr)
                .map(|plan| format!("of `{}`", plan.goal.command())),
        })?;
    match of {
        None => Ok(run),
        Some(of) => Err(Failure::usage(format!("run {run} is {of}: only an `initiate-dr` is taken back"))
            .hint("requorum status      # names the next command")),
    }
}

/// The plan of a run, where its journal can be read so far.
fn plan(kept: &StoredRun) -> Option<Plan> {
    let (records, _) = journal::readable(&String::from_utf8_lossy(kept.bytes.as_ref().ok()?));
    match records.of_run().into_iter().next()?.what {
        RunEvent::Run { plan, .. } => Some(*plan),
        _ => None,
    }
}

/// The run that was begun last; where it is a part of a drill, that drill.
fn last(kept: &[StoredRun]) -> Option<&StoredRun> {
    let newest = kept.last()?;
    let is_whole = |drill: &&StoredRun| {
        let Ok(bytes) = &drill.bytes else { return false };
        let named = || history::parts(&journal::readable(&String::from_utf8_lossy(bytes)).0);
        journal::is_drill(bytes) && named().contains(&newest.run)
    };
    kept.iter().rfind(is_whole).or(Some(newest))
}

/// Whether it has the form of a whole name: `20261123-134443-449f`.
fn is_whole(run: &str) -> bool {
    let parts: Vec<&str> = run.split('-').collect();
    let is = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(parts[..], [day, time, end] if is(day, 8) && is(time, 6) && is(end, 4))
}

/// The command that goes on with a run kept here that stopped while its survivors were down, if they still are as it
/// left them.
pub fn way_on(inputs: &InputPaths, site: &Site, seen: &Observation) -> Option<String> {
    let fenced_by = |run: &str| {
        let traces = seen.answering().filter_map(|(_, seen)| seen.traces.as_ref().ok());
        traces.filter_map(|traces| traces.fenced_by.as_ref()).any(|fencing| fencing.as_str() == run)
    };
    let kept = site.bastion.runs().ok()?;
    kept.iter().rev().filter(|kept| fenced_by(&kept.run)).find_map(|kept| {
        let (records, _) = journal::readable(&String::from_utf8_lossy(kept.bytes.as_ref().ok()?));
        history::way_on(&records.of_run(), kept.path.parent()?, &inputs.again(), seen)
    })
}

/// A journal as a report, as far as it can be read, and what is wrong with it. The runs of a drill are looked for among
/// `all`.
fn read(kept: &StoredRun, all: &[StoredRun]) -> (Option<Report>, Option<String>) {
    let bytes = match &kept.bytes {
        Ok(bytes) => bytes,
        Err(error) => return (None, Some(format!("{}: {error}", kept.path.display()))),
    };
    let (records, error) = journal::readable(&String::from_utf8_lossy(bytes));
    // Journals from before some settings were known as secrets.
    let redactor = Redactor::default();
    let records = records.without_secrets(&redactor);
    let damage = error.map(|error| match error {
        journal::JournalError::Illegal(_) => format!("line {} of the journal: {error}", records.len() + 1),
        error => error.to_string(),
    });
    let file = JournalFile {
        path: kept.path.display().to_string(),
        bytes: bytes.len() as u64,
        sha256: kept.sha256(),
        damage: damage.clone(),
    };
    let named = history::parts(&records);
    let parts = all.iter().filter(|kept| named.contains(&kept.run));
    let parts: Vec<Report> = parts.filter_map(|kept| read(kept, &[]).0).collect();
    let report = history::of(&records, &file, &parts);
    let empty = || format!("{} does not begin with the record of a run or of a drill", kept.path.display());
    let damage = damage.or_else(|| report.is_none().then(empty));
    (report, damage)
}
