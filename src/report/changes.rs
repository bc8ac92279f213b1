//! What has changed since the previous look, one line per change. Knows neither time nor terminal. Values that move by
//! themselves (revisions, sizes, days) do not count as changes.

use crate::model::{Cluster, Master};
use crate::observe::Code;
use crate::observe::assess::Assessment;
use crate::observe::{Contact, Finding, Observation, Seen};

use super::explain;
use super::status::finding_lines;
use super::table::{alarms, api_server, cluster_id, fence, role, unit};

/// A look and what it means.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What the masters said.
    pub seen: &'a Observation,
    /// What it means.
    pub assessment: &'a Assessment,
}

/// What changed between two looks; before the first one nothing was known.
#[must_use]
pub fn changes(cluster: &Cluster, before: Option<View<'_>>, after: View<'_>) -> Vec<String> {
    let nothing = Observation::default();
    let mut lines = of_masters(cluster, before.map_or(&nothing, |view| view.seen), after.seen);
    let old = before.map(|view| view.assessment.findings.as_slice()).unwrap_or_default();
    let new = &after.assessment.findings;
    let found = missing_in(old, new);
    let explained = explain::line(found.iter().map(|finding| finding.code.name()));
    lines.extend((finding_lines(&found) + &explained).lines().map(str::to_owned));
    lines.extend(finding_lines(&missing_in(new, old)).lines().map(|line| format!("gone: {line}")));
    let verdict = after.assessment.verdict.code();
    match before.map(|view| view.assessment.verdict.code()) {
        None => lines.push(format!("verdict: {verdict}")),
        Some(was) if was != verdict => lines.push(format!("verdict: {was} → {verdict}")),
        Some(_) => {}
    }
    lines.iter().map(|line| crate::model::command::harmless(line)).collect()
}

/// What changed of the masters alone. One that is missing is still being tried.
#[must_use]
pub fn of_masters(cluster: &Cluster, before: &Observation, after: &Observation) -> Vec<String> {
    let changed = |master: &Master| {
        let name = &master.name;
        of_master(before.masters.get(name), after.masters.get(name))
            .into_iter()
            .map(move |change| crate::model::command::harmless(&format!("{name}: {change}")))
            .collect::<Vec<_>>()
    };
    cluster.masters().flat_map(changed).collect()
}

fn of_master(before: Option<&Contact>, after: Option<&Contact>) -> Vec<String> {
    match (before, after) {
        (Some(Contact::Answers(was)), Some(Contact::Answers(is))) => facts(was)
            .into_iter()
            .zip(facts(is))
            .filter(|((_, was), (_, is))| was != is)
            .map(|((name, was), (_, is))| format!("{name} {was} → {is}"))
            .collect(),
        // The words in which a connection fails may differ from one to the next.
        (Some(Contact::Silent(_)), Some(Contact::Silent(_)))
        | (Some(Contact::Refused(_)), Some(Contact::Refused(_))) => vec![],
        (_, None) => vec![],
        (None, Some(is)) => vec![whole(is)],
        (Some(was), Some(is)) => vec![format!("{} → {}", reach(was), whole(is))],
    }
}

fn facts(seen: &Seen) -> [(&'static str, String); 6] {
    [
        ("etcd", unit(seen)),
        ("role", role(seen)),
        ("cluster", cluster_id(seen)),
        ("alarms", alarms(seen)),
        ("fence", fence(seen)),
        ("API server", api_server(seen)),
    ]
}

fn reach(contact: &Contact) -> &'static str {
    match contact {
        Contact::Answers(_) => "answered",
        Contact::Silent(_) => "silent",
        Contact::Refused(_) => "refused",
    }
}

fn whole(contact: &Contact) -> String {
    match contact {
        Contact::Silent(why) | Contact::Refused(why) => format!("{}: {why}", reach(contact)),
        Contact::Answers(seen) => {
            let said = facts(seen).into_iter().filter(|(_, value)| value != "-");
            said.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The findings of `these` that `others` lack. That a master is silent or refuses, its own line has just said.
fn missing_in(others: &[Finding], these: &[Finding]) -> Vec<Finding> {
    let same = |a: &Finding, b: &Finding| (&a.code, a.severity, &a.master) == (&b.code, b.severity, &b.master);
    these
        .iter()
        .filter(|finding| ![Code::Silent, Code::Refused].contains(&finding.code))
        .filter(|finding| !others.iter().any(|other| same(other, finding)))
        .cloned()
        .collect()
}
