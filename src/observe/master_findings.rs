//! What one master's own answers say is wrong with it. Knows nothing of the others.

use crate::model::Master;

use super::finding::Find;
use super::tools::{KEPT, Version};
use super::traces::Replaced;
use super::unanswered::{find_unanswered, find_unasked};
use super::upcoming::find_upcoming;
use super::{Code, Contact, Finding, Seen, Severity};

/// What is found of one master; a silent one has that one finding.
pub(super) fn findings(master: &Master, contact: Option<&Contact>) -> Vec<Finding> {
    let finding =
        |code: Code, severity, text: String| Finding { code, severity, master: Some(master.name.clone()), text };
    match contact {
        None => vec![finding(Code::NotAsked, Severity::Warning, "was not asked".into())],
        Some(Contact::Silent(why)) => vec![finding(Code::Silent, Severity::Error, format!("does not answer: {why}"))],
        Some(Contact::Refused(why)) => vec![finding(Code::Refused, Severity::Error, why.clone())],
        Some(Contact::Answers(seen)) => {
            let mut all = Vec::new();
            process(seen, &mut |code, severity, text| all.push(finding(code, severity, text)));
            find_second_manifests(seen, &mut |code, severity, text| all.push(finding(code, severity, text)));
            find_own_commands(seen, &mut |code, severity, text| all.push(finding(code, severity, text)));
            tools(master, seen, &mut |code, severity, text| all.push(finding(code, severity, text)));
            find_upcoming(seen, &mut |code, severity, text| all.push(finding(code, severity, text)));
            all
        }
    }
}

/// Fences, half-made data and locks that lie there.
fn find_marks(seen: &Seen, find: &mut Find<'_>) {
    let Ok(traces) = &seen.traces else { return };
    if traces.fenced {
        find(Code::Fenced, Severity::Warning, "fenced: etcd cannot start here".into());
    }
    if traces.fenced && seen.etcd_runs() == Some(true) {
        find(
            Code::FenceBroken,
            Severity::Error,
            "runs etcd although it is fenced: `requorum fence ZONE` stops it".into(),
        );
    }
    if let Some(replaced) = traces.half_made() {
        let (run, what) = match replaced {
            Replaced::Restored(run) => (run, "replaced its data by a new cluster's"),
            Replaced::Emptied(run) => (run, "moved its data aside"),
        };
        let now = match traces.begun() {
            Some(_) => "was starting etcd on it: writes that it acknowledged since then exist only here",
            None => "did not finish; do not start etcd here",
        };
        find(Code::HalfMade, Severity::Error, format!("run {run} {what} and {now}"));
    }
    if let Some(lock) = &traces.lock {
        let text = format!("locked by run {} ({} on {} since {})", lock.run, lock.person, lock.host, lock.since);
        find(Code::Locked, Severity::Warning, text);
    }
}

/// What the unit writes by itself, in peace time too.
fn find_own_commands(seen: &Seen, find: &mut Find<'_>) {
    let (Ok(node), Ok(settings)) = (&seen.node, &seen.settings) else { return };
    for one in &node.policy.writes {
        let text = format!(
            "{}: {}= writes {} by itself: `initiate-dr` is refused, since what it writes there would be overwritten",
            one.at, one.key, settings.file.path
        );
        find(Code::WrittenByUnit, Severity::Warning, text);
    }
}

/// What the kubelet would run once etcd's manifest is gone.
fn find_second_manifests(seen: &Seen, find: &mut Find<'_>) {
    for second in seen.node.iter().flat_map(|node| &node.policy.second) {
        let text = format!(
            "{second} starts an etcd on the same data: its kubelet runs every file there, and this one once etcd's own manifest \
             is moved away. Move it out of the folder"
        );
        find(Code::SecondManifest, Severity::Warning, text);
    }
}

fn process(seen: &Seen, find: &mut Find<'_>) {
    for unclear in
        [seen.unit.as_ref().err(), seen.settings.as_ref().err(), seen.disk.as_ref().err(), seen.traces.as_ref().err()]
            .into_iter()
            .flatten()
    {
        find(Code::Unclear, Severity::Error, format!("{unclear}; {}", unclear.next()));
    }
    find_unanswered(seen, find);
    find_unasked(seen, find);
    find_marks(seen, find);
    if seen.etcd_runs() == Some(false) {
        find(Code::EtcdDown, Severity::Error, "etcd does not run".into());
    }
    if let Ok(unit) = &seen.unit
        && unit.running()
        && unit.active_state != "active"
        && !seen.names_leader()
    {
        find(
            Code::NotReady,
            Severity::Error,
            "etcd runs and has no quorum since its start; do not restart it again".into(),
        );
    }
    if let Ok(status) = &seen.status {
        if status.no_space() {
            find(Code::NoSpaceAlarm, Severity::Error, "NOSPACE alarm: etcd refuses writes until space is made".into());
        }
        if status.alarms().contains(&"CORRUPT") {
            let text = "CORRUPT alarm: a member's data differs from the others', and etcd refuses everything";
            find(Code::CorruptAlarm, Severity::Error, text.into());
        }
        if status.learner {
            find(Code::Learner, Severity::Warning, "is a learner: it has no vote yet".into());
        }
    }
}

fn tools(master: &Master, seen: &Seen, find: &mut Find<'_>) {
    let Ok(tools) = &seen.tools else {
        if let Err(unclear) = &seen.tools {
            find(Code::Unclear, Severity::Error, format!("{unclear}; {}", unclear.next()));
        }
        return;
    };
    if !tools.missing.is_empty() {
        find(Code::ToolMissing, Severity::Error, format!("lacks {}", tools.missing.join(", ")));
    }
    // In a pod's or a container's place they are a run's copies of its image.
    let in_image =
        master.etcd.supervisor().has_image() || seen.unit.as_ref().is_ok_and(|unit| unit.container.is_some());
    if tools.etcdctl.as_deref().is_some_and(|path| path.starts_with(KEPT)) && !in_image {
        let version = tools.restore_version.map(|version| format!(" of etcd {version}")).unwrap_or_default();
        let text = format!("its tools are those in {KEPT}{version}, which a bastion sent");
        find(Code::SentTools, Severity::Note, text);
    }
    match &tools.restore {
        None => find(Code::NoRestoreTool, Severity::Error, "has neither etcdutl nor an etcdctl that restores".into()),
        Some(restore) if !restore.bumps => find(
            Code::NoRevisionBump,
            Severity::Note,
            format!(
                "{} cannot raise revisions on restore (3.4.27, 3.5.10 or later can): after it, restart the API servers",
                restore.path
            ),
        ),
        Some(_) => {}
    }
    if let Some(version) = tools.etcd {
        version_traps(version, find);
    }
}

/// Known traps of etcd's versions for what requorum does.
fn version_traps(version: Version, find: &mut Find<'_>) {
    if version < Version(3, 5, 0) {
        let text = format!(
            "etcd {version}: a restore may leave removed members in the store, which come back as zombies on 3.6 (etcd#20967)"
        );
        find(Code::ZombieMembers, Severity::Note, text);
    }
    if (Version(3, 5, 0)..Version(3, 5, 20)).contains(&version) {
        let text = format!(
            "etcd {version} does not store a learner's promotion (etcd#19557): upgrade to 3.5.26 or later before upgrading to 3.6"
        );
        find(Code::PromotionNotStored, Severity::Note, text);
    }
}
