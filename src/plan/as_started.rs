//! Whether the running etcd is the one that its files describe: somebody may have edited them since its start. Reads one
//! master's answers.

use crate::model::Master;
use crate::observe::process::Difference;
use crate::observe::{Code, Seen};
use crate::plan::Rule;

use super::conditions::Find;
use super::doctor::Check;

/// Every difference. A run reads the files and acts where they say; etcd would be started anew with them.
pub(super) fn conditions(master: &Master, seen: &Seen, find: &mut Find<'_>) {
    let (Ok(settings), Ok(unit), Ok(place)) = (&seen.settings, &seen.unit, &seen.wal_place) else { return };
    let process = match &seen.process {
        Ok(Some(process)) => process,
        Ok(None) => return,
        Err(why) if !why.was_asked() => return,
        Err(why) => {
            return find(Rule::UnclearNode.into(), Check::Etcd, why.to_string(), why.next().to_owned());
        }
    };
    for one in process.differences(settings, unit, place.as_ref()) {
        let (written, runs) = (Difference::shown(one.written.as_ref()), Difference::shown(one.runs.as_ref()));
        let (key, file) = (settings.file.key(one.flag), &settings.file.path);
        let text = if one.open {
            format!("by {file} ({key}) etcd would use {written}, and the running etcd has {runs} open")
        } else {
            format!(
                "{key} was changed since etcd was started on it: {file} says {written}, and the running etcd has {runs}"
            )
        };
        let back = format!("put what runs back into {file}");
        if one.decides() {
            find(Rule::NotAsStarted.into(), Check::Etcd, text, back);
        } else {
            let next = format!("{back}, or restart {} while the cluster is healthy", master.etcd.supervisor());
            find(Code::NotAsStarted.into(), Check::Etcd, text, next);
        }
    }
}
