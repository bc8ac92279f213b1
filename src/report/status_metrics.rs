//! The state of a cluster as metrics, so that a monitor can act on it. Touches no file.

use jiff::Timestamp;

use crate::model::Cluster;
use crate::observe::assess::Assessment;
use crate::observe::members::{Vote, membership};
use crate::observe::status::ALARMS;
use crate::observe::{Observation, Seen, Verdict};
use crate::run::exit;

use super::metrics::Metric;

/// The metrics of one look, made at `now`.
#[must_use]
pub fn metrics(cluster: &Cluster, seen: &Observation, assessment: &Assessment, now: Timestamp) -> Vec<Metric> {
    let name = cluster.name.to_string();
    let mut all = vec![verdict(&name, assessment)];
    let code = f64::from(exit::of_verdict(assessment.verdict));
    all.push(
        Metric::gauge("requorum_status_exit_code", "The exit code of `requorum status`.")
            .with(&[("cluster", &name)], code),
    );
    all.extend(masters(cluster, seen, assessment));
    let mut findings = Metric::gauge("requorum_finding", "Something wrong, by code; docs/findings.md explains each.");
    for finding in &assessment.findings {
        let mut labels =
            vec![("cluster", name.as_str()), ("code", finding.code.name()), ("severity", finding.severity.word())];
        labels.extend(finding.master.as_ref().map(|master| ("master", master.as_str())));
        findings.add(&labels, 1.0);
    }
    all.push(findings);
    let made = Metric::gauge("requorum_status_timestamp_seconds", "When `requorum status` looked.");
    all.push(made.with(&[("cluster", &name)], seconds(now)));
    all
}

fn verdict(cluster: &str, assessment: &Assessment) -> Metric {
    let mut metric =
        Metric::gauge("requorum_status_verdict", "The state of the cluster: 1 for the verdict that holds.");
    for verdict in Verdict::ALL {
        metric.add(&[("cluster", cluster), ("verdict", verdict.code())], truth(verdict == assessment.verdict));
    }
    metric
}

/// What is asked of every master that answers: a metric's value, or none where it is not known.
type Value = fn(&Seen) -> Option<f64>;

const OF_MASTER: [(&str, &str, Value); 7] = [
    ("requorum_master_etcd_active", "Whether systemd calls the etcd unit active.", |seen| {
        seen.unit.as_ref().ok().map(|unit| truth(unit.active_state == "active"))
    }),
    ("requorum_member_leader", "Whether the member is the leader and has a quorum.", |seen| {
        seen.status.as_ref().ok().map(|status| truth(status.leader == Some(status.member) && seen.serves()))
    }),
    ("requorum_member_revision", "The last revision that the member applied.", |seen| {
        seen.status.as_ref().ok().map(|status| status.revision as f64)
    }),
    ("requorum_member_term", "The member's raft term.", |seen| {
        seen.status.as_ref().ok().map(|status| status.term as f64)
    }),
    ("requorum_member_db_bytes", "The size of the member's database.", |seen| {
        seen.db_bytes().map(|bytes| bytes as f64)
    }),
    ("requorum_member_quota_bytes", "The size at which etcd refuses writes.", |seen| {
        seen.settings.as_ref().ok()?.quota_bytes().map(|bytes| bytes as f64)
    }),
    ("requorum_fenced", "Whether a fence keeps etcd from starting.", |seen| {
        seen.traces.as_ref().ok().map(|traces| truth(traces.fenced))
    }),
];

fn masters(cluster: &Cluster, seen: &Observation, assessment: &Assessment) -> Vec<Metric> {
    let mut answers = Metric::gauge("requorum_master_answers", "Whether the master answers over SSH.");
    let mut voter = Metric::gauge("requorum_member_voter", "Whether the master has a vote in the cluster that serves.");
    let mut alarm = Metric::gauge("requorum_member_alarm", "Whether the member names this alarm as active.");
    let mut ends = Metric::gauge("requorum_certificate_end_timestamp_seconds", "When the certificate ends.");
    let mut others = OF_MASTER.map(|(name, help, _)| Metric::gauge(name, help));
    let name = cluster.name.to_string();
    // Two clusters that serve have no voters in common that one could speak of.
    let serving = assessment.serving.values().next().filter(|_| assessment.serving.len() == 1);
    let membership = serving.map(|serving| membership(cluster, seen, serving));
    for master in cluster.masters() {
        let of = [("cluster", name.as_str()), ("zone", master.zone.as_str()), ("master", master.name.as_str())];
        let said = seen.seen(&master.name);
        answers.add(&of, truth(said.is_some()));
        match membership.as_ref().map(|membership| membership.vote(&master.name)) {
            None | Some(Vote::Unknown) => {}
            Some(vote) => voter.add(&of, truth(vote == Vote::Votes)),
        }
        let Some(said) = said else { continue };
        for (metric, (_, _, value)) in others.iter_mut().zip(OF_MASTER) {
            if let Some(value) = value(said) {
                metric.add(&of, value);
            }
        }
        if let Ok(status) = &said.status {
            let active = status.alarms();
            for kind in ALARMS {
                alarm.add(&[&of[..], &[("alarm", kind)]].concat(), truth(active.contains(&kind)));
            }
        }
        for (file, end) in said.certificates.iter().flat_map(|certificates| &certificates.ends) {
            if let Some(end) = end {
                ends.add(&[&of[..], &[("certificate", file)]].concat(), seconds(*end));
            }
        }
    }
    [answers, voter].into_iter().chain(others).chain([alarm, ends]).collect()
}

fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

fn seconds(time: Timestamp) -> f64 {
    time.as_second() as f64
}
