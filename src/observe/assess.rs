//! What an observation means: findings by code, and a verdict. Pure; terminal, journal and docs use the same codes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::command::at_most;
use crate::model::{Cluster, ClusterId, Master, MasterName};
use crate::observe::Code;

use super::alarms::tell_relief;
use super::members::{Membership, Vote, membership};
use super::traces::Replaced;
use super::unanswered::{find_unanswered, find_unasked};
use super::upcoming::find_upcoming;
use super::{Contact, Observation, Seen, cluster_findings, proof, tools::Version};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// To be dealt with, not now.
    Warning,
    /// Wrong.
    Error,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something wrong, by code; `docs/findings.md` explains each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Which master, where it is one.
    pub master: Option<MasterName>,
    /// What was seen and what to do.
    pub text: String,
}

/// What state the cluster is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every master of the inventory is a voter and serves.
    Healthy,
    /// It serves, and something is wrong.
    Degraded,
    /// No quorum, proved.
    QuorumLost,
    /// It serves, and every voter stands in one zone.
    OneZone,
    /// Two clusters serve.
    SplitBrain,
    /// It could not be told.
    Unknown,
}

impl Verdict {
    /// Every verdict there is.
    pub const ALL: [Self; 6] =
        [Self::Healthy, Self::Degraded, Self::QuorumLost, Self::OneZone, Self::SplitBrain, Self::Unknown];

    /// The verdict as machines read it, as in JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::QuorumLost => "quorum-lost",
            Self::OneZone => "one-zone",
            Self::SplitBrain => "split-brain",
            Self::Unknown => "unknown",
        }
    }

    /// The verdict in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded: it serves, and something is wrong",
            Self::QuorumLost => "QUORUM LOST",
            Self::OneZone => "one zone serves alone",
            Self::SplitBrain => "SPLIT BRAIN: two clusters take writes",
            Self::Unknown => "unknown",
        }
    }
}

/// Findings and verdict together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// The state.
    pub verdict: Verdict,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// The clusters that serve, and through which masters.
    pub serving: BTreeMap<ClusterId, BTreeSet<MasterName>>,
}

/// The most characters of a finding, in every form: a hundred masters with their URLs are half of it.
const LONGEST_FINDING: usize = 8_000;

/// Says what an observation means.
#[must_use]
pub fn assess(cluster: &Cluster, observation: &Observation) -> Assessment {
    let mut serving: BTreeMap<ClusterId, BTreeSet<MasterName>> = BTreeMap::new();
    for (name, seen) in observation.answering() {
        if let (true, Some(id)) = (seen.serves(), seen.cluster()) {
            serving.entry(id).or_default().insert(name.clone());
        }
    }
    let mut findings: Vec<Finding> =
        cluster.masters().flat_map(|master| of_master(master, observation.masters.get(&master.name))).collect();
    findings.extend(cluster_findings::findings(cluster, observation, &serving));
    tell_relief(observation, &mut findings);
    for finding in &mut findings {
        finding.text = at_most(std::mem::take(&mut finding.text), LONGEST_FINDING);
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let verdict = verdict(cluster, observation, &serving, &findings);
    Assessment { verdict, findings, serving }
}

fn verdict(
    cluster: &Cluster,
    observation: &Observation,
    serving: &BTreeMap<ClusterId, BTreeSet<MasterName>>,
    findings: &[Finding],
) -> Verdict {
    let Some(masters) = serving.values().next() else {
        return match &observation.proof {
            // Where every etcd that was asked has ended, nobody was asked who could tell.
            Some(proof::Outcome::Lost { asked: true, .. }) => Verdict::QuorumLost,
            _ => Verdict::Unknown,
        };
    };
    if serving.len() > 1 {
        return Verdict::SplitBrain;
    }
    let membership = membership(cluster, observation, masters);
    if one_zone_alone(cluster, &membership) {
        return Verdict::OneZone;
    }
    let voters = membership.voters();
    let whole = cluster.masters().all(|master| voters.contains(&master.name) && masters.contains(&master.name));
    if whole && membership.members.is_ok() && findings.iter().all(|finding| finding.severity == Severity::Note) {
        Verdict::Healthy
    } else {
        Verdict::Degraded
    }
}

/// Whether all voters stand in one zone. A master of which that is not known may vote in another.
fn one_zone_alone(cluster: &Cluster, membership: &Membership) -> bool {
    let may_vote = |master: &MasterName| matches!(membership.vote(master), Vote::Votes | Vote::Unknown);
    let zones = cluster.zones.values().filter(|zone| zone.masters.keys().any(may_vote));
    membership.members.is_ok() && cluster.zones.len() > 1 && zones.count() == 1
}

fn of_master(master: &Master, contact: Option<&Contact>) -> Vec<Finding> {
    let finding =
        |code: Code, severity, text: String| Finding { code, severity, master: Some(master.name.clone()), text };
    match contact {
        None => vec![finding(Code::NotAsked, Severity::Warning, "was not asked".into())],
        Some(Contact::Silent(why)) => vec![finding(Code::Silent, Severity::Error, format!("does not answer: {why}"))],
        Some(Contact::Refused(why)) => vec![finding(Code::Refused, Severity::Error, why.clone())],
        Some(Contact::Answers(seen)) => {
            let mut all = Vec::new();
            process(seen, &mut |code, severity, text| all.push(finding(code, severity, text)));
            tools(seen, &mut |code, severity, text| all.push(finding(code, severity, text)));
            find_upcoming(seen, &mut |code, severity, text| all.push(finding(code, severity, text)));
            all
        }
    }
}

/// Takes a code, its severity and what was seen.
pub(super) type Find<'a> = dyn FnMut(Code, Severity, String) + 'a;

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

fn tools(seen: &Seen, find: &mut Find<'_>) {
    let Ok(tools) = &seen.tools else {
        if let Err(unclear) = &seen.tools {
            find(Code::Unclear, Severity::Error, format!("{unclear}; {}", unclear.next()));
        }
        return;
    };
    if !tools.missing.is_empty() {
        find(Code::ToolMissing, Severity::Error, format!("lacks {}", tools.missing.join(", ")));
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
