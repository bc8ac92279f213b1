//! Restore: build the new cluster's data from the snapshot in a new directory beside the old one, which etcd may still
//! use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{AbsPath, Output, Placeholder, RunId, Supervisor, Token, WalDir};
use crate::observe::fork::BUMP;
use crate::observe::supervised::{Supervised, supervised};
use crate::observe::tools::RestoreTool;

use super::{Act, Effect, Facts, Judgement, Kind, Undo, run_dir, snapshot_path};

/// Restores a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    pub tool: RestoreTool,
    /// The unit, for whom it runs as.
    #[serde(rename = "unit")]
    pub supervisor: Supervisor,
    /// The data directory.
    pub data_dir: AbsPath,
    /// Whether it is a mount point.
    pub mount_point: bool,
    /// Where the write-ahead log lies, where that is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_dir: Option<WalDir>,
    /// The member's name.
    pub name: String,
    pub peer_urls: Vec<String>,
    /// The new cluster's members: `name=url,…`.
    pub initial_cluster: String,
    /// The new cluster's token.
    pub token: Token,
    /// Whether the file has etcd's own hash at its end; a copied database has none.
    pub hashed: bool,
    /// Whether what was restored is checked, page by page, and its revision: where the file itself was not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub checks: bool,
    pub run: RunId,
    /// How long it may stand still; grows with the database, which is read once without a word.
    pub limit: Duration,
}

const SCRIPT: Supervised = supervised!("restore", "scripts/prelude/moving.sh", "scripts/restore.sh");

/// Where a run restores to: beside the data directory, or inside it where it is a mount point.
#[must_use]
pub fn fresh_dir(data_dir: &AbsPath, mount_point: bool, run: &RunId) -> String {
    if mount_point { format!("{data_dir}/restore-{run}") } else { data_dir.beside(&format!(".restore-{run}")) }
}

impl Restore {
    /// Where it restores to.
    #[must_use]
    pub fn fresh(&self) -> String {
        fresh_dir(&self.data_dir, self.mount_point, &self.run)
    }

    /// Where it restores the log to, where that is elsewhere.
    #[must_use]
    pub fn fresh_wal(&self) -> Option<String> {
        self.wal_dir.as_ref().map(|own| own.fresh(&self.data_dir, &self.fresh(), &self.run))
    }

    /// The directory whose log it replaces, where the new one goes, and whether a link is to point there; empty for a log
    /// that lies in the data.
    fn wal(&self) -> [String; 3] {
        let fresh = self.fresh_wal().unwrap_or_default();
        match &self.wal_dir {
            Some(WalDir::Set(path)) => [path.to_string(), fresh, "no".to_owned()],
            Some(WalDir::Linked { to, .. }) => [to.to_string(), fresh, "yes".to_owned()],
            Some(WalDir::Within(_)) | None => ["", "", "no"].map(str::to_owned),
        }
    }

    fn argv(&self) -> Vec<String> {
        let mut argv: Vec<String> = [self.tool.path.as_str(), "snapshot", "restore"].map(str::to_owned).into();
        argv.push(snapshot_path(&self.run));
        argv.push(format!("--name={}", self.name));
        argv.push(format!("--initial-cluster={}", self.initial_cluster));
        argv.push(format!("--initial-cluster-token={}", self.token));
        argv.push(format!("--initial-advertise-peer-urls={}", self.peer_urls.join(",")));
        argv.extend(self.fresh_wal().map(|fresh| format!("--wal-dir={fresh}")));
        if self.tool.bumps {
            argv.push(format!("--bump-revision={BUMP}"));
            argv.push("--mark-compacted".to_owned());
        }
        if !self.hashed {
            argv.push("--skip-hash-check".to_owned());
        }
        argv
    }
}

impl Kind for Restore {
    fn title(&self) -> String {
        let bump = if self.tool.bumps { ", revision raised, old ones compacted" } else { "" };
        let check = if self.checks { ", and check every page of it" } else { "" };
        format!("restore the snapshot as a new cluster{bump}{check}")
    }

    fn acts(&self) -> Vec<Act> {
        // The tool checks etcd's own hash while it reads; only a file without one is hashed here once more, or checked
        // in what becomes of it.
        let command = SCRIPT
            .command(&self.supervisor)
            .arg(self.data_dir.as_str())
            .arg(self.fresh())
            .arg(run_dir(&self.run))
            .arg(snapshot_path(&self.run))
            .placeholder(Placeholder::SnapshotSize);
        let trusted = self.hashed || self.checks;
        let command = if trusted { command.arg("-") } else { command.placeholder(Placeholder::SnapshotHash) };
        let command = if self.checks { command.placeholder(Placeholder::ForkRevision) } else { command.arg("-") };
        let command = command.arg(if self.tool.bumps { BUMP.to_string() } else { "0".to_owned() });
        let command = command.arg(self.limit.as_secs().to_string()).args(self.wal()).args(self.argv());
        let command = command.while_it_moves(self.limit + Duration::from_secs(10));
        vec![Act::once(command).moves(&self.fresh(), None)]
    }

    fn judge(&self, _act: usize, output: &Output, _facts: &Facts) -> Judgement {
        Judgement::spoken(output)
    }

    fn effects(&self) -> Vec<Effect<'_>> {
        vec![Effect::BuildsData(self)]
    }

    fn undo(&self) -> Undo {
        Undo::NothingChanged
    }
}
