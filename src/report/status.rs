//! What the state of a cluster means, in words: findings, verdict and the next command; and the whole of it as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::model::quorum::Tally;
use crate::model::{Cluster, MasterName};
use crate::observe::api_server_list::Hosts;
use crate::observe::assess::Assessment;
use crate::observe::listed_servers;
use crate::observe::members::membership;
use crate::observe::{Code, Contact, Finding, Observation, Seen, Settings, Status};

use super::explain;
use super::status_next::{Situation, next};

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
    for line in listed_servers::lines(&listed_servers::of_all(cluster, seen, &assessment.serving)) {
        let _ = writeln!(out, "{line}");
    }
    out.push_str(&finding_lines(&assessment.findings));
    out.push_str(&explain::line(assessment.findings.iter().map(|finding| finding.code.name())));
    if let Some(proof) = &seen.proof {
        let _ = writeln!(out, "{}", proof.words());
    }
    let _ = writeln!(out, "verdict: {}", assessment.verdict.words());
    if let Some(next) = next(Situation { cluster, seen, assessment, again }, way_on) {
        let _ = writeln!(out, "next: {}", next.replace('\n', "\n  "));
    }
    super::harmless(&out)
}

/// One line a finding; what several masters share stands once, with all their names.
#[must_use]
pub fn finding_lines(findings: &[Finding]) -> String {
    let mut out = String::new();
    let mut whose: BTreeMap<(Code, &str), Vec<&MasterName>> = BTreeMap::new();
    for finding in findings {
        whose.entry((finding.code, &finding.text)).or_default().extend(&finding.master);
    }
    let distinct = whose.len();
    let first = findings.iter().filter_map(|f| Some((f, whose.remove(&(f.code, f.text.as_str()))?)));
    for (finding, masters) in first.take(MOST_FINDINGS) {
        let severity = finding.severity.word();
        let who = if masters.is_empty() { String::new() } else { format!("{}: ", super::names(masters)) };
        let _ = writeln!(out, "{severity} [{}] {who}{}", finding.code, finding.text);
    }
    if distinct > MOST_FINDINGS {
        let _ = writeln!(out, "… and {} more findings", distinct - MOST_FINDINGS);
    }
    out
}

/// The most findings told as lines: whoever has more reads the first ones.
const MOST_FINDINGS: usize = 500;

/// How many voters the cluster that serves has, and how many of those that vote now may be lost; nothing where none or
/// two serve.
#[must_use]
pub fn voters(cluster: &Cluster, seen: &Observation, assessment: &Assessment) -> Option<String> {
    let tally = tally(cluster, seen, assessment)?;
    Some(tally.map_or_else(|| "voters: not known, because the member list could not be read".to_owned(), Tally::words))
}

fn tally(cluster: &Cluster, seen: &Observation, assessment: &Assessment) -> Option<Option<Tally>> {
    let serving = assessment.serving.values().next().filter(|_| assessment.serving.len() == 1)?;
    Some(membership(cluster, seen, serving).tally())
}

/// Everything for machines. Versioned; fields are only added.
#[must_use]
pub fn json(cluster: &Cluster, seen: &Observation, assessment: &Assessment) -> Value {
    let hosts = Hosts::of(cluster, seen);
    let listed = listed_servers::of_all(cluster, seen, &assessment.serving);
    let masters: Vec<Value> = cluster
        .masters()
        .map(|master| {
            let contact = seen.masters.get(&master.name);
            let said = contact.and_then(Contact::seen);
            json!({
                "zone": master.zone,
                "master": master.name,
                "answers": said.is_some(),
                "etcd": said.and_then(|seen| seen.unit.as_ref().ok()).map(|unit| &unit.active_state),
                "status": said.and_then(|seen| seen.status.as_ref().ok()),
                "serves": said.map(Seen::serves),
                "alarms": said.and_then(|seen| seen.status.as_ref().ok()).map(Status::alarms),
                "quota_bytes": said.and_then(|seen| seen.settings.as_ref().ok()).and_then(Settings::quota_bytes),
                "client_url": said.and_then(|seen| Some(seen.settings.as_ref().ok()?.client_access()?.url)),
                "certificates": said.and_then(|seen| seen.certificates.as_ref().ok()),
                "fenced": said.and_then(|seen| seen.traces.as_ref().ok()).map(|traces| traces.fenced),
                "api_server": said.and_then(|seen| seen.api_server.as_ref().ok()?.as_ref()).map(|api| json!({
                    "started_by": api.component.by,
                    "parked": api.parked,
                    "health": api.health,
                    "etcd": api.flags.as_ref().ok().map(|flags| &flags.etcd),
                    "reads": hosts.of_list(&master.name, api),
                    "etcd_servers": listed.get(&master.name),
                })),
            })
        })
        .collect();
    let voters = tally(cluster, seen, assessment).flatten().map(|tally| {
        let (at_least, at_most) = tally.may_be_lost();
        json!({
            "voters": tally.voters,
            "vote_now": tally.present,
            "not_asked": tally.unseen,
            "may_be_lost_at_least": at_least,
            "may_be_lost_at_most": at_most,
        })
    });
    json!({
        "version": 1,
        "cluster": cluster.name,
        "voters": voters,
        "verdict": assessment.verdict,
        "serving": assessment.serving,
        "proof": seen.proof,
        "findings": assessment.findings,
        "masters": masters,
    })
}
