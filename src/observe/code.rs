//! The codes of all findings. Knows neither text nor severity; `docs/findings.md` says what each one means and what to
//! do.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, IntoStaticStr};

/// A finding's code, the same in terminal, plan, journal and JSON.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Display, EnumIter, IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Code {
    // What `status` and a plan find.
    Silent,
    Refused,
    NotAsked,
    Unclear,
    Denied,
    ClientUrl,
    ClientUrlTaken,
    EtcdDown,
    NotReady,
    Fenced,
    FenceBroken,
    Locked,
    HalfMade,
    SplitBrain,
    NotTheRecordedCluster,
    RecordsContradict,
    MembersUnclear,
    UnknownMember,
    UnstartedMember,
    NoLeader,
    RevisionApart,
    NoSpaceAlarm,
    CorruptAlarm,
    NearQuota,
    CertificateEnds,
    CertificateEnded,
    CertificateUnread,
    Learner,
    ToolMissing,
    NoRestoreTool,
    SentTools,
    NoRevisionBump,
    ZombieMembers,
    PromotionNotStored,
    RestartedSurvivor,
    Compared,
    Replayed,
    NotReplayed,
    FromAFile,
    MayHoldMore,
    BeyondTheFork,
    BeyondUntold,
    UnrecordedCluster,
    CompactionDiffers,
    LeftOut,
    WrittenByUnit,
    SecondManifest,
    ApiServerUnclear,
    ApiServerParked,
    ApiServerNotReady,
    ApiServerList,
    NodesCordoned,
    CordonIdle,
    // What only the doctor finds.
    ApiServerListsDiffer,
    EtcdAddresses,
    MountPoint,
    WalLink,
    NotAsStarted,
    UnitDisabled,
    UnitNoRestart,
    UnitNotNotify,
    StopCutShort,
    ClockOffset,
    NotMeasured,
    SnapshotEmpty,
    TimedProof,
    RtoAboveObjective,
    BastionState,
    BastionSpace,
    NotServing,
    /// One that another version of requorum wrote into a journal.
    #[serde(other)]
    #[strum(disabled)]
    Other,
}

impl Code {
    /// As it is written everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn a_code_is_written_as_its_name_and_one_of_another_version_is_read() {
        assert_eq!(serde_json::to_string(&Code::NoSpaceAlarm).unwrap(), "\"no-space-alarm\"");
        assert_eq!(Code::NoSpaceAlarm.name(), "no-space-alarm");
        assert_eq!(serde_json::from_str::<Code>("\"of-next-year\"").unwrap(), Code::Other);
    }
}
