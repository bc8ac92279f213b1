//! What a run is for, and what playbook and command call it.

use serde::{Deserialize, Serialize};

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The surviving zone serves alone.
    InitiateDr,
    /// The failed zone's masters are members again.
    Recover,
    /// A zone's etcd is stopped and cannot start.
    Fence,
    /// A zone's etcd may start again.
    Unfence,
    /// What a run replaced and did not finish is as it was before.
    Undo,
}

impl Goal {
    /// The playbook's name.
    #[must_use]
    pub const fn playbook(self) -> &'static str {
        match self {
            Self::InitiateDr => "initiate_dr",
            Self::Recover => "recover",
            Self::Fence => "fence",
            Self::Unfence => "unfence",
            Self::Undo => "undo",
        }
    }

    /// The command's name.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::InitiateDr => "initiate-dr",
            Self::Recover => "recover",
            Self::Fence => "fence",
            Self::Unfence => "unfence",
            Self::Undo => "undo",
        }
    }
}
