//! Settings of one member that affect the whole cluster, as each would be after its template is rendered: a quota that
//! is too small for the data, limits and timers far from the others'. Reads what was seen and planned; asks nothing.

use crate::config::{Form, Values, flags};
use crate::model::{MasterName, Size};
use crate::observe::{Code, Severity};
use crate::observe::{Finding, Seen, Settings};
use crate::plan::Rule;

use super::checks::Refusals;
use super::draft::{Participant, PlanDraft};
use super::{NoPlan, versions};

const QUOTA: &str = "quota-backend-bytes";
/// Limits that a request must keep at the member it comes to, with etcd's defaults (`embed/config.go`).
const LIMITS: [(&str, u64); 2] = [("max-request-bytes", 1_572_864), ("max-txn-ops", 128)];
/// Timers that should be the same everywhere, with etcd's defaults in milliseconds.
const TIMERS: [(&str, u64); 2] = [("election-timeout", 1000), ("heartbeat-interval", 100)];
/// Who leads compacts by its own.
const COMPACTION: [(&str, &str); 2] = [("auto-compaction-mode", "periodic"), ("auto-compaction-retention", "0")];
/// From this factor on a timer is far from another: a follower would stand for election before a heartbeat comes, or a
/// leader's loss would be noticed late.
const FAR: u64 = 2;

/// What one member's etcd would run with: a flag, else its file, else the unit's own environment. A config file is alone.
struct Effective<'a> {
    name: &'a MasterName,
    seen: &'a Seen,
    file: Values,
}

impl<'a> Effective<'a> {
    /// With the file as it is now.
    fn now(name: &'a MasterName, seen: &'a Seen) -> Option<Self> {
        Some(Self { name, seen, file: seen.settings.as_ref().ok()?.values() })
    }

    /// With the file as the plan writes it.
    fn planned(draft: &PlanDraft<'a>, participant: &Participant<'a>) -> Option<Self> {
        let now = Self::now(participant.name(), participant.seen)?;
        let file = &participant.seen.settings.as_ref().ok()?.file;
        let written = draft.texts.get(participant.name()).and_then(|text| file.with(text).values().ok());
        Some(Self { file: written.unwrap_or(now.file), ..now })
    }

    fn form(&self) -> Form {
        self.seen.settings.as_ref().map(|settings| settings.file.form).unwrap_or_default()
    }

    /// A flag beside an env file.
    fn flag(&self, flag: &str) -> Option<String> {
        if self.form() != Form::EnvFile {
            return None;
        }
        self.seen.unit.as_ref().ok()?.flag(flag)
    }

    fn get(&self, flag: &str) -> Option<String> {
        let in_unit = || {
            if matches!(self.form(), Form::ConfigFile | Form::Manifest) {
                return None;
            }
            self.seen.unit.as_ref().ok()?.variable(&flags::variable_of(flag))
        };
        let value = self.flag(flag).or_else(|| self.file.get(flag).cloned()).or_else(in_unit);
        value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A number; what is none is left to etcd, which does not start with it.
    fn number(&self, flag: &str, default: u64) -> u64 {
        self.get(flag).and_then(|value| u64::try_from(flags::integer(&value)?).ok()).unwrap_or(default)
    }

    fn quota(&self) -> Option<u64> {
        Settings::quota_of(self.get(QUOTA).as_deref())
    }

    /// A setting as the member's own file names it.
    fn key(&self, flag: &str) -> String {
        self.form().key(flag)
    }

    /// Where a setting is to be changed so that the next plan finds it changed.
    fn place(&self, flag: &str, template: &str) -> String {
        let name = self.name;
        if self.flag(flag).is_some() {
            return format!("the flag in the unit on {name}");
        }
        let settings = self.seen.settings.as_ref().ok();
        let now = settings.and_then(|settings| settings.get(flag));
        if now.as_ref() == self.file.get(flag) {
            format!("{} on {name}", settings.map_or("its settings", |settings| settings.file.path.as_str()))
        } else {
            format!("the template {template}, which sets it for {name}")
        }
    }
}

/// Whether the data of the new cluster fits into every survivor's quota: above it the first write raises NOSPACE, and
/// no other is taken. Where the alarm is there already, making space is a part of the plan.
///
/// # Errors
/// The refusals.
pub(super) fn data_fits(draft: &PlanDraft<'_>) -> Result<(), NoPlan> {
    let mut refusals = Refusals::new(draft.input.request);
    let data = draft.input.request.snapshot.as_ref().map_or_else(|| draft.db_bytes(), |file| file.bytes);
    for participant in &draft.survivors {
        let alarmed = participant.seen.status.as_ref().is_ok_and(crate::observe::Status::no_space);
        let Some(own) = Effective::planned(draft, participant).filter(|_| !alarmed) else { continue };
        below_data(&own, participant, data, data.saturating_mul(2), &mut refusals);
    }
    refusals.done()
}

/// Whether every joiner's settings are fit for the cluster that serves. What is told and not refused comes back.
///
/// # Errors
/// The refusals.
pub(super) fn joiners_fit(draft: &PlanDraft<'_>) -> Result<Vec<Finding>, NoPlan> {
    let mut refusals = Refusals::new(draft.input.request);
    let mut findings = Vec::new();
    let serving: Vec<Effective<'_>> =
        draft.survivors.iter().filter_map(|participant| Effective::planned(draft, participant)).collect();
    let live = draft.survivors.iter().filter_map(|participant| participant.seen.db_bytes()).max().unwrap_or(0);
    for participant in &draft.returned {
        let Some(own) = Effective::planned(draft, participant) else { continue };
        let others = serving.iter().map(|other| other.seen);
        versions::joiner(participant.master, participant.seen, others, &mut refusals);
        quota(&own, participant, &serving, live, &mut refusals);
        limits(&own, participant, &serving, &mut refusals);
        timers(&own, participant, &serving, &mut refusals);
        findings.extend(compaction(&own, &serving));
    }
    refusals.done()?;
    Ok(findings)
}

/// What `recover` would refuse if this master came back to these, as it is now: why, and what to do.
pub(super) fn refuse_return(participant: &Participant<'_>, others: &[Participant<'_>], refusals: &mut Refusals<'_>) {
    let Some(own) = Effective::now(participant.name(), participant.seen) else { return };
    let serving: Vec<Effective<'_>> =
        others.iter().filter_map(|other| Effective::now(other.name(), other.seen)).collect();
    let live = others.iter().filter_map(|other| other.seen.db_bytes()).max().unwrap_or(0);
    versions::joiner(participant.master, participant.seen, serving.iter().map(|other| other.seen), refusals);
    quota(&own, participant, &serving, live, refusals);
    limits(&own, participant, &serving, refusals);
    timers(&own, participant, &serving, refusals);
}

fn below_data(
    own: &Effective<'_>,
    participant: &Participant<'_>,
    data: u64,
    wanted: u64,
    refusals: &mut Refusals<'_>,
) -> bool {
    let Some(quota) = own.quota().filter(|quota| *quota <= data) else { return false };
    let template = participant.template().unwrap_or_default();
    let place = own.place(QUOTA, template);
    refusals.add(
        Rule::QuotaBelowData,
        format!(
            "{}: the data takes {} and its quota is {}: the first write through it would raise NOSPACE, and the whole cluster would refuse writes",
            own.name,
            Size(data),
            Size(quota)
        ),
        format!("set {} to {wanted} or more ({place}), then try again", own.key(QUOTA)),
    );
    true
}

fn quota(
    own: &Effective<'_>,
    participant: &Participant<'_>,
    serving: &[Effective<'_>],
    live: u64,
    refusals: &mut Refusals<'_>,
) {
    // Who has none is bound by nothing.
    let smallest = serving.iter().filter_map(|other| Some((other.quota()?, other))).min_by_key(|(quota, _)| *quota);
    let wanted = smallest.as_ref().map_or(live.saturating_mul(2), |(quota, _)| (*quota).max(live + live / 4));
    if below_data(own, participant, live, wanted, refusals) {
        return;
    }
    let Some(quota) = own.quota() else { return };
    let (value, as_it_is) = match smallest {
        Some((theirs, other)) if quota < theirs => (theirs.to_string(), format!("{} on {}", Size(theirs), other.name)),
        None if !serving.is_empty() => ("-1".to_owned(), "without limit on the others".to_owned()),
        _ => return,
    };
    let template = participant.template().unwrap_or_default();
    refusals.add(
        Rule::QuotaSmaller,
        format!(
            "{}: its quota is {} and {as_it_is}: the smallest quota limits the whole cluster",
            own.name,
            Size(quota)
        ),
        format!("set {} to {value} ({}), then try again", own.key(QUOTA), own.place(QUOTA, template)),
    );
}

fn limits(own: &Effective<'_>, participant: &Participant<'_>, serving: &[Effective<'_>], refusals: &mut Refusals<'_>) {
    let template = participant.template().unwrap_or_default();
    for (flag, default) in LIMITS {
        let key = own.key(flag);
        let value = own.number(flag, default);
        let largest = serving.iter().map(|other| (other.number(flag, default), other.name)).max();
        if let Some((theirs, other)) = largest.filter(|(theirs, _)| value < *theirs) {
            refusals.add(
                Rule::LimitSmaller,
                format!(
                    "{}: its {key} is {value} and {theirs} on {other}: requests that the cluster accepts today would fail through this member",
                    own.name
                ),
                format!("set {key} to {theirs} ({}), then try again", own.place(flag, template)),
            );
        }
    }
}

fn timers(own: &Effective<'_>, participant: &Participant<'_>, serving: &[Effective<'_>], refusals: &mut Refusals<'_>) {
    let template = participant.template().unwrap_or_default();
    for (flag, default) in TIMERS {
        let key = own.key(flag);
        let value = own.number(flag, default);
        let far = |theirs: u64| value.saturating_mul(FAR) <= theirs || theirs.saturating_mul(FAR) <= value;
        let other =
            serving.iter().map(|other| (other.number(flag, default), other.name)).find(|(theirs, _)| far(*theirs));
        if let Some((theirs, other)) = other {
            refusals.add(
                Rule::TimersFar,
                format!(
                    "{}: its {key} is {value} ms and {theirs} ms on {other}: it would start unnecessary elections, or detect the loss of a leader too late",
                    own.name
                ),
                format!("set {key} to {theirs} ({}), then try again", own.place(flag, template)),
            );
        }
    }
}

fn compaction(own: &Effective<'_>, serving: &[Effective<'_>]) -> Option<Finding> {
    let all =
        |one: &Effective<'_>| COMPACTION.map(|(flag, default)| one.get(flag).unwrap_or_else(|| default.to_owned()));
    let mine = all(own);
    let other = serving.iter().find(|other| all(other) != mine)?;
    Some(Finding {
        code: Code::CompactionDiffers,
        severity: Severity::Warning,
        master: Some(own.name.clone()),
        text: format!(
            "its auto compaction ({}) differs from that of {} ({}): the leader's setting applies",
            mine.join(" "),
            other.name,
            all(other).join(" ")
        ),
    })
}
