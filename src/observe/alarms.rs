//! What etcd's alarms mean for a cluster: which member each one is about, and which commands clear a NOSPACE alarm.
//! Pure.

use std::collections::BTreeSet;

use crate::model::{Cluster, MemberId};
use crate::observe::Code;

use super::members::peer_urls;
use super::{Finding, Observation, Seen};

/// Who is meant by the CORRUPT alarms that these report: the master where it is known, else the member.
pub fn corrupt_members<'a>(
    cluster: &Cluster,
    observation: &Observation,
    seen: impl IntoIterator<Item = &'a Seen>,
) -> Vec<String> {
    let errors = seen.into_iter().filter_map(|seen| seen.status.as_ref().ok()).flat_map(|status| &status.errors);
    let named: BTreeSet<String> =
        errors.filter(|error| error.contains("CORRUPT")).map(|error| who(cluster, observation, error)).collect();
    named.into_iter().collect()
}

/// `memberID:10501334649042878790 alarm:CORRUPT `, as etcd prints an alarm.
fn who(cluster: &Cluster, observation: &Observation, error: &str) -> String {
    let digits = error.split("memberID:").nth(1).and_then(|rest| rest.split_whitespace().next());
    let Some(id) = digits.and_then(|digits| digits.parse().ok()).map(MemberId) else {
        return "a member that it does not name".to_owned();
    };
    let own = observation
        .answering()
        .find(|(_, seen)| seen.status.as_ref().is_ok_and(|status| status.member == id))
        .map(|(name, _)| name);
    let lists = || observation.answering().filter_map(|(_, seen)| seen.members.as_ref().ok());
    let entry = lists().find_map(|members| members.list.iter().find(|entry| entry.id == id));
    let listed = entry.and_then(|entry| {
        let of = |master: &&crate::model::Master| {
            let urls = peer_urls(master, observation.seen(&master.name));
            entry.peer_urls.iter().any(|url| urls.contains(url))
        };
        cluster.masters().find(of).map(|master| &master.name)
    });
    own.or(listed).map_or_else(|| format!("member {id}"), |name| format!("{name} (member {id})"))
}

/// Says in each finding of a NOSPACE alarm what takes it back, in etcd's order (its maintenance guide, "Space quota"):
/// history goes first, then the free pages are given back on every member, then the alarm is taken back.
pub(super) fn tell_relief(observation: &Observation, findings: &mut [Finding]) {
    if !findings.iter().any(|finding| finding.code == Code::NoSpaceAlarm) {
        return;
    }
    let relief = relief(observation);
    for finding in findings.iter_mut().filter(|finding| finding.code == Code::NoSpaceAlarm) {
        finding.text = format!("{}: {relief}", finding.text);
    }
}

fn relief(observation: &Observation) -> String {
    let serving = observation.answering().find(|(_, seen)| seen.serves());
    let commands = serving.and_then(|(name, seen)| {
        let etcdctl = seen.tools.as_ref().ok()?.etcdctl.clone()?;
        let access = seen.settings.as_ref().ok()?.client_access()?;
        let tls = access
            .tls
            .map_or_else(String::new, |tls| format!(" --cacert={} --cert={} --key={}", tls.ca, tls.cert, tls.key));
        let revision = seen.status.as_ref().ok()?.revision;
        let mut urls: Vec<&String> =
            seen.members.as_ref().ok()?.list.iter().filter_map(|member| member.client_urls.first()).collect();
        urls.sort();
        let each = urls.iter().map(|url| url.as_str()).collect::<Vec<_>>().join(",");
        let ask = |endpoints: &str| format!("{etcdctl} --endpoints={endpoints}{tls}");
        Some(format!(
            "on {name}, as root, one after the other: `{} compact --physical {revision}`; `{} --command-timeout=60s \
             defrag`; `{} alarm disarm`. Where the data itself fills the quota the alarm comes back: raise \
             ETCD_QUOTA_BACKEND_BYTES on every member first",
            ask(&access.url),
            ask(&each),
            ask(&access.url)
        ))
    });
    commands.unwrap_or_else(|| {
        "compact, defragment every member, then disarm it; without a quorum none of them can be done, and initiate-dr \
         does them on the new cluster"
            .to_owned()
    })
}
