//! A finding: something that was seen and is worth knowing, by its code. Does not know how it is found.

use serde::{Deserialize, Serialize};

use crate::model::MasterName;

use super::Code;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// To be dealt with, not now.
    Warning,
    /// Wrong.
    Error,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something wrong, by code; `docs/findings.md` explains each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Which master, where it is one.
    pub master: Option<MasterName>,
    /// What was seen and what to do.
    pub text: String,
}

/// Takes a code, its severity and what was seen.
pub(super) type Find<'a> = dyn FnMut(Code, Severity, String) + 'a;
