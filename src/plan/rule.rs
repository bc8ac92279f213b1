//! Why a run is refused: the name of every rule, and whether a person may override it. Knows nothing about plans; what
//! each rule protects is described in `docs/findings.md`.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// A rule by the name that `--override` takes.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Rule {
    // Of a run: see `docs/findings.md` for what each protects.
    NoConsent,
    QuorumAlive,
    QuorumUnproved,
    WhichZone,
    FailedZoneRuns,
    FailedZoneAnswers,
    UnclearPeers,
    NotAttested,
    NoSurvivor,
    TwoClusters,
    WhichSeed,
    Seed,
    SeedNotFreshest,
    NoData,
    SurvivorDown,
    OldData,
    SnapshotUnverified,
    Snapshot,
    SnapshotOlder,
    SnapshotUnhashed,
    SnapshotOfAnotherCluster,
    InventoryContradicts,
    PeerAddress,
    Denied,
    ConfigStyle,
    EnvFileMissing,
    WalDir,
    Symlink,
    MountInside,
    MountWaiting,
    LinkInside,
    ReadOnly,
    UnitMasked,
    UnitTransient,
    UnitNotFenced,
    OwnerDiffers,
    CertificateEnded,
    CertificateUnread,
    TemplateChangesMore,
    UnclearNode,
    NotAsStarted,
    WrittenByUnit,
    SurvivorsApart,
    CorruptMember,
    QuotaBelowData,
    QuotaSmaller,
    LimitSmaller,
    TimersFar,
    ToolMissing,
    ToolVersion,
    JoinerVersion,
    Space,
    Template,
    Unclear,
    UnfenceHalfMade,
    ApiServerUnclear,
    ApiServerList,
    UndoFinished,
    UndoStarted,
    UndoBlind,
    UndoWakesOldData,
    PlanChanged,
    NothingServes,
    SplitBrain,
    NotTheRecordedCluster,
    StillDark,
    LeftRunning,
    Only,
    UnknownMember,
    MembersUnclear,
    VoterDown,
    VoterDark,
    FenceTakesQuorum,
    UnfenceWakesOldData,
    UnfenceBlind,
    NobodyAnswers,
    // Of a drill.
    Production,
    EnvironmentMarker,
    QuorumKept,
    NotHealthy,
    Locked,
    // Of a rehearsal.
    NotServing,
    // Of a finished plan, checked by [`super::safety`].
    MoveUnderFence,
    PreparedStart,
    StateExisting,
    OneToken,
    OneLearner,
    SettleLearnersOnly,
    NotOfThisCommand,
    LeftAlone,
    ServingLeftAlone,
    VotersLeftAlone,
    FailedZoneSilent,
    SnapshotFirst,
    OneSnapshot,
    ProvedByAWrite,
    ParkedFirst,
    ServedAgain,
    SurvivorsListed,
}

impl Rule {
    /// Whether `--override RULE=REASON` lifts it. The others have no safe plan behind them.
    #[must_use]
    pub const fn may_be_set_aside(self) -> bool {
        matches!(
            self,
            Self::QuorumUnproved
                | Self::UnclearPeers
                | Self::SeedNotFreshest
                | Self::SurvivorDown
                | Self::OldData
                | Self::SnapshotUnverified
                | Self::SnapshotOlder
                | Self::SnapshotUnhashed
                | Self::SnapshotOfAnotherCluster
                | Self::PeerAddress
                | Self::LinkInside
                | Self::ToolVersion
                | Self::OwnerDiffers
                | Self::CertificateEnded
                | Self::CertificateUnread
                | Self::TemplateChangesMore
                | Self::UnclearNode
                | Self::WrittenByUnit
                | Self::SurvivorsApart
                | Self::QuotaBelowData
                | Self::QuotaSmaller
                | Self::LimitSmaller
                | Self::TimersFar
                | Self::Space
                | Self::ApiServerUnclear
                | Self::ApiServerList
                | Self::UndoStarted
                | Self::UndoBlind
                | Self::FenceTakesQuorum
                | Self::UnfenceWakesOldData
                | Self::UnfenceBlind
        )
    }

    /// As it is written everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}
