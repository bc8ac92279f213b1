//! The looks that the planner adds before acts by itself, whatever the playbook says: who votes, who is silent.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::{Command, MasterName, Url};
use crate::observe::members::known_urls;
use crate::observe::proof::count::Stand;
use crate::observe::{heard, status, unit};
use crate::step::{Step, expect, silent, vote};

use super::NoPlan;
use super::draft::{Participant, PlanDraft};

/// How long a serving member may take to say who votes: it answers in milliseconds where it lives.
const ANSWER: Duration = Duration::from_secs(5);

/// Before masters that come back are stopped, and before their data is moved: none of them votes in the cluster that serves.
pub(super) fn no_vote(
    draft: &PlanDraft<'_>,
    participants: &[Participant<'_>],
) -> Result<Vec<(MasterName, Step)>, NoPlan> {
    let returned =
        |participant: &&Participant<'_>| draft.returned.iter().any(|returned| returned.name() == participant.name());
    let urls = |participant: &Participant<'_>| Ok((participant.name().clone(), participant.settings()?.peer_urls()));
    let joiners = participants.iter().filter(returned).map(urls).collect::<Result<_, NoPlan>>()?;
    let step = vote::NoVote { joiners, cluster: draft.cluster, peer: draft.seed.peer()?, limit: ANSWER };
    let nobody = step.joiners.is_empty();
    Ok(if nobody { Vec::new() } else { vec![(draft.seed.name().clone(), step.into())] })
}

/// Before a new cluster's etcd starts, and before its first write: no member that it leaves out answers a survivor.
pub(super) fn silent(draft: &PlanDraft<'_>, started: bool) -> Vec<(MasterName, Step)> {
    let own: Vec<String> = draft.members.iter().flat_map(|member| member.peer_urls.clone()).collect();
    let input = draft.input;
    let urls_of = |master| known_urls(master, input.cluster, input.seen);
    let known = input.cluster.masters().flat_map(urls_of);
    let listed = draft.survivors.iter().filter_map(|participant| participant.seen.members.as_ref().ok());
    let listed = listed.flat_map(|members| members.list.iter().flat_map(|member| member.peer_urls.clone()));
    let survivors: Vec<String> =
        draft.survivors.iter().flat_map(|participant| urls_of(participant.master)).chain(own).collect();
    let mut urls: Vec<String> = known.chain(listed).filter(|url| !survivors.contains(url)).collect();
    urls.sort();
    urls.dedup();
    if urls.is_empty() {
        return Vec::new();
    }
    // What could not be tried when the plan was made says nothing then either: it was nobody's, or the rule is overridden.
    let host = |url: &String| Url::parse(url).map(|url| url.host().to_owned());
    let untried = |participant: &Participant<'_>| -> BTreeSet<Option<String>> {
        participant.seen.peer_ports.iter().flat_map(|ports| ports.unknown.keys()).map(host).collect()
    };
    let step = |participant: &Participant<'_>| {
        let untried = untried(participant);
        let urls = urls.iter().filter(|url| !untried.contains(&host(url))).cloned().collect();
        (participant.name().clone(), silent::Silent { urls, started }.into())
    };
    draft.survivors.iter().map(step).collect()
}

/// Nothing was heard on this survivor since quorum was counted lost.
fn silence_since(draft: &PlanDraft<'_>, participant: Participant<'_>, stand: &Stand) -> Option<expect::Silence> {
    let metrics = participant.settings().ok()?.metrics_access()?;
    let member = participant.member_id()?;
    let may_be_heard = draft.survivors.iter().filter_map(Participant::member_id).chain([heard::LINK]).collect();
    let stale = stand.leader.map(|leader| (leader, stand.term));
    let mut since = stand.heard.clone();
    since.retain(|sender, _| !BTreeSet::contains(&may_be_heard, sender));
    Some(expect::Silence { ask: heard::command(&metrics), member, since, may_be_heard, stale })
}

/// No leader is seen on this survivor; `unmoved`: nor was anything applied since the plan was made.
pub(super) fn leaderless(
    draft: &PlanDraft<'_>,
    participant: Participant<'_>,
    by_status: bool,
    unmoved: bool,
) -> Result<expect::Leaderless, NoPlan> {
    let ask: Command = if by_status {
        status::command(&participant.etcdctl()?, &participant.client()?)
    } else {
        unit::command(&participant.master.etcd.supervisor())
    };
    let silence = draft.input.seen.stand(participant.name()).filter(|_| by_status);
    let silence = silence.and_then(|stand| silence_since(draft, participant, stand));
    let applied = participant.seen.status.as_ref().ok().map(|status| status.applied).filter(|_| by_status);
    let end = participant.seen.log.as_ref().ok().map(|log| log.end).filter(|_| !by_status);
    let log = end.map(|end| (participant.data_dir().clone(), end));
    let wal_dir = if log.is_some() { participant.wal_dir()? } else { None };
    Ok(expect::Leaderless { ask, by_status, applied, log, wal_dir, silence, unmoved })
}
