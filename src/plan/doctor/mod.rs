//! What an examination in peace time means: for each zone, whether `initiate-dr` would work if the zone were lost now,
//! how long it would take, and what to fix. Pure; asks nothing and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::command::at_most;
use crate::model::{ClusterName, MasterName, ZoneName};
use crate::observe::{Code, Severity};
use crate::observe::{Examination, speed::Speed};
use crate::plan::Rule;

use super::conditions::SAID_BY_MASTER;
use super::rehearse::{LossOutcome, Rehearsal, RehearsalInput};

mod node;
mod site;
mod time;

pub use time::Expected;

/// What is looked at, in the order in which it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Whether `initiate-dr` would have a plan.
    Plan,
    /// Whether it would be quick enough.
    Time,
    /// Whether a master answers.
    Reach,
    /// Its etcd and its tools, as `status` sees them.
    Etcd,
    /// Its env file against the template.
    Template,
    Unit,
    /// Its data directory.
    Data,
    Clock,
    /// How fast a snapshot is.
    Speed,
    Bastion,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Plan,
        Self::Time,
        Self::Reach,
        Self::Etcd,
        Self::Template,
        Self::Unit,
        Self::Data,
        Self::Clock,
        Self::Speed,
        Self::Bastion,
    ];

    /// What is looked at, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Plan => "initiate-dr would be planned",
            Self::Time => "expected time within the objective",
            Self::Reach => "reached over SSH",
            Self::Etcd => "etcd and its tools",
            Self::Template => "template changes what it owns only",
            Self::Unit => "unit's policy",
            Self::Data => "data directory",
            Self::Clock => "clock",
            Self::Speed => "snapshot measured",
            Self::Bastion => "bastion",
        }
    }
}

/// The most characters of a remark's text, as of a finding's.
const LONGEST_REMARK: usize = 8_000;
/// The most characters of a file's difference.
const LONGEST_DIFF: usize = 64_000;

/// What a remark is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Subject {
    /// A rule that would refuse a run.
    Rule(Rule),
    /// Something found.
    Code(Code),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Rule> for Subject {
    fn from(rule: Rule) -> Self {
        Self::Rule(rule)
    }
}

impl From<Code> for Subject {
    fn from(code: Code) -> Self {
        Self::Code(code)
    }
}

impl Subject {
    /// As it is written everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.name(),
            Self::Code(code) => code.name(),
        }
    }
}

/// Something to know or to fix, by code; `docs/findings.md` explains each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The code; for what `initiate-dr` would refuse, the rule's name.
    pub code: Subject,
    /// What was looked at.
    pub check: Check,
    /// An error means that `initiate-dr` would be refused or would do what is not meant.
    pub severity: Severity,
    /// The zone whose loss it is about.
    pub zone: Option<ZoneName>,
    /// The master it is about.
    pub master: Option<MasterName>,
    /// What was seen.
    pub text: String,
    pub next: String,
    /// For files: the difference.
    pub diff: Option<String>,
}

impl Remark {
    fn new(
        severity: Severity,
        code: impl Into<Subject>,
        check: Check,
        text: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        let (text, next) = (text.into(), next.into());
        Self { code: code.into(), check, severity, zone: None, master: None, text, next, diff: None }
    }

    fn error(code: impl Into<Subject>, check: Check, text: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, check, text, next)
    }

    fn warning(code: impl Into<Subject>, check: Check, text: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, check, text, next)
    }

    /// Brings it to a length that can be read, in every form.
    fn shorten(&mut self) {
        for text in [&mut self.text, &mut self.next] {
            *text = at_most(std::mem::take(text), LONGEST_REMARK);
        }
        self.diff = self.diff.take().map(|diff| at_most(diff, LONGEST_DIFF));
    }

    fn at(mut self, master: &MasterName) -> Self {
        self.master = Some(master.clone());
        self
    }

    fn of(mut self, zone: &ZoneName) -> Self {
        self.zone = Some(zone.clone());
        self
    }
}

/// What a zone's loss would mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// Whether the others would go on by themselves.
    pub quorum_kept: bool,
    /// Whether nothing speaks against `initiate-dr`; true where it is not needed.
    pub ready: bool,
    /// The masters outside the zone.
    pub survivors: Vec<MasterName>,
    /// The survivor that the new cluster would grow from.
    pub seed: Option<MasterName>,
    /// How many lines the plan's list would have.
    pub steps: usize,
    /// How long it would take.
    pub expected: Option<Expected>,
}

/// What the doctor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    pub cluster: ClusterName,
    /// Whether nothing speaks against `initiate-dr` for any zone whose loss costs the quorum.
    pub good: bool,
    /// By zone.
    pub zones: BTreeMap<ZoneName, Outlook>,
    /// Everything found, worst first.
    pub remarks: Vec<Remark>,
    /// What a snapshot took, where it was measured.
    pub speeds: BTreeMap<MasterName, Speed>,
}

impl Diagnosis {
    /// What speaks about a zone's loss: said of it, or of a survivor where the loss costs the quorum.
    pub fn about<'a>(&'a self, zone: &'a ZoneName) -> impl Iterator<Item = &'a Remark> {
        self.remarks.iter().filter(move |remark| self.is_about(remark, zone))
    }

    /// What speaks about no zone's loss.
    pub fn elsewhere(&self) -> impl Iterator<Item = &Remark> {
        self.remarks.iter().filter(|remark| !self.zones.keys().any(|zone| self.is_about(remark, zone)))
    }

    fn is_about(&self, remark: &Remark, zone: &ZoneName) -> bool {
        let survives = |outlook: &Outlook| {
            !outlook.quorum_kept && remark.master.as_ref().is_some_and(|master| outlook.survivors.contains(master))
        };
        match &remark.zone {
            Some(about) => about == zone,
            None => self.zones.get(zone).is_some_and(survives),
        }
    }

    /// How many remarks are of this severity; what several masters share is one.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let remarks = self.remarks.iter().filter(|remark| remark.severity == severity);
        remarks.map(|remark| (remark.code, &remark.text, &remark.diff)).collect::<BTreeSet<_>>().len()
    }

    /// The same with every text that came from a master made clean: of secrets, say.
    #[must_use]
    pub fn cleaned(mut self, clean: impl Fn(&str) -> String) -> Self {
        for remark in &mut self.remarks {
            remark.text = clean(&remark.text);
            remark.next = clean(&remark.next);
            remark.diff = remark.diff.as_deref().map(&clean);
        }
        self
    }
}

/// Says what was found.
#[must_use]
pub fn diagnose(given: RehearsalInput<'_>, found: &Examination, rehearsals: &[Rehearsal]) -> Diagnosis {
    let mut remarks = site::peace(given.cluster, &found.seen);
    remarks.extend(found.state_directory.iter().flat_map(|directory| site::state_directory(directory, &found.seen)));
    remarks.extend(rehearsals.iter().flat_map(refused));
    remarks.extend(site::api_servers(given.cluster, &found.seen));
    remarks.extend(site::observed(given.cluster, &found.seen, rehearsals));
    let survivors: BTreeSet<&MasterName> =
        rehearsals.iter().filter(|rehearsal| rehearsal.costs_quorum()).flat_map(|one| &one.survivors).collect();
    for master in given.cluster.masters() {
        let Some(seen) = found.seen.seen(&master.name) else { continue };
        let survives = survivors.contains(&master.name);
        if !survives {
            remarks.extend(node::comes_home(master, found, given.cluster));
        }
        remarks.extend(node::conditions(given, master, seen, survives));
        if let Some(examined) = found.masters.get(&master.name) {
            remarks.extend(node::remarks(master, seen, examined));
            let unread = time::metrics_unread(examined).filter(|_| survives);
            remarks.extend(unread.map(|remark| remark.at(&master.name)));
        }
    }
    remarks.extend(found.speeds.iter().filter_map(|(name, speed)| node::not_measured(name, speed, &found.seen)));
    let mut zones = BTreeMap::new();
    for rehearsal in rehearsals {
        let outlook = outlook(found, rehearsal);
        remarks.extend(time::only_time(rehearsal));
        remarks.extend(time::remarks(given.cluster, &rehearsal.zone, outlook.expected.as_ref()));
        zones.insert(rehearsal.zone.clone(), outlook);
    }
    remarks.iter_mut().for_each(Remark::shorten);
    remarks.sort_by_key(|remark| (std::cmp::Reverse(remark.severity), remark.check));
    let speeds = found.speeds.iter().filter_map(|(name, speed)| Some((name.clone(), *speed.as_ref().ok()?))).collect();
    let diagnosis = Diagnosis { cluster: given.cluster.name.clone(), good: false, zones, remarks, speeds };
    judged(diagnosis)
}

/// An error about a zone speaks against it; one about neither zone nor master speaks against all.
fn judged(mut diagnosis: Diagnosis) -> Diagnosis {
    let error = |remark: &&Remark| remark.severity == Severity::Error;
    let all = diagnosis.remarks.iter().filter(error).any(|remark| remark.zone.is_none() && remark.master.is_none());
    let ill: BTreeSet<ZoneName> =
        diagnosis.zones.keys().filter(|zone| diagnosis.about(zone).any(|remark| error(&remark))).cloned().collect();
    for (zone, outlook) in &mut diagnosis.zones {
        outlook.ready = outlook.quorum_kept || !(all || ill.contains(zone));
    }
    diagnosis.good = !all && diagnosis.zones.values().all(|outlook| outlook.ready);
    diagnosis
}

fn outlook(found: &Examination, rehearsal: &Rehearsal) -> Outlook {
    let plan = rehearsal.plan();
    Outlook {
        quorum_kept: !rehearsal.costs_quorum(),
        ready: false,
        survivors: rehearsal.survivors.clone(),
        seed: plan.and_then(|plan| plan.seed.clone()),
        steps: plan.map_or(0, |plan| plan.stages.len()),
        expected: plan.map(|plan| time::expected(plan, rehearsal, found)),
    }
}

fn refused(rehearsal: &Rehearsal) -> Vec<Remark> {
    let LossOutcome::Refused(refusals) = &rehearsal.ending else { return Vec::new() };
    let remark = |refusal: &super::Refusal| {
        Remark::error(refusal.rule, Check::Plan, refusal.why.clone(), refusal.next.clone()).of(&rehearsal.zone)
    };
    let by_master = |refusal: &&super::Refusal| SAID_BY_MASTER.contains(&refusal.rule);
    refusals.iter().filter(|refusal| !by_master(refusal)).map(remark).collect()
}

#[cfg(test)]
mod tests {
    use super::super::conditions::BY_THE_DOCTOR_ALONE;
    use super::Subject;

    #[test]
    fn what_the_doctor_alone_calls_an_error_is_listed() {
        let sources =
            [include_str!("mod.rs"), include_str!("node.rs"), include_str!("site.rs"), include_str!("time.rs")];
        let sources = sources.map(|text| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
        let code = |after: &str| Some(after.trim_start().strip_prefix("Code::")?.split(',').next()?.to_owned());
        let mut errors: Vec<String> =
            sources.iter().flat_map(|text| text.split("Remark::error(").skip(1)).filter_map(code).collect();
        assert!(errors.len() > 4, "{errors:?}");
        // One that is an error only sometimes is given its severity.
        errors.extend(["Locked".to_owned(), "BastionSpace".to_owned()]);
        for code in errors {
            let known =
                |(said, _): &(Subject, &str)| matches!(said, Subject::Code(known) if format!("{known:?}") == code);
            assert!(BY_THE_DOCTOR_ALONE.iter().any(known), "{code} is an error of whom?");
        }
    }
}
