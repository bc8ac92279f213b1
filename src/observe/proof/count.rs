//! Quorum lost by counting: the voters that are known to be down, or attested, leave too few for any majority. What remains
//! to be shown is that an attestation is not plainly false, and a short look at every survivor shows that. Reads no clock.
//!
//! A leader is heard by its own ID several times a second (etcd `raft.tickHeartbeat`), a candidate by its requests for
//! votes, and whoever acknowledges a write makes the survivors apply it. A follower that is alive and cut off from its
//! leader says nothing, and its ports answer. Without any of these signs the timed proof would wait for a majority that
//! cannot exist.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Cluster, Master, MasterName, MemberId, quorum};
use crate::observe::heard::{self, Heard};
use crate::observe::members::masters_of;
use crate::observe::{Answer, Contact, Members, Observation, Read, Seen, Settings, Status, client_urls};

use super::Outcome;

/// So many heartbeats of a leader would have come while the survivors are looked at.
const HEARTBEATS: u32 = 5;
/// And for so long they are looked at where heartbeats come faster.
const SHORTEST: Duration = Duration::from_secs(1);

/// The voters, those of them that cannot vote, and who is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// How many have a vote.
    pub voters: usize,
    /// The masters whose members cannot vote.
    pub absent: BTreeSet<MasterName>,
    /// Where their members would answer.
    pub urls: Vec<String>,
    /// The survivors, whose etcd runs, and which member each is.
    pub survivors: BTreeMap<MasterName, MemberId>,
    /// Whom survivors may hear: each other, and the link's own heartbeats, which have no sender. Nobody else: a leader is
    /// heard by its followers and hears them, so that whoever may be heard must itself be asked what it hears.
    pub may_be_heard: BTreeSet<MemberId>,
    /// Every member that a survivor lists, and the master that it is where that is known.
    pub listed: BTreeMap<MemberId, Option<MasterName>>,
    /// How long to look.
    pub window: Duration,
}

/// Counts.
///
/// # Errors
/// Why counting cannot tell: too many may vote, or it is not known who has a vote.
pub fn count(cluster: &Cluster, seen: &Observation, attested: &BTreeMap<String, String>) -> Result<Count, String> {
    let absent = |master: &&Master| is_down(seen, master) || is_attested(cluster, seen, master, attested);
    let absent: BTreeSet<MasterName> = cluster.masters().filter(absent).map(|master| master.name.clone()).collect();
    let survivors: Vec<(&MasterName, &Seen)> = seen
        .answering()
        .filter(|(name, seen)| !absent.contains(*name) && !seen.unit.as_ref().is_ok_and(crate::observe::Unit::ended))
        .collect();
    if survivors.is_empty() {
        return Err("no etcd runs that could tell what it hears".to_owned());
    }
    let mut count = Count {
        voters: 0,
        absent,
        urls: Vec::new(),
        survivors: BTreeMap::new(),
        may_be_heard: [heard::LINK].into(),
        listed: BTreeMap::new(),
        window: window(seen),
    };
    for (name, own) in survivors {
        let status = own.status.as_ref().map_err(|why| format!("{name} does not say how it stands ({why})"))?;
        let list = own.members.as_ref().map_err(|why| format!("{name} does not say who has a vote ({why})"))?;
        is_its_own(name, own, status, list)?;
        count.may_be_heard.insert(status.member);
        count.survivors.insert(name.clone(), status.member);
        let may_vote = count.take(cluster, seen, list);
        if quorum::is_quorum(may_vote, list.voters()) {
            return Err(format!("{may_vote} of {} voters may be up, as {name} lists them", list.voters()));
        }
    }
    count.urls.sort();
    count.urls.dedup();
    Ok(count)
}

/// Behind a load balancer, or at a wrong URL, another member answers: then it is that one's account, and its metrics.
fn is_its_own(name: &MasterName, own: &Seen, status: &Status, list: &Members) -> Result<(), String> {
    let urls = own.settings.as_ref().map(Settings::peer_urls).unwrap_or_default();
    match list.by_peer_url(&urls) {
        Some(listed) if listed.id != status.member => Err(format!(
            "{name} is member {} by its peer URL, and {} answers at its client port",
            listed.id, status.member
        )),
        // A file may name other peer URLs than those that the member was added with.
        Some(_) | None => Ok(()),
    }
}

/// How long to look: several heartbeats of the slowest leader among those that answer.
#[must_use]
pub fn window(seen: &Observation) -> Duration {
    let heartbeats =
        seen.answering().filter_map(|(_, seen)| Some(seen.settings.as_ref().ok()?.heartbeat() * HEARTBEATS));
    heartbeats.max().unwrap_or_default().max(SHORTEST)
}

impl Count {
    /// Takes one member list; gives how many of its voters may be up.
    fn take(&mut self, cluster: &Cluster, seen: &Observation, list: &Members) -> usize {
        let masters = masters_of(cluster, seen, list);
        self.listed.extend(list.list.iter().map(|member| (member.id, masters.get(&member.id).cloned())));
        let is_absent = |id| masters.get(id).is_some_and(|master| self.absent.contains(master));
        let (absent, present): (Vec<_>, Vec<_>) = list.list.iter().partition(|member| is_absent(&member.id));
        let shared: BTreeSet<&String> = present.iter().flat_map(|member| &member.client_urls).collect();
        // A client URL may be a load balancer's, or each node's own loopback: then it is nobody's.
        let clients = absent.iter().flat_map(|member| &member.client_urls);
        let clients = clients.filter(|url| !shared.contains(url) && !client_urls::is_loopback(url));
        let urls = absent.iter().flat_map(|member| &member.peer_urls).chain(clients);
        self.urls.extend(urls.cloned());
        self.voters = self.voters.max(list.voters());
        present.iter().filter(|member| member.votes()).count()
    }

    /// What the look shows.
    #[must_use]
    pub fn judge(&self, samples: &BTreeMap<MasterName, Sample>, took: Duration) -> Judged {
        let mut stands = BTreeMap::new();
        let mut moved = None;
        for name in self.survivors.keys() {
            let Some(sample) = samples.get(name) else { return Judged::Unclear(format!("{name} was not asked")) };
            match self.one(name, sample) {
                Ok(stand) => stands.insert(name.clone(), stand),
                Err(Judged::Moved(what)) => {
                    moved = Some(what);
                    continue;
                }
                Err(judged) => return judged,
            };
        }
        if let Some(what) = moved {
            return Judged::Moved(what);
        }
        let (voters, absent) = (self.voters, self.absent.clone());
        Judged::Over(Outcome::Counted { voters, absent, heard_nothing_for: self.window, took, stands })
    }

    /// Who is heard and may not be: one whose etcd had ended, and may have started since, is not one that should be down.
    fn sender(&self, id: MemberId) -> String {
        match self.listed.get(&id) {
            Some(Some(master)) if self.absent.contains(master) => format!("{master} ({id}), which should be down"),
            Some(Some(master)) => format!("{master} ({id}), which did not run or did not answer when it was asked"),
            Some(None) => format!("{id}, a member of which it is not known which master it is"),
            None => format!("{id}, which no survivor lists as a member"),
        }
    }

    fn one(&self, name: &MasterName, sample: &Sample) -> Result<Stand, Judged> {
        let unclear = |what: &dyn std::fmt::Display| Judged::Unclear(format!("{name}: {what}"));
        match &sample.read {
            Some(Read::Answered) => {
                let evidence = format!("a linearizable read through {name} succeeded");
                return Err(Judged::Over(Outcome::Alive { evidence }));
            }
            Some(Read::Failed(_)) => {}
            None => return Err(unclear(&"it could not be determined whether a linearizable read fails")),
        }
        let open = sample.open.as_ref().map_err(|why| unclear(why))?;
        if let Some(url) = open.first() {
            return Err(unclear(&format!("it reaches {url}, where nothing should answer")));
        }
        let (before, after) = (sample.before.as_ref(), sample.after.as_ref());
        let (before, after) = (before.map_err(|why| unclear(why))?, after.map_err(|why| unclear(why))?);
        if let Some((sender, bytes)) = heard::moved(&before.heard, &after.heard, &self.may_be_heard).first() {
            let sender = self.sender(*sender);
            return Err(Judged::Moved(format!("{name} has just heard {bytes} bytes from {sender}")));
        }
        if (before.term, before.applied) != (after.term, after.applied) {
            return Err(Judged::Moved(format!(
                "{name} went from term {}, entry {} to term {}, entry {}",
                before.term, before.applied, after.term, after.applied
            )));
        }
        Ok(after.clone())
    }
}

/// What one survivor was found to be before and after the window, and what it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub before: Answer<Stand>,
    pub after: Answer<Stand>,
    /// Which URLs of the absent take a connection from it.
    pub open: Answer<Vec<String>>,
    /// A linearizable read through it; none where it could not be tried.
    pub read: Option<Read>,
}

/// How a survivor stands: nothing of it may have changed when it is asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stand {
    /// Whom it names: up to four election timeouts after the loss that may be a leader that is gone.
    pub leader: Option<MemberId>,
    pub term: u64,
    /// The last entry that it has applied.
    pub applied: u64,
    /// What it has heard, and from whom.
    pub heard: Heard,
}

impl Stand {
    /// From what it says and what its metrics say.
    #[must_use]
    pub fn of(status: &Status, heard: Heard) -> Self {
        Self { leader: status.leader, term: status.term, applied: status.applied, heard }
    }
}

/// What a look shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    Over(Outcome),
    /// Something has moved, and what. Right after a loss that may be its last; where it does not end, counting cannot tell.
    Moved(String),
    /// Counting cannot tell, and why.
    Unclear(String),
}

/// Its unit has ended and cannot start again, as we saw ourselves.
fn is_down(seen: &Observation, master: &Master) -> bool {
    seen.seen(&master.name).is_some_and(|seen| {
        let fenced = seen.traces.as_ref().is_ok_and(|traces| traces.fenced && traces.drop_in);
        fenced && seen.unit.as_ref().is_ok_and(crate::observe::Unit::ended)
    })
}

/// It does not answer, and a person says that it is off. Where a login is refused, something answers.
fn is_attested(cluster: &Cluster, seen: &Observation, master: &Master, attested: &BTreeMap<String, String>) -> bool {
    let silent = matches!(seen.masters.get(&master.name), None | Some(Contact::Silent(_)));
    silent && is_said_off(cluster, seen, attested, master)
}

/// Whether a person says that a master is off, and nothing that was seen is against it: a zone is not off in which another
/// master answers, so that who says more must name the master.
#[must_use]
pub fn is_said_off(
    cluster: &Cluster,
    seen: &Observation,
    attested: &BTreeMap<String, String>,
    master: &Master,
) -> bool {
    let by_zone = attested.contains_key(master.zone.as_str()) && !seen.zone_answers(cluster, &master.zone);
    by_zone || attested.contains_key(master.name.as_str())
}

/// Whether a person says that a master is off, or its zone.
#[must_use]
pub fn says_off(attested: &BTreeMap<String, String>, master: &Master) -> bool {
    attested.contains_key(master.zone.as_str()) || attested.contains_key(master.name.as_str())
}

#[cfg(test)]
pub(crate) mod tests;
