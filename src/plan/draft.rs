//! A plan while it is made: which master has which role, what is known about each, and what the steps so far have made of
//! members and env files.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{AbsPath, ClusterId, Master, MasterName, MemberId, Token, WalDir};
use crate::observe::log::End;
use crate::observe::tools::{KEPT, RestoreTool, kept};
use crate::observe::{Access, ClusterRecord, Observation, Seen, Settings};
use crate::plan::Rule;
use crate::playbook::Role;
use crate::playbook::template::Peer;
use crate::step::snapshot::Source;
use crate::step::{Step, keep_tools};

use super::api_servers::ApiDraft;
use super::{Input, NoPlan, PlannedMember, Refusal};

/// A master that takes part, with what it said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Participant<'a> {
    pub(super) master: &'a Master,
    pub(super) seen: &'a Seen,
    /// The last entry that was committed when a survivor that led its term was cut off from the others.
    committed: Option<u64>,
}

impl<'a> Participant<'a> {
    /// The masters of these names that answered.
    pub(super) fn all<'b>(input: Input<'a>, names: impl IntoIterator<Item = &'b MasterName>) -> Vec<Self> {
        names.into_iter().filter_map(|name| Self::of(input.cluster.master(name)?, input.seen)).collect()
    }

    /// One master, where it answered.
    pub(super) fn of(master: &'a Master, all: &'a Observation) -> Option<Self> {
        let seen = all.seen(&master.name)?;
        Some(Self { master, seen, committed: committed(all, seen) })
    }

    /// One master by what it said alone.
    pub(super) const fn alone(master: &'a Master, seen: &'a Seen) -> Self {
        Self { master, seen, committed: None }
    }

    pub(super) fn name(&self) -> &'a MasterName {
        &self.master.name
    }

    /// The template that rewrites its settings.
    pub(super) fn template(&self) -> Result<&'a str, NoPlan> {
        Ok(self.settings()?.template_of(self.master))
    }

    pub(super) fn settings(&self) -> Result<&'a Settings, NoPlan> {
        self.seen.settings.as_ref().map_err(|why| self.unclear(&why.to_string()))
    }

    /// Where its settings are rewritten, and whose copy that is: a manifest where no kubelet runs what lies there, and a
    /// package's unit where no update replaces it.
    pub(super) fn written_at(&self) -> Option<(AbsPath, Option<AbsPath>)> {
        let file = &self.seen.settings.as_ref().ok()?.file;
        let path = AbsPath::new(file.path.clone()).ok();
        match self.master.etcd.supervisor().pod() {
            Some(pod) => Some((AbsPath::new(pod.held()).ok()?, None)),
            None => match file.form.beside_package(&file.path) {
                Some(own) => Some((AbsPath::new(own).ok()?, path)),
                None => Some((path?, None)),
            },
        }
    }

    pub(super) fn etcdctl(&self) -> Result<String, NoPlan> {
        let tools = self.seen.tools.as_ref().map_err(|why| self.unclear(&why.to_string()))?;
        let path = tools.etcdctl.as_deref().ok_or_else(|| self.unclear("no etcdctl"))?;
        Ok(kept(path))
    }

    pub(super) fn restore_tool(&self) -> Result<RestoreTool, NoPlan> {
        let tools = self.seen.tools.as_ref().map_err(|why| self.unclear(&why.to_string()))?;
        let tool = tools.restore.clone().ok_or_else(|| self.unclear("no tool to restore with"))?;
        Ok(RestoreTool { path: kept(&tool.path), ..tool })
    }

    /// The etcd that is started there.
    pub(super) fn etcd(&self) -> Option<String> {
        let is_etcd = |path: &&str| path.starts_with('/') && path.ends_with("/etcd");
        // Where a shell starts it, it is what runs there.
        let runs = || Some(self.seen.process.as_ref().ok()?.as_ref()?.program.as_str());
        let started = self.seen.unit.as_ref().ok()?.program().filter(is_etcd).or_else(|| runs().filter(is_etcd));
        started.map(kept).or_else(|| self.of_image().then(|| format!("{KEPT}/etcd")))
    }

    /// The step that keeps the programs of its image, where they are taken from there.
    pub(super) fn keep_tools(&self) -> Option<Step> {
        let supervisor = self.master.etcd.supervisor();
        self.of_image().then(|| keep_tools::KeepTools { supervisor }.into())
    }

    /// Whether its programs are in an image, from which a run keeps them.
    fn of_image(&self) -> bool {
        let etcdctl = self.seen.tools.as_ref().ok().and_then(|tools| tools.etcdctl.as_deref());
        self.master.etcd.supervisor().has_image() && etcdctl.is_some_and(|path| kept(path).starts_with(KEPT))
    }

    pub(super) fn client(&self) -> Result<Access, NoPlan> {
        self.settings()?.client_access().ok_or_else(|| self.unclear("no client port in its settings"))
    }

    pub(super) fn peer(&self) -> Result<Access, NoPlan> {
        self.settings()?.peer_access().ok_or_else(|| self.unclear("no peer port in its settings"))
    }

    /// The cluster whose data it holds: its etcd says so, and where that is down its log does.
    pub(super) fn holds_data_of(&self) -> Option<ClusterId> {
        self.seen.cluster().or_else(|| Some(self.seen.log.as_ref().ok()?.cluster))
    }

    /// Its data directory: what the inventory's is a link to, where it is one.
    pub(super) fn data_dir(&self) -> &'a AbsPath {
        let real = self.seen.disk.as_ref().ok().and_then(|disk| disk.real.as_ref());
        real.unwrap_or(&self.master.etcd.data_dir)
    }

    /// Data directory and log.
    pub(super) fn places(&self) -> Result<(AbsPath, Option<WalDir>), NoPlan> {
        Ok((self.data_dir().clone(), self.wal_dir()?))
    }

    /// Where its write-ahead log lies, where that is elsewhere.
    pub(super) fn wal_dir(&self) -> Result<Option<WalDir>, NoPlan> {
        let place = self.seen.wal_place.as_ref().map_err(|why| self.unclear(&why.to_string()))?;
        Ok(place.as_ref().and_then(|place| place.own(self.data_dir(), self.mount_point())))
    }

    pub(super) fn mount_point(&self) -> bool {
        self.seen.disk.as_ref().is_ok_and(|disk| disk.mount_point)
    }

    /// Its member's ID, from its client port or its peer port.
    pub(super) fn member_id(&self) -> Option<MemberId> {
        let by_status = self.seen.status.as_ref().ok().map(|status| status.member);
        let urls = self.settings().ok()?.peer_urls();
        by_status.or_else(|| Some(self.seen.members.as_ref().ok()?.by_peer_url(&urls)?.id))
    }

    /// Whether its etcd says how far it is.
    pub(super) fn answers(&self) -> bool {
        self.seen.status.is_ok()
    }

    /// Where its log ends. One that was read before its last entries came says nothing. What a leader that has lost its
    /// followers goes on writing was acknowledged to nobody: it alone commits (raft, section 5.3).
    pub(super) fn log_end(&self) -> Option<End> {
        let end = self.seen.log.as_ref().ok()?.end;
        let applied = self.seen.status.as_ref().map_or(0, |status| status.applied);
        let last = self.committed.map_or(end.index, |committed| end.index.min(committed.max(applied)));
        (applied <= end.index).then_some(End { index: last, ..end })
    }

    /// Why nobody knows how far it is, where that is so.
    pub(super) fn unmeasured(&self) -> Option<String> {
        match (&self.seen.log, &self.seen.status) {
            (Err(why), Err(_)) => Some(why.to_string()),
            _ => None,
        }
    }

    /// Whether it has data, as far as anybody knows.
    pub(super) fn may_hold_data(&self) -> bool {
        self.seen.disk.as_ref().map_or(true, |disk| disk.has_member)
    }

    pub(super) fn db_bytes(&self) -> u64 {
        self.seen.disk.as_ref().map_or(0, |disk| disk.db_bytes)
    }

    pub(super) fn member(&self) -> Result<PlannedMember, NoPlan> {
        let settings = self.settings()?;
        Ok(PlannedMember { master: self.name().clone(), name: settings.member_name(), peer_urls: settings.peer_urls() })
    }

    fn unclear(&self, why: &str) -> NoPlan {
        NoPlan::Refused(vec![Refusal::new(
            Rule::Unclear,
            format!("{}: {why}", self.name()),
            format!("fix what the text names on {}, then give the same command again", self.name()),
        )])
    }
}

/// The roles, resolved, and what changes as the lines of a playbook are unrolled.
pub(super) struct PlanDraft<'a> {
    pub(super) input: Input<'a>,
    pub(super) failed: Vec<Participant<'a>>,
    pub(super) survivors: Vec<Participant<'a>>,
    pub(super) seed: Participant<'a>,
    pub(super) returned: Vec<Participant<'a>>,
    /// The cluster that will serve.
    pub(super) cluster: ClusterId,
    pub(super) token: Token,
    /// Where the snapshot comes from, for `initiate_dr`.
    pub(super) source: Option<Source>,
    /// The record of the cluster that will serve.
    pub(super) record: ClusterRecord,
    /// The members so far; grows as masters join.
    pub(super) members: Vec<PlannedMember>,
    /// The text of each env file as written so far.
    pub(super) texts: BTreeMap<MasterName, String>,
    pub(super) api: ApiDraft,
}

impl<'a> PlanDraft<'a> {
    /// Whether the cluster that will serve is made by this run.
    pub(super) fn is_new(&self) -> bool {
        self.source.is_some()
    }

    /// Whether a survivor's etcd can still be asked once the snapshot is taken: the seed's was stopped for a replay.
    pub(super) fn still_answers(&self, participant: Participant<'_>) -> bool {
        let stopped = matches!(self.source, Some(Source::Replay { .. })) && participant.name() == self.seed.name();
        participant.answers() && !stopped
    }

    /// Of several survivors the seed starts first: its peer port is what the others wait for.
    pub(super) fn starts_after(&self, participant: Participant<'_>) -> Result<Option<Access>, NoPlan> {
        if self.source.is_none() || participant.name() == self.seed.name() {
            return Ok(None);
        }
        let url = self.seed.settings()?.peer_urls().into_iter().next();
        let settings = participant.settings()?;
        Ok(url.and_then(|url| settings.peer_access_to(&url)))
    }

    /// Who a role stands for.
    pub(super) fn masters_of(&self, role: Role, joiner: Option<Participant<'a>>) -> Vec<Participant<'a>> {
        match role {
            Role::Failed => self.failed.clone(),
            Role::Survivors => self.survivors.clone(),
            Role::Seed => vec![self.seed],
            Role::Returned => self.returned.clone(),
            Role::Joiner => joiner.into_iter().collect(),
            Role::Everyone => self.survivors.iter().chain(&self.returned).copied().collect(),
        }
    }

    /// The largest database of anyone, in bytes.
    pub(super) fn db_bytes(&self) -> u64 {
        let file = self.input.request.snapshot.as_ref().map(|file| file.bytes);
        self.survivors.iter().map(Participant::db_bytes).chain(file).max().unwrap_or(0)
    }

    /// A limit that grows with the database: restoring took 3.7–5.1 s/GB, saving up to 11.6 s/GB on two cores;
    /// three times that.
    pub(super) fn limit(&self, base: Duration) -> Duration {
        base + Duration::from_millis(self.db_bytes() / 1_000_000 * 35)
    }

    /// How long a start may take until writes are taken: twice what etcd lets a request take, and the database.
    pub(super) fn serve_limit(&self) -> Duration {
        let request = self.survivors.iter().filter_map(|participant| participant.seen.settings.as_ref().ok());
        let longest = request.map(Settings::request_timeout).max().unwrap_or(Duration::from_secs(7));
        self.limit(longest * 2 + Duration::from_secs(30))
    }

    /// The members so far, as the env file lists them: in the inventory's order, so that the same members give the
    /// same line whoever came last.
    pub(super) fn peers(&self, and: Option<&PlannedMember>) -> Vec<Peer> {
        let order =
            |member: &&PlannedMember| self.input.cluster.masters().position(|master| master.name == member.master);
        let mut members: Vec<&PlannedMember> = self.members.iter().chain(and).collect();
        members.sort_by_key(order);
        members
            .into_iter()
            .flat_map(|member| {
                member.peer_urls.iter().map(|url| Peer { name: member.name.clone(), peer_url: url.clone() })
            })
            .collect()
    }
}

/// `name=url,…` as etcd's flags take it.
pub(super) fn initial_cluster(peers: &[Peer]) -> String {
    peers.iter().map(|peer| format!("{}={}", peer.name, peer.peer_url)).collect::<Vec<_>>().join(",")
}

/// What the leader that this member last heard had committed, where it is one of the survivors: as it says itself, or said
/// when quorum was counted lost. Only one that has applied an entry of its own term knows all that was acknowledged before
/// it (raft, section 5.4.2), and it says nothing of a log that has entries of another term. `Status::term` is that of the
/// last applied entry (etcd `server.go`, `setTerm` in `apply`).
fn committed(all: &Observation, seen: &Seen) -> Option<u64> {
    let own = seen.log.as_ref().ok()?.end.term;
    let cluster = seen.status.as_ref().ok()?.cluster;
    all.answering().find_map(|(name, other)| {
        let status = other.status.as_ref().ok().filter(|status| status.cluster == cluster && !status.learner)?;
        let in_its_own_term = other.log.as_ref().ok()?.end.term == status.term && status.term == own;
        let led = all.stand(name).filter(|stand| stand.term == status.term).and_then(|stand| stand.leader);
        let leads = status.leader == Some(status.member) || led == Some(status.member);
        (leads && in_its_own_term).then_some(status.index.max(status.applied))
    })
}

#[cfg(test)]
mod tests;
