//! What the state of a cluster means, in words: findings, verdict and the next command; and the whole of it as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::model::Cluster;
use crate::observe::assess::{Assessment, Finding, Verdict, newest_record, voters};
use crate::observe::marks::Replaced;
use crate::observe::{Observation, Seen, Settings, Sight, Status};
use crate::run::hold;

/// Findings, verdict, next command. `again` is the command line's beginning, `way_on` the command that goes on with a run
/// that stopped midway.
#[must_use]
pub fn verdict(
    cluster: &Cluster,
    seen: &Observation,
    assessment: &Assessment,
    again: &str,
    way_on: Option<&str>,
) -> String {
    let mut out = String::new();
    out.push_str(&finding_lines(&assessment.findings));
    if let Some(proof) = &seen.proof {
        let _ = writeln!(out, "{}", proof.words());
    }
    let _ = writeln!(out, "verdict: {}", assessment.verdict.words());
    if let Some(next) = next(cluster, seen, assessment, again, way_on) {
        let _ = writeln!(out, "next: {next}");
    }
    super::harmless(&out)
}

/// One line a finding; what several masters share stands once, with all their names.
#[must_use]
pub fn finding_lines(findings: &[Finding]) -> String {
    let mut out = String::new();
    let same = |a: &Finding, b: &Finding| a.code == b.code && a.text == b.text;
    for (place, finding) in findings.iter().enumerate() {
        if findings[..place].iter().any(|before| same(before, finding)) {
            continue;
        }
        let severity = finding.severity.word();
        let masters: Vec<_> =
            findings.iter().filter(|other| same(finding, other)).filter_map(|f| f.master.as_ref()).collect();
        let who = if masters.is_empty() { String::new() } else { format!("{}: ", super::names(masters)) };
        let _ = writeln!(out, "{severity} [{}] {who}{}", finding.code, finding.text);
    }
    out
}

/// The command that comes next.
fn next(
    cluster: &Cluster,
    seen: &Observation,
    assessment: &Assessment,
    again: &str,
    way_on: Option<&str>,
) -> Option<String> {
    let marks = seen.answering().filter_map(|(_, seen)| seen.marks.as_ref().ok());
    // The last renewal anywhere counts: a living run may have lost one master.
    let locked = marks.filter_map(|marks| Some((marks.lock.as_ref()?, marks.unrenewed_s)));
    if let Some((lock, unrenewed_s)) = locked.min_by_key(|(_, unrenewed_s)| unrenewed_s.unwrap_or(0)) {
        return Some(match unrenewed_s {
            Some(age) if age >= hold::LIVES.as_secs() => format!(
                "{again} unlock {0}      # that run ended without letting go: it last renewed its lock {age} s ago; on {1}, \
                 `{again} runs show {0}` says how far it came",
                lock.run, lock.host
            ),
            _ => format!(
                "wait for run {0} on {1}; where it was killed: {again} unlock {0}      # which refuses while that run lives",
                lock.run, lock.host
            ),
        });
    }
    if let Some(undo) = undo(seen, assessment, again) {
        return Some(undo);
    }
    match assessment.verdict {
        Verdict::Healthy => None,
        Verdict::QuorumLost => Some(match way_on {
            Some(command) => format!("{command}      # goes on with the run that stopped midway"),
            None if seen.answering().all(|(_, seen)| seen.etcd_runs() == Some(false)) => format!(
                "{again} initiate-dr --failed-zone ZONE      # a run that stopped midway tells its own way: runs show last; where no \
                 zone is lost, start etcd"
            ),
            None => format!("{again} initiate-dr      # and do not restart etcd on a survivor before it"),
        }),
        Verdict::OneZone => Some(format!("{again} recover      # once the failed zone's masters answer")),
        Verdict::SplitBrain => {
            let stale = stale_zone(cluster, seen, assessment);
            let zone = stale.unwrap_or_else(|| "ZONE".to_owned());
            Some(format!("{again} fence {zone}      # then: {again} recover"))
        }
        Verdict::Degraded if missing_a_voter(cluster, seen, assessment) => {
            Some(format!("{again} recover      # masters that do not vote yet"))
        }
        Verdict::Degraded => Some("mend what the findings name".to_owned()),
        Verdict::Unknown if seen.proof.is_none() && seen.answering().next().is_some() => {
            Some(format!("{again} status      # takes the time to prove whether quorum is lost"))
        }
        Verdict::Unknown => Some("make at least one master answer, then ask again".to_owned()),
    }
}

/// Where a cluster serves that a half-made one would stand beside, the masters that were to make it take their own data again.
fn undo(seen: &Observation, assessment: &Assessment, again: &str) -> Option<String> {
    let half_made = seen.answering().find_map(|(_, seen)| match seen.marks.as_ref().ok()?.half_made()? {
        Replaced::Restored(run) => Some((run, seen.cluster())),
        Replaced::Emptied(_) => None,
    });
    let (run, own) = half_made?;
    let another = assessment.serving.keys().any(|cluster| Some(*cluster) != own);
    another.then(|| {
        format!("{again} undo {run}      # that run did not finish, and the cluster that it left serves again")
    })
}

fn missing_a_voter(cluster: &Cluster, seen: &Observation, assessment: &Assessment) -> bool {
    let serving = assessment.serving.values().next();
    serving.is_some_and(|serving| voters(cluster, seen, serving).len() < cluster.masters().count())
}

/// The zone that serves another cluster than the newest run made. Without a record nobody can tell.
fn stale_zone(cluster: &Cluster, seen: &Observation, assessment: &Assessment) -> Option<String> {
    let newest = newest_record(seen, &assessment.serving)?;
    if !assessment.serving.contains_key(&newest.cluster) {
        return None;
    }
    let (_, masters) = assessment.serving.iter().find(|(id, _)| **id != newest.cluster)?;
    cluster.master(masters.first()?).map(|master| master.zone.to_string())
}

/// Everything for machines. Versioned; fields are only added.
#[must_use]
pub fn json(cluster: &Cluster, seen: &Observation, assessment: &Assessment) -> Value {
    let masters: Vec<Value> = cluster
        .masters()
        .map(|master| {
            let sight = seen.masters.get(&master.name);
            let said = sight.and_then(Sight::seen);
            json!({
                "zone": master.zone,
                "master": master.name,
                "answers": said.is_some(),
                "etcd": said.and_then(|seen| seen.unit.as_ref().ok()).map(|unit| &unit.active_state),
                "status": said.and_then(|seen| seen.status.as_ref().ok()),
                "serves": said.map(Seen::serves),
                "alarms": said.and_then(|seen| seen.status.as_ref().ok()).map(Status::alarms),
                "quota_bytes": said.and_then(|seen| seen.settings.as_ref().ok()).and_then(Settings::quota_bytes),
                "certificates": said.and_then(|seen| seen.certificates.as_ref().ok()),
                "fenced": said.and_then(|seen| seen.marks.as_ref().ok()).map(|marks| marks.fenced),
            })
        })
        .collect();
    json!({
        "version": 1,
        "cluster": cluster.name,
        "verdict": assessment.verdict,
        "serving": assessment.serving,
        "proof": seen.proof,
        "findings": assessment.findings,
        "masters": masters,
    })
}
