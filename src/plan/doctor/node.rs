//! One node: its clock, the conditions that the planner also checks, its snapshot's speed. Knows nothing about zones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{Cluster, Master, MasterName, RunId, Token};
use crate::observe::etcd_holders::EtcdHolders;
use crate::observe::{Answer, Examination, Examined, Observation, Seen, Status, speed::Speed};
use crate::observe::{Code, Severity};
use crate::plan::checks::{self, Refusals};
use crate::plan::conditions::{self, Condition};
use crate::plan::draft::Participant;
use crate::plan::rehearse::RehearsalInput;
use crate::plan::{Goal, NoPlan, Request, Rule, binding};

use super::{Check, Remark, Subject};

/// From here on etcd itself complains about its peers' clocks (rafthttp's prober). Nothing in a run compares two
/// hosts' clocks, so that a wrong one refuses nothing; it is the records of that night that would not fit together.
const CLOCK_OFF: Duration = Duration::from_secs(1);

/// What the planner would refuse or warn of. What `status` says of a certificate the doctor says with that; a template that
/// cannot be rendered on a survivor is the planner's to refuse.
pub(super) fn conditions(given: RehearsalInput<'_>, master: &Master, seen: &Seen, survives: bool) -> Vec<Remark> {
    let said = |code: Subject| match code {
        Subject::Rule(Rule::CertificateEnded | Rule::CertificateUnread) => true,
        Subject::Rule(Rule::Template) => survives,
        _ => false,
    };
    let conditions = conditions::of(given, master, seen).into_iter().filter(|one| !said(one.said));
    let remark = |one: Condition| {
        let remark = Remark::new(one.severity(), one.said, one.check, one.text, one.next);
        Remark { diff: one.diff, ..remark }.at(&master.name)
    };
    conditions.map(remark).collect()
}

/// Everything else about one node.
pub(super) fn remarks(master: &Master, seen: &Seen, examined: &Examined) -> Vec<Remark> {
    let mut remarks = Vec::new();
    match &examined.clock {
        Ok(offset) if offset.at_least() > CLOCK_OFF => {
            let side = if offset.ahead_ms > 0 { "ahead of" } else { "behind" };
            let seconds = Duration::from_millis(offset.ahead_ms.unsigned_abs()).as_secs_f64();
            let text = format!(
                "its clock is {seconds:.1} s {side} the bastion's (±{} ms): timestamps of journals and logs will not match, and a new certificate may not be valid there yet",
                offset.within_ms
            );
            remarks.push(Remark::warning(Code::ClockOffset, Check::Clock, text, "fix NTP there, or on the bastion"));
        }
        Ok(_) => {}
        Err(why) => remarks.push(unclear(Check::Clock, why)),
    }
    remarks.extend(etcd_holders(&examined.etcd_holders));
    if seen.disk.as_ref().is_ok_and(|disk| disk.mount_point) {
        let text = format!("{} is a mount point: old and new data both lie inside it", master.etcd.data_dir);
        let next = "nothing; free space is checked on that mount";
        remarks.push(Remark::new(Severity::Note, Code::MountPoint, Check::Data, text, next));
    }
    remarks.into_iter().map(|remark| remark.at(&master.name)).collect()
}

/// What the network of the pods is made with asks etcd by itself.
const ASKS_ETCD: [&str; 6] = [
    "/etc/calico/",
    "/etc/cilium/",
    "/etc/cni/",
    "kube-system/calico",
    "kube-system/cilium",
    "/etc/kubernetes/manifests/",
];

/// What else would have to be told of a loss: requorum changes none of it.
fn etcd_holders(found: &Answer<EtcdHolders>) -> Vec<Remark> {
    let found = match found {
        Ok(found) => found,
        Err(why) if why.was_asked() => return vec![unclear(Check::Etcd, why)],
        Err(_) => return Vec::new(),
    };
    let asks = |place: &&String| ASKS_ETCD.iter().any(|known| place.starts_with(known));
    let config_maps: Vec<String> = found.config_maps.iter().map(|name| format!("ConfigMap {name}")).collect();
    let all = || found.files.iter().zip(found.files.iter()).chain(found.config_maps.iter().zip(&config_maps));
    let named = |asking: bool| {
        let those = all().filter(|(place, _)| asks(place) == asking).map(|(_, shown)| shown.as_str());
        those.collect::<Vec<_>>().join(", ")
    };
    let (asking, written_from) = (named(true), named(false));
    let mut remarks = Vec::new();
    if !asking.is_empty() {
        let text = format!(
            "{asking} names etcd's addresses: whatever reads that asks etcd by itself, would wait for the lost zone's after a \
             loss, and once that zone is back read from two clusters"
        );
        let next = "after `initiate-dr` write the survivors' addresses there and restart what reads it; after `recover` all again";
        remarks.push(Remark::warning(Code::EtcdAddresses, Check::Etcd, text, next));
    }
    if !written_from.is_empty() {
        let text = format!(
            "{written_from} names etcd's addresses: between `initiate-dr` and `recover` kubeadm or kubespray would write the \
             API server's list anew from it; `initiate-dr` given again narrows it"
        );
        remarks.push(Remark::new(Severity::Note, Code::EtcdAddresses, Check::Etcd, text, ""));
    }
    if let Some(why) = &found.unasked {
        let text = format!("which ConfigMaps name etcd's addresses is not known: {why}");
        remarks.push(Remark::new(Severity::Note, Code::EtcdAddresses, Check::Etcd, text, ""));
    }
    remarks
}

fn unclear(check: Check, why: &crate::observe::Unclear) -> Remark {
    Remark::warning(Code::Unclear, check, why.to_string(), why.next())
}

/// What `recover` would refuse on a master that is no survivor of any loss: the planner's own checks, as warnings.
pub(super) fn comes_home(master: &Master, found: &Examination, cluster: &Cluster) -> Vec<Remark> {
    let participant = |master| Participant::of(master, &found.seen);
    let Some(own) = participant(master) else { return Vec::new() };
    let seen = own.seen;
    let others: Vec<Participant<'_>> =
        cluster.masters().filter(|other| other.name != master.name).filter_map(participant).collect();
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
        timed_proof: false,
        person: String::new(),
    };
    let mut refusals = Refusals::new(&request);
    checks::agrees(master, seen, &mut refusals);
    checks::space(master, seen, seen.disk.as_ref().map_or(0, |disk| disk.db_bytes), &mut refusals);
    binding::refuse_return(&own, &others, &mut refusals);
    let Err(NoPlan::Refused(refusals)) = refusals.done() else { return Vec::new() };
    let remark = |refusal: crate::plan::Refusal| {
        let text = format!("`recover` would be refused: {}", refusal.why);
        Remark::warning(refusal.rule, Check::Etcd, text, refusal.next).at(&master.name)
    };
    refusals.into_iter().map(remark).collect()
}

/// A snapshot that could not be taken, or holds nothing: `initiate-dr` takes one in the same way.
pub(super) fn not_measured(name: &MasterName, speed: &Answer<Speed>, seen: &Observation) -> Option<Remark> {
    let said = seen.seen(name).and_then(|seen| seen.status.as_ref().ok());
    let why = match speed {
        Ok(speed) if speed.revision > 0 => return None,
        Ok(_) if said.is_some_and(Status::never_written) => {
            let text = "its snapshot holds no key: nothing was ever written to this cluster, and a run would make one without a key";
            let next = "nothing, if that is so; Kubernetes writes when it starts";
            return Some(Remark::warning(Code::SnapshotEmpty, Check::Speed, text, next).at(name));
        }
        Ok(_) => {
            let text =
                "its snapshot holds no key, and it is not known that nothing was ever written: a run would stop there";
            let next = "compare with `requorum status`: the other masters' revisions";
            return Some(Remark::error(Code::SnapshotEmpty, Check::Speed, text, next).at(name));
        }
        Err(why) => why,
    };
    let next = "fix what the text names; a run takes its snapshot in the same way";
    Some(Remark::error(Code::NotMeasured, Check::Speed, why.to_string(), next).at(name))
}
