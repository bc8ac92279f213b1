//! What must hold on a node before its data is moved or etcd is started there again: one list, which planner and doctor
//! both use. Reads one master's answers; asks nothing.
//!
//! [`BY_THE_DOCTOR_ALONE`] lists what the doctor calls an error and the planner does not ask, each with the reason.

use std::time::Duration;

use crate::model::Master;
use crate::observe::{Code, Severity};
use crate::observe::{Finding, Seen, container, layout::Layout, policy::Policy};
use crate::plan::Rule;

use super::Input;
use super::checks::Refusals;
use super::doctor::{Check, Subject};
use super::draft::Participant;
use super::rehearse::RehearsalInput;
use super::{as_started, own_commands, rendering, wal_place};

/// One condition that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// A rule refuses a run; anything else is told.
    pub(super) said: Subject,
    pub(super) check: Check,
    /// What was seen, without the master's name.
    pub(super) text: String,
    pub(super) next: String,
    /// For files: the difference.
    pub(super) diff: Option<String>,
}

impl Condition {
    pub(super) const fn severity(&self) -> Severity {
        match self.said {
            Subject::Rule(_) => Severity::Error,
            Subject::Code(_) => Severity::Warning,
        }
    }
}

/// What is an error of the doctor's and no refusal of the planner's, and why that is so.
#[cfg(test)]
pub(super) const BY_THE_DOCTOR_ALONE: [(Subject, &str); 7] = [
    (
        Subject::Code(Code::NotServing),
        "a loss cannot be rehearsed while the cluster is down; the run exists for exactly that case",
    ),
    (
        Subject::Code(Code::BastionState),
        "the run creates its journal there before it takes a lock, and stops if it cannot",
    ),
    (
        Subject::Code(Code::BastionSpace),
        "each record is on the disk before its act: a full disk stops the run before it, or between two acts",
    ),
    (
        Subject::Code(Code::SnapshotEmpty),
        "the run's own snapshot shows it before anything is stopped, and the run stops",
    ),
    (
        Subject::Code(Code::NotMeasured),
        "the run takes its snapshot in the same way, and stops before any etcd is stopped if it cannot",
    ),
    (Subject::Code(Code::Locked), "the run takes the lock itself; if another run holds it, the refusal names that run"),
    (Subject::Rule(Rule::Template), "the planner renders each file itself, and refuses one that cannot be rendered"),
];

/// Codes of which the doctor speaks by master, so that it does not repeat what the planner says of them by zone.
pub(super) const SAID_BY_MASTER: [Rule; 16] = [
    Rule::NotAsStarted,
    Rule::WrittenByUnit,
    Rule::WalDir,
    Rule::Symlink,
    Rule::MountInside,
    Rule::MountWaiting,
    Rule::LinkInside,
    Rule::ReadOnly,
    Rule::UnitMasked,
    Rule::UnitTransient,
    Rule::UnitNotFenced,
    Rule::OwnerDiffers,
    Rule::CertificateEnded,
    Rule::CertificateUnread,
    Rule::TemplateChangesMore,
    Rule::UnclearNode,
];

pub(super) type Find<'a> = dyn FnMut(Subject, Check, String, String) + 'a;

/// Everything that does not hold on a master.
pub(super) fn of(given: RehearsalInput<'_>, master: &Master, seen: &Seen) -> Vec<Condition> {
    let mut all = written(given, master, seen);
    let mut find = |said, check, text, next| all.push(Condition { said, check, text, next, diff: None });
    match &seen.node {
        Ok(node) => {
            data(master, &node.layout, &mut find);
            unit(master, &node.policy, &mut find);
            odd(master, seen, &node.layout, &node.policy, &mut find);
            if node.policy.load_state == "loaded" {
                habits(master, seen, &node.policy, &mut find);
            }
        }
        Err(why) => find(
            Rule::UnclearNode.into(),
            Check::Data,
            why.to_string(),
            "see the text; run as root, or fix the node".to_owned(),
        ),
    }
    wal_place::conditions(master, seen, &mut find);
    as_started::conditions(master, seen, &mut find);
    certificates(seen, &mut find);
    all
}

fn given(input: Input<'_>) -> RehearsalInput<'_> {
    let timed_proof = input.request.timed_proof;
    RehearsalInput { cluster: input.cluster, playbook: input.playbook, templates: input.templates, timed_proof }
}

/// Refuses what is an error on this master. What cannot be rendered is refused where it is rendered.
pub(super) fn refuse(input: Input<'_>, participant: &Participant<'_>, refusals: &mut Refusals<'_>) {
    refuse_those(participant, of(given(input), participant.master, participant.seen), refusals);
}

/// What does not hold where a file is written and nothing else is done.
fn written(given: RehearsalInput<'_>, master: &Master, seen: &Seen) -> Vec<Condition> {
    let mut all = rendering::conditions(given, master, seen);
    all.extend(own_commands::conditions(master, seen));
    all
}

/// Refuses a file that would be written with more than what is owned, or would not stay so, where nothing else is done to
/// the master.
pub(super) fn refuse_rendering(input: Input<'_>, participant: &Participant<'_>, refusals: &mut Refusals<'_>) {
    refuse_those(participant, written(given(input), participant.master, participant.seen), refusals);
}

fn refuse_those(participant: &Participant<'_>, those: Vec<Condition>, refusals: &mut Refusals<'_>) {
    for Condition { said, text, next, .. } in those {
        if let Subject::Rule(rule) = said
            && rule != Rule::Template
        {
            refusals.add(rule, format!("{}: {text}", participant.name()), next);
        }
    }
}

/// What is no reason to refuse, and worth knowing before a run.
pub(super) fn warnings<'a>(
    input: Input<'_>,
    participants: impl IntoIterator<Item = &'a Participant<'a>>,
) -> Vec<Finding> {
    let warning = |participant: &Participant<'_>| {
        let master = participant.name().clone();
        let finding = move |one: Condition| match one.said {
            Subject::Rule(_) => None,
            Subject::Code(code) => Some(Finding {
                code,
                severity: Severity::Warning,
                master: Some(master.clone()),
                text: format!("{}: {}", one.text, one.next),
            }),
        };
        of(given(input), participant.master, participant.seen).into_iter().filter_map(finding).collect::<Vec<_>>()
    };
    participants.into_iter().flat_map(warning).collect()
}

/// What would end with the old data over the new cluster's, or in the middle of a run.
fn data(master: &Master, layout: &Layout, find: &mut Find<'_>) {
    let dir = &master.etcd.data_dir;
    for part in &layout.mounts {
        let text = format!(
            "{dir}/{part} is a separate mount point, now or at the next boot: it is moved aside with the old data, and at the next boot the old data would be mounted over the new cluster's"
        );
        find(
            Rule::MountInside.into(),
            Check::Data,
            text,
            match part.as_str() {
                "member/wal" => "mount it elsewhere, and put the log into a directory on it that `wal-dir` names",
                _ => "mount the whole data directory instead; see docs/limits.md",
            }
            .into(),
        );
    }
    for place in &layout.unmounted {
        let text = format!(
            "fstab or a mount unit mounts {place}, and it is not mounted now: at the next boot it would cover {dir} and everything written there until then"
        );
        find(
            Rule::MountWaiting.into(),
            Check::Data,
            text,
            format!("mount {place}, or remove it from fstab, and check the contents of {dir}"),
        );
    }
    for place in &layout.read_only {
        let text = format!("{place} cannot be written, and a run writes there");
        find(
            Rule::ReadOnly.into(),
            Check::Data,
            text,
            format!("make it writable (its file system: findmnt -T {place})"),
        );
    }
}

/// A unit that could not be started, or not be kept from starting.
fn unit(master: &Master, policy: &Policy, find: &mut Find<'_>) {
    let unit = &master.etcd.supervisor();
    if policy.load_state == "masked" {
        let text = format!("{unit} is masked: systemd does not start it");
        find(Rule::UnitMasked.into(), Check::Unit, text, format!("systemctl unmask {unit}"));
        return;
    }
    if policy.fragment.starts_with("/run/systemd/transient/") {
        let text = format!(
            "{unit} is a transient unit: systemd forgets it once it is stopped, so that it could not be started again"
        );
        find(Rule::UnitTransient.into(), Check::Unit, text, "give it a unit file in /etc/systemd/system".into());
    }
    let ours = master.etcd.supervisor().held_by();
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    // systemd reads drop-ins in the order of their names, wherever they lie.
    for file in policy.resets.iter().filter(|file| **file != ours && name(file) > name(&ours)) {
        let text = format!(
            "{file} resets the conditions of {unit}, and the fence is such a condition: etcd could not be fenced"
        );
        let next = format!("remove the empty Condition…= from {file}, then systemctl daemon-reload");
        find(Rule::UnitNotFenced.into(), Check::Unit, text, next);
    }
}

/// What refuses a run and may yet be meant.
fn odd(master: &Master, seen: &Seen, layout: &Layout, policy: &Policy, find: &mut Find<'_>) {
    let dir = &master.etcd.data_dir;
    let handled = matches!(&seen.wal_place, Ok(Some(place)) if wal_place::is_handled_link(master, place));
    for part in layout.links.iter().filter(|part| !handled || *part != "member/wal") {
        let text =
            format!("{dir}/{part} is a symbolic link: what is restored lies in {dir} itself, not where it points");
        let next = format!("move its target into {dir}, or mount the whole data directory there; see docs/limits.md");
        find(Rule::LinkInside.into(), Check::Data, text, next);
    }
    let user = if policy.user.is_empty() { "root" } else { policy.user.as_str() };
    let owner = seen.disk.as_ref().ok().and_then(|disk| disk.owner.split(' ').next()).unwrap_or_default();
    // systemd takes numbers as well, which stat shows as names.
    let named = user.parse::<u32>().is_err() && owner.parse::<u32>().is_err();
    if named && user != "root" && !owner.is_empty() && owner != user && policy.load_state == "loaded" {
        let text = format!(
            "etcd runs as {user} and {dir} belongs to {owner}: restored files get the directory's owner, and etcd could not write them"
        );
        find(Rule::OwnerDiffers.into(), Check::Data, text, format!("chown {user} {dir}"));
    }
}

/// What systemd does by itself and a run can live with.
fn habits(master: &Master, seen: &Seen, policy: &Policy, find: &mut Find<'_>) {
    let unit = &master.etcd.supervisor();
    if !["enabled", "enabled-runtime", "static", "generated", "alias", "indirect"]
        .contains(&policy.unit_file_state.as_str())
    {
        let state = &policy.unit_file_state;
        let text = format!(
            "{} is {state:?}: etcd does not start after a reboot, and a survivor that reboots would cost the quorum",
            unit.unit().map_or_else(|| "the kubelet".to_owned(), ToString::to_string)
        );
        let started = unit.unit().map_or("kubelet", |unit| unit.as_str());
        find(Code::UnitDisabled.into(), Check::Unit, text, format!("systemctl enable {started}"));
    }
    if policy.restart == "no" {
        let text = format!("{unit} has Restart=no: an etcd that dies stays down");
        find(Code::UnitNoRestart.into(), Check::Unit, text, "Restart=always, as kubespray writes it".into());
    }
    // Of a container it is asked whether its client port is open, which etcd opens once it is ready.
    let in_container = seen.unit.as_ref().map_or_else(container::is_unknown, |unit| unit.container.is_some());
    if !matches!(policy.kind.as_str(), "notify" | "pod") && !in_container {
        let kind = &policy.kind;
        let text = format!(
            "{unit} has Type={kind}: systemd cannot distinguish an etcd without quorum from one that serves; after a restart without quorum the loss could not be proved"
        );
        find(Code::UnitNotNotify.into(), Check::Unit, text, "Type=notify, as etcd's own unit file has it".into());
    }
    // etcd waits that long for open streams when it is stopped.
    let needed = seen.settings.as_ref().map_or(Duration::from_secs(7), |settings| settings.request_timeout());
    if let Some(limit) = policy.stop_limit.filter(|limit| *limit < needed) {
        let text = format!(
            "{unit} is killed {} s after a stop begins, but may need {}: a restarted survivor must stop cleanly before its data is copied",
            limit.as_secs(),
            needed.as_secs()
        );
        find(Code::StopCutShort.into(), Check::Unit, text, "TimeoutStopSec=90s, systemd's default".into());
    }
}

/// An ended certificate is refused by clients and peers: the new cluster would serve nobody. One that cannot be read keeps
/// etcd from starting, or its member from being asked.
fn certificates(seen: &Seen, find: &mut Find<'_>) {
    let Ok(certificates) = &seen.certificates else { return };
    let ended: Vec<String> = certificates.ended().map(|(file, date)| format!("{file} on {date}")).collect();
    if !ended.is_empty() {
        let text = format!(
            "certificates have ended: {}: clients and peers refuse them, also after a restore",
            ended.join(", ")
        );
        find(Rule::CertificateEnded.into(), Check::Etcd, text, "renew them: etcd takes them without a restart".into());
    }
    for why in certificates.unread() {
        let text = format!("{why}: etcd could not start with it, or could not be asked");
        find(Rule::CertificateUnread.into(), Check::Etcd, text, why.next().to_owned());
    }
}
