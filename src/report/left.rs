//! What a run leaves on masters and bastion even if it did not change etcd, one line each. Touches no disk.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{MasterName, Supervisor};
use crate::run::journal::StepState;
use crate::step::{Effect, fetch_snapshot, run_dir, snapshot_path};

use super::names;
use super::outcome::{About, Open, ReportedRun};

/// What lies there, from steps that were begun: of one that failed, what it may have made. Nothing for a run that made
/// nothing.
pub(super) fn beside(run: ReportedRun<'_>) -> Option<String> {
    let (name, begun) = (&run.plan.run, |id: u32| run.states.get(&id).copied().unwrap_or(StepState::Planned));
    let mut there: BTreeMap<String, BTreeSet<&MasterName>> = BTreeMap::new();
    let mut at_bastion = None;
    for planned in run.plan.steps() {
        let state = begun(planned.id);
        if state == StepState::Planned {
            continue;
        }
        let may = if state == StepState::Done { "" } else { ", possibly incomplete" };
        for effect in planned.step.kind().effects() {
            let what = match effect {
                Effect::PreparesFence(Supervisor::Kubelet(_)) => continue,
                Effect::PreparesFence(systemd) => {
                    format!("{}, a drop-in that has no effect without its marker file", systemd.held_by())
                }
                Effect::SavesSnapshot(_) | Effect::SharesSnapshot => {
                    format!("{}, a copy of the whole database with every Secret", snapshot_path(name))
                }
                Effect::BuildsData(restore) => {
                    let log = restore.fresh_wal().filter(|log| !log.starts_with(&restore.fresh()));
                    let log = log.map(|log| format!(" and {log}")).unwrap_or_default();
                    format!("{}{log}, restored and not used, with every Secret", restore.fresh())
                }
                Effect::FetchesSnapshot => {
                    let path = run.place.join(fetch_snapshot::NAME);
                    let path = path.display();
                    at_bastion = Some(format!("{path}, a copy of the whole database with every Secret{may}"));
                    continue;
                }
                _ => continue,
            };
            there.entry(format!("{what}{may}")).or_default().insert(&planned.host);
        }
    }
    if run.drill.is_none() && !run.states.is_empty() {
        let hosts = run.plan.steps().map(|planned| &planned.host);
        let hosts = run.plan.survivors.iter().chain(&run.plan.returned).chain(hosts).collect();
        there.insert(lock_note(name), hosts);
    }
    let mut lines: Vec<String> =
        there.iter().map(|(what, hosts)| format!("  {}: {what}\n", names(hosts.iter()))).collect();
    lines.extend(at_bastion.map(|what| format!("  this bastion: {what}\n")));
    (!lines.is_empty()).then(|| {
        format!("Left behind by this run; nothing needs these any more, and you may remove them:\n{}", lines.concat())
    })
}

/// Where the note lies of who held a master.
#[must_use]
pub fn lock_note(run: &crate::model::RunId) -> String {
    format!("{}/lock, a note of who held it", run_dir(run))
}

/// Whether this run gave a master that data back, so that it lies there no more.
fn is_returned(run: ReportedRun<'_>, host: &MasterName, path: &str) -> bool {
    let done = |id: &u32| run.states.get(id).is_some_and(|state| *state == StepState::Done);
    run.plan.steps().filter(|planned| planned.host == *host && done(&planned.id)).any(|planned| {
        planned.step.does(|effect| matches!(effect, Effect::ReturnsData(of) if path.ends_with(of.as_str())))
    })
}

/// Where the masters' old data lies: what this run moved aside, and what earlier ones did.
pub(super) fn old_data(run: ReportedRun<'_>) -> impl Iterator<Item = Open> {
    let retired = &run.outcome.facts.retired;
    let logs = &run.outcome.facts.retired_wals;
    let own = retired.iter().map(|(host, path)| {
        let log = logs.get(host).map(|log| format!(" (its write-ahead log: {log})")).unwrap_or_default();
        format!("old data of {host}: {path}{log}\n")
    });
    let earlier = run.plan.old_data.iter().filter(move |_| run.outcome.changed);
    let earlier = earlier.flat_map(|(host, paths)| paths.iter().map(move |path| (host, path)));
    let earlier =
        earlier.filter(move |(host, path)| retired.get(*host) != Some(*path) && !is_returned(run, host, path));
    let earlier = earlier.map(|(host, path)| format!("old data of {host}, from an earlier run: {path}\n"));
    own.chain(earlier).map(|text| Open { text, about: About::OldData })
}
