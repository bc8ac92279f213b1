//! What a step does to its master or to the cluster, as values. Safety rules, the plan's summary, reports and undo read
//! these values; none of them knows the kinds of steps. Knows nothing about their order.

use std::collections::BTreeMap;

use crate::model::{AbsPath, Component, MasterName, RunId, Supervisor};
use crate::observe::ClusterRecord;

use super::{
    expect::Leaderless, last_revision::AskRevision, restore::Restore, retire::Retire, snapshot::Source, start::Onto,
    write::Write, write_list::WriteList,
};

/// One of the things that a step does. What a command may do to a master is named in `plan/allowed.rs`; all else is denied,
/// so a new effect comes into no plan before somebody has thought about it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect<'a> {
    /// Ends the run where a member has a leader, or has applied more than the plan knows.
    ChecksNoLeader(&'a Leaderless),
    /// Ends the run where a member that was considered dead answers.
    ChecksSilence,
    /// Ends the run where one of these votes in the serving cluster.
    ChecksNoVote(&'a BTreeMap<MasterName, Vec<String>>),
    /// Ends the run where the members' data differs.
    ComparesData,
    /// Asks a member how far it is, before it is stopped.
    AsksRevision(&'a AskRevision),
    /// Ends the run where the cluster takes no write; a key is written where `new` says so.
    ChecksWrite {
        /// Whether a key of the run's own is written, so that the write is its own proof.
        new: bool,
    },
    /// The programs of a running pod's image are copied beside requorum's own files.
    KeepsTools,
    /// What a fence needs is made ready, and does nothing without its marker.
    PreparesFence(&'a Supervisor),
    /// systemd does not start etcd any more.
    Fences,
    /// systemd may start etcd again.
    LiftsFence(&'a Supervisor),
    /// etcd is down afterwards.
    StopsEtcd {
        /// Whether it may be ended by force, so that its database lacks what its log has.
        by_force: bool,
    },
    /// etcd runs afterwards, on data of this run's, and its fence is lifted.
    StartsEtcd(Onto),
    /// etcd runs afterwards, on the data that it had before.
    StartsOwnData,
    /// A learner's etcd is started once more.
    RestartsLearner,
    /// A directory with data takes another place.
    MovesData(&'a Retire),
    /// The data from before that run takes its place again.
    ReturnsData(&'a RunId),
    /// A file from before a run takes its place again.
    ReturnsFile,
    /// The record from before a run counts again.
    ReturnsRecord,
    /// New data is made beside the old.
    BuildsData(&'a Restore),
    /// A file of the node's own is rewritten.
    WritesFile(&'a Write),
    /// The data is saved in a verified file on the master.
    SavesSnapshot(&'a Source),
    /// The seed's file is copied to another survivor.
    SharesSnapshot,
    /// The file is copied to the bastion.
    FetchesSnapshot,
    /// A member without a vote is added for this master.
    AddsLearner(&'a MasterName),
    /// This master's member gets its vote.
    Promotes(&'a MasterName),
    /// A learner is taken out of the member list.
    RemovesLearner,
    /// Old revisions go for good.
    CompactsHistory,
    /// The master is told which cluster is the newest.
    Records(&'a ClusterRecord),
    /// Its API server, and what works through it, is down afterwards and stays so.
    ParksApiServer(&'a [Component]),
    /// The list of etcd servers of an API server is another.
    WritesList(&'a WriteList),
    /// That from before a run takes its place again.
    ReturnsList(&'a RunId),
    /// Keys of API servers that are lost are removed.
    RemovesLeases,
    /// Nodes of the cluster may be given no pods any more, or again.
    CordonsNodes,
    /// Its API server, and what works through it, may run again.
    ServesApi(&'a [Component]),
    /// They stay parked, for a person to put back.
    LeavesParked(&'a [Component]),
}

impl<'a> Effect<'a> {
    /// The file that is rewritten, its text before and after.
    #[must_use]
    pub fn file(&self) -> Option<(&'a AbsPath, &'a str, &'a str)> {
        match self {
            Self::WritesFile(write) => Some((&write.path, &write.before, &write.after)),
            Self::WritesList(write) => Some((&write.path, &write.before, &write.after)),
            _ => None,
        }
    }
    /// Whether nothing is changed by it.
    #[must_use]
    pub const fn only_checks(&self) -> bool {
        match self {
            Self::ChecksNoLeader(_)
            | Self::ChecksSilence
            | Self::ChecksNoVote(_)
            | Self::ComparesData
            | Self::AsksRevision(_)
            | Self::ChecksWrite { .. }
            | Self::LeavesParked(_) => true,
            Self::KeepsTools
            | Self::PreparesFence(_)
            | Self::Fences
            | Self::LiftsFence(_)
            | Self::StopsEtcd { .. }
            | Self::StartsEtcd(_)
            | Self::StartsOwnData
            | Self::RestartsLearner
            | Self::MovesData(_)
            | Self::ReturnsData(_)
            | Self::ReturnsFile
            | Self::ReturnsRecord
            | Self::BuildsData(_)
            | Self::WritesFile(_)
            | Self::SavesSnapshot(_)
            | Self::SharesSnapshot
            | Self::FetchesSnapshot
            | Self::AddsLearner(_)
            | Self::Promotes(_)
            | Self::RemovesLearner
            | Self::CompactsHistory
            | Self::Records(_)
            | Self::ParksApiServer(_)
            | Self::WritesList(_)
            | Self::ReturnsList(_)
            | Self::RemovesLeases
            | Self::CordonsNodes
            | Self::ServesApi(_) => false,
        }
    }

    /// Whether a person wants to read of it before agreeing: something is stopped, moved, rewritten or removed.
    #[must_use]
    pub const fn is_destructive(&self) -> bool {
        match self {
            Self::StopsEtcd { .. }
            | Self::MovesData(_)
            | Self::ReturnsData(_)
            | Self::ReturnsFile
            | Self::WritesFile(_)
            | Self::RestartsLearner
            | Self::RemovesLearner
            | Self::CompactsHistory
            | Self::ParksApiServer(_)
            | Self::WritesList(_)
            | Self::ReturnsList(_)
            | Self::RemovesLeases
            | Self::CordonsNodes => true,
            Self::ChecksNoLeader(_)
            | Self::ChecksSilence
            | Self::ChecksNoVote(_)
            | Self::ComparesData
            | Self::AsksRevision(_)
            | Self::ChecksWrite { .. }
            | Self::KeepsTools
            | Self::PreparesFence(_)
            | Self::Fences
            | Self::LiftsFence(_)
            | Self::StartsEtcd(_)
            | Self::StartsOwnData
            | Self::ReturnsRecord
            | Self::BuildsData(_)
            | Self::SavesSnapshot(_)
            | Self::SharesSnapshot
            | Self::FetchesSnapshot
            | Self::AddsLearner(_)
            | Self::Promotes(_)
            | Self::Records(_)
            | Self::ServesApi(_)
            | Self::LeavesParked(_) => false,
        }
    }

    /// Whether etcd, its data, its files or its members are not as before afterwards, so that the run may not be left there.
    /// What lies beside them does not count, nor does a record, nor what happens to a learner that is listed already.
    #[must_use]
    pub const fn changes_the_cluster(&self) -> bool {
        match self {
            Self::Fences
            | Self::LiftsFence(_)
            | Self::StopsEtcd { .. }
            | Self::StartsEtcd(_)
            | Self::StartsOwnData
            | Self::MovesData(_)
            | Self::ReturnsData(_)
            | Self::ReturnsFile
            | Self::ReturnsRecord
            | Self::WritesFile(_)
            | Self::AddsLearner(_)
            | Self::Promotes(_)
            | Self::CompactsHistory
            | Self::ParksApiServer(_)
            | Self::WritesList(_)
            | Self::ReturnsList(_)
            | Self::RemovesLeases
            | Self::ServesApi(_) => true,
            Self::ChecksNoLeader(_)
            | Self::ChecksSilence
            | Self::ChecksNoVote(_)
            | Self::ComparesData
            | Self::AsksRevision(_)
            | Self::ChecksWrite { .. }
            | Self::LeavesParked(_)
            | Self::KeepsTools
            | Self::PreparesFence(_)
            | Self::RestartsLearner
            | Self::BuildsData(_)
            | Self::SavesSnapshot(_)
            | Self::SharesSnapshot
            | Self::FetchesSnapshot
            | Self::RemovesLearner
            | Self::CordonsNodes
            | Self::Records(_) => false,
        }
    }
}
