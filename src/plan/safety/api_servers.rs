//! Rules for API servers in a finished plan. Shares no code with the planner.

use std::collections::BTreeSet;

use crate::model::{MasterName, Url};
use crate::plan::{Plan, Refusal, Rule};
use crate::step::Effect;

use super::{effects, say};

/// An API server is parked before its etcd is stopped, and its list is written while it is.
pub(super) fn are_parked_first(plan: &Plan, broken: &mut Vec<Refusal>) {
    let has_one: BTreeSet<&MasterName> = effects(plan)
        .filter(|(_, effect)| matches!(effect, Effect::ParksApiServer(_) | Effect::ServesApi(_)))
        .map(|(planned, _)| &planned.host)
        .collect();
    let mut parked: BTreeSet<&MasterName> = BTreeSet::new();
    // One that an earlier run parked is not parked again.
    let mut runs: BTreeSet<&MasterName> = effects(plan)
        .filter(|(_, effect)| matches!(effect, Effect::ParksApiServer(_)))
        .map(|(planned, _)| &planned.host)
        .collect();
    for (planned, effect) in effects(plan) {
        let (host, number) = (&planned.host, plan.number_of(planned.id));
        match effect {
            Effect::ParksApiServer(_) => {
                parked.insert(host);
                runs.remove(host);
            }
            Effect::ServesApi(_) => {
                parked.remove(host);
                runs.insert(host);
            }
            Effect::StopsEtcd { .. } if has_one.contains(host) && !parked.contains(host) => {
                let why = format!("step {number} stops etcd on {host} before its API server is parked");
                say(broken, Rule::ParkedFirst, why);
            }
            Effect::WritesList(_) if runs.contains(host) => {
                let why = format!("step {number} writes the list of an API server on {host} that runs");
                say(broken, Rule::ParkedFirst, why);
            }
            _ => {}
        }
    }
}

/// Whoever was parked is put back before the run ends, after the write that proves its etcd.
pub(super) fn are_served_again(plan: &Plan, broken: &mut Vec<Refusal>) {
    let mut down: BTreeSet<&MasterName> = BTreeSet::new();
    let mut parked: BTreeSet<&MasterName> = BTreeSet::new();
    for (planned, effect) in effects(plan) {
        let host = &planned.host;
        match effect {
            Effect::StopsEtcd { .. } => {
                down.insert(host);
            }
            Effect::ChecksWrite { new: true } => {
                down.remove(host);
            }
            Effect::ParksApiServer(_) => {
                parked.insert(host);
            }
            Effect::ServesApi(_) => {
                parked.remove(host);
                if down.contains(host) {
                    let number = plan.number_of(planned.id);
                    let why = format!("step {number} puts the API server of {host} back before its etcd took a write");
                    say(broken, Rule::ServedAgain, why);
                }
            }
            _ => {}
        }
    }
    for host in parked {
        say(broken, Rule::ServedAgain, format!("the API server of {host} would stay parked"));
    }
}

/// No member is narrowed away, and no list is left empty.
pub(super) fn know_the_members(plan: &Plan, broken: &mut Vec<Refusal>) {
    let host = |url: &String| Url::parse(url).map(|url| url.host().to_owned());
    let members = plan.after.iter().flat_map(|after| &after.members).flat_map(|member| &member.peer_urls);
    let members: BTreeSet<String> = members.filter_map(host).collect();
    for (planned, effect) in effects(plan) {
        let Effect::WritesList(write) = effect else { continue };
        let number = plan.number_of(planned.id);
        let empty = write.etcd.servers.is_empty() || write.etcd.overrides.iter().any(|(_, servers)| servers.is_empty());
        let gone = write.removed.iter().find(|server| host(server).is_some_and(|host| members.contains(&host)));
        if let Some(server) = gone {
            let why = format!("step {number} takes {server}, a member, out of the list of {}", planned.host);
            say(broken, Rule::SurvivorsListed, why);
        }
        if empty {
            let why = format!("step {number} leaves the API server of {} no etcd", planned.host);
            say(broken, Rule::SurvivorsListed, why);
        }
    }
}
