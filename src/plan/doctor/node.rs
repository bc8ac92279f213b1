//! One node: its clock, its unit's policy, its data directory, its snapshot's speed. Knows no zone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{Master, MasterName, RunId, Token};
use crate::observe::assess::Severity;
use crate::observe::{Asked, Examined, Seen, layout::Layout, policy::Policy, speed::Speed};
use crate::plan::checks::{self, Refusals};
use crate::plan::{Goal, NoPlan, Request};

use super::{Check, Remark};

/// From here on etcd itself complains about its peers' clocks (rafthttp's prober). Nothing in a run compares two
/// hosts' clocks, so that a wrong one refuses nothing; it is the records of that night that would not fit together.
const CLOCK_OFF: Duration = Duration::from_secs(1);

/// Everything about one node.
pub(super) fn remarks(master: &Master, seen: &Seen, examined: &Examined) -> Vec<Remark> {
    let mut remarks = Vec::new();
    match &examined.clock {
        Ok(offset) if offset.at_least() > CLOCK_OFF => {
            let side = if offset.ahead_ms > 0 { "ahead of" } else { "behind" };
            let seconds = Duration::from_millis(offset.ahead_ms.unsigned_abs()).as_secs_f64();
            let text = format!(
                "its clock is {seconds:.1} s {side} the bastion's (±{} ms): journals and logs will not fit, and a fresh certificate may not be valid there yet",
                offset.within_ms
            );
            remarks.push(Remark::warning("clock-offset", Check::Clock, text, "mend NTP there, or on the bastion"));
        }
        Ok(_) => {}
        Err(why) => remarks.push(unclear(Check::Clock, why)),
    }
    match &examined.policy {
        Ok(policy) => unit(master, seen, policy, &mut remarks),
        Err(why) => remarks.push(unclear(Check::Unit, why)),
    }
    match &examined.layout {
        Ok(layout) => data(master, seen, layout, &mut remarks),
        Err(why) => remarks.push(unclear(Check::Data, why)),
    }
    remarks.into_iter().map(|remark| remark.at(&master.name)).collect()
}

fn unclear(check: Check, why: &crate::observe::Unclear) -> Remark {
    Remark::warning("unclear", check, why.to_string(), "see the text; run as root, or mend the node")
}

fn unit(master: &Master, seen: &Seen, policy: &Policy, remarks: &mut Vec<Remark>) {
    let unit = &master.etcd.unit;
    let mut warn = |code: &str, text: String, next: String| {
        remarks.push(Remark::warning(code, Check::Unit, text, next));
    };
    if policy.load_state == "masked" {
        let text = format!("{unit} is masked: systemd starts it for nobody");
        remarks.push(Remark::error("unit-masked", Check::Unit, text, format!("systemctl unmask {unit}")));
        return;
    }
    if policy.load_state != "loaded" {
        // The planner says it: inventory and node contradict each other.
        return;
    }
    if !["enabled", "enabled-runtime", "static", "generated", "alias", "indirect"]
        .contains(&policy.unit_file_state.as_str())
    {
        let state = &policy.unit_file_state;
        let text = format!("{unit} is {state:?}: a survivor that reboots does not come back, and quorum goes with it");
        warn("unit-disabled", text, format!("systemctl enable {unit}"));
    }
    if policy.restart == "no" {
        let text = format!("{unit} has Restart=no: an etcd that dies stays down");
        warn("unit-no-restart", text, "Restart=always, as kubespray writes it".into());
    }
    if policy.kind != "notify" {
        let kind = &policy.kind;
        let text = format!(
            "{unit} has Type={kind}: systemd cannot tell an etcd without quorum from one that serves, so that after a restart without quorum the loss could not be proved"
        );
        warn("unit-not-notify", text, "Type=notify, as etcd's own unit file has it".into());
    }
    // etcd waits that long for open streams when it is stopped.
    let needed = seen.settings.as_ref().map_or(Duration::from_secs(7), |settings| settings.request_timeout());
    if let Some(limit) = policy.stop_limit.filter(|limit| *limit < needed) {
        let text = format!(
            "{unit} is killed {} s after a stop begins and may need {}: a restarted survivor must end cleanly to be copied",
            limit.as_secs(),
            needed.as_secs()
        );
        warn("stop-cut-short", text, "TimeoutStopSec=90s, systemd's default".into());
    }
    let user = if policy.user.is_empty() { "root" } else { policy.user.as_str() };
    let owner = seen.disk.as_ref().ok().and_then(|disk| disk.owner.split(' ').next()).unwrap_or_default();
    // systemd takes numbers as well, which stat shows as names.
    let named = user.parse::<u32>().is_err() && owner.parse::<u32>().is_err();
    if named && user != "root" && !owner.is_empty() && owner != user {
        let dir = &master.etcd.data_dir;
        let text = format!(
            "etcd runs as {user} and {dir} belongs to {owner}: what is restored gets the directory's owner, and etcd could not write it"
        );
        remarks.push(Remark::error("owner-differs", Check::Data, text, format!("chown {user} {dir}")));
    }
}

fn data(master: &Master, seen: &Seen, layout: &Layout, remarks: &mut Vec<Remark>) {
    let dir = &master.etcd.data_dir;
    for part in &layout.mounts {
        let text = format!(
            "{dir}/{part} is a mount point of its own: it goes aside with the old data, and at the next boot the old data is mounted over the new cluster's"
        );
        let next = "mount the whole data directory instead; see docs/limits.md";
        remarks.push(Remark::error("mount-inside", Check::Data, text, next));
    }
    for part in &layout.links {
        let text =
            format!("{dir}/{part} is a symbolic link: what is restored lies in {dir} itself, not where it points");
        let next = "make sure that the data directory's own disk is fast enough";
        remarks.push(Remark::warning("link-inside", Check::Data, text, next));
    }
    if seen.disk.as_ref().is_ok_and(|disk| disk.mount_point) {
        let text = format!("{dir} is a mount point: old and new data both lie inside it");
        let next = "nothing: space is asked for there";
        remarks.push(Remark::new(Severity::Note, "mount-point", Check::Data, text, next));
    }
}

/// What `recover` would refuse on a master that is no survivor of any loss: the planner's own checks, as warnings.
pub(super) fn comes_home(master: &Master, seen: &Seen) -> Vec<Remark> {
    let request = Request {
        goal: Goal::Recover,
        run: RunId::imagined(),
        token: Token(String::new()),
        undoes: None,
        failed_zones: BTreeSet::new(),
        only: BTreeSet::new(),
        seed: None,
        attested: BTreeMap::new(),
        overrides: BTreeMap::new(),
        snapshot: None,
        person: String::new(),
    };
    let mut refusals = Refusals::new(&request);
    checks::agrees(master, seen, &mut refusals);
    checks::space(master, seen, seen.disk.as_ref().map_or(0, |disk| disk.db_bytes), &mut refusals);
    let Err(NoPlan::Refused(refusals)) = refusals.done() else { return Vec::new() };
    let remark = |refusal: crate::plan::Refusal| {
        let text = format!("`recover` would be refused: {}", refusal.why);
        Remark::warning(&refusal.rule, Check::Etcd, text, refusal.next).at(&master.name)
    };
    refusals.into_iter().map(remark).collect()
}

/// A snapshot that could not be taken, or holds nothing: `initiate-dr` takes one in the same way.
pub(super) fn not_measured(name: &MasterName, speed: &Asked<Speed>) -> Option<Remark> {
    let why = match speed {
        Ok(speed) if speed.revision > 0 => return None,
        Ok(_) => {
            let text = "its snapshot holds revision 0: nothing was ever written, and a run would stop there";
            let next = "write something: Kubernetes does at its start";
            return Some(Remark::error("snapshot-empty", Check::Speed, text, next).at(name));
        }
        Err(why) => why,
    };
    let next = "mend what the text names; a run takes its snapshot in the same way";
    Some(Remark::error("not-measured", Check::Speed, why.to_string(), next).at(name))
}
