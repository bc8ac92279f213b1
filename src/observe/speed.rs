//! The question "how long does a snapshot take here?", answered by taking one and removing it again. Knows nothing
//! about plans.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{AbsPath, Command, Output};

use super::settings::Access;
use super::status::etcdctl;
use super::{Unclear, traces};

/// What a snapshot took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speed {
    /// The snapshot's size.
    pub bytes: u64,
    /// Until it was saved and on disk.
    pub save: Duration,
    /// Until it was verified as well, as a run does it.
    pub verify: Duration,
    /// Copying and hashing the same bytes, where the database is so large that a run does that instead of a save.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<Duration>,
    /// The revision in it; 0 where nothing was ever written, and a run takes no such snapshot.
    pub revision: u64,
}

/// In bytes: from here on a run copies the database and does not have etcd send it (`decisions/0011`). Both take a tenth of a
/// second below.
pub const LARGE: u64 = 64 << 20;

impl Speed {
    /// Until a run has its snapshot: saved, on disk and verified, or copied.
    #[must_use]
    pub fn whole(&self) -> Duration {
        self.copy.unwrap_or(self.save + self.verify)
    }

    /// Bytes a second while it was saved.
    #[must_use]
    pub fn bytes_a_second(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let bytes = self.bytes as f64;
        bytes / self.save.as_secs_f64().max(0.001)
    }

    /// How long the restore takes, which writes the same bytes once more and, where they were copied, checks them: an
    /// estimate.
    #[must_use]
    pub fn restore(&self) -> Duration {
        self.copy.map_or(self.save, |copy| copy + self.verify)
    }

    /// How long the way to another survivor takes: an estimate.
    #[must_use]
    pub fn share(&self) -> Duration {
        self.save
    }
}

const SCRIPT: Script = Script { name: "measure", text: include_str!("scripts/measure.sh") };

/// Saves and verifies a snapshot by these tools, and removes it. It may take `limit`.
#[must_use]
pub fn command(etcdctl_path: &str, access: &Access, tool: &str, data_dir: &AbsPath, limit: Duration) -> Command {
    // Without --command-timeout the stream has no limit at all.
    Command::script(SCRIPT)
        .args([traces::STATE, data_dir.as_str(), tool])
        .arg(LARGE.to_string())
        .then(etcdctl(etcdctl_path, access, limit))
        .deadline(limit * 2)
}

/// What the tool says of a snapshot, as far as it is needed.
#[derive(Deserialize)]
struct SnapshotStatus {
    revision: u64,
}

/// Reads `name=value` lines.
///
/// # Errors
/// When there was no room, no snapshot, or it was not right.
pub fn parse(output: &Output) -> Result<Speed, Unclear> {
    const WHAT: &str = "measuring a snapshot";
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let number = |name: &str| -> Result<u64, Unclear> {
        let mut lines = output.stdout.lines().filter_map(|line| line.split_once('='));
        let value = lines.find(|(found, _)| *found == name).and_then(|(_, value)| value.parse().ok());
        value.ok_or_else(|| Unclear::text(WHAT, &format!("no {name} was said")))
    };
    let time = |name: &str| number(name).map(Duration::from_nanos);
    let verdict = output.stdout.lines().find_map(|line| line.strip_prefix("status=")).unwrap_or_default();
    let verdict: SnapshotStatus = serde_json::from_str(verdict).map_err(|e| Unclear::text(WHAT, &e.to_string()))?;
    let (save, verify) = (time("save_ns")?, time("verify_ns")?);
    let copy = time("copy_ns").ok();
    Ok(Speed { bytes: number("bytes")?, save, verify, copy, revision: verdict.revision })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_snapshot_is_read() {
        let say = |stdout: &str| parse(&Output { stdout: stdout.into(), ..Output::default() });
        let status = r#"status={"hash":1,"revision":7,"totalKey":9,"totalSize":5}"#;
        let speed = say(&format!("{status}\nbytes=50000000\nsave_ns=500000000\nverify_ns=250000000\n")).unwrap();
        assert_eq!((speed.bytes, speed.revision), (50_000_000, 7));
        let ms = Duration::from_millis;
        assert_eq!((speed.whole(), speed.restore(), speed.share()), (ms(750), ms(500), ms(500)));
        let large =
            say(&format!("{status}\nbytes=5\nsave_ns=500000000\nverify_ns=250000000\ncopy_ns=40000000\n")).unwrap();
        assert_eq!((large.whole(), large.restore(), large.share()), (ms(40), ms(290), ms(500)));
        assert!((speed.bytes_a_second() - 1e8).abs() < 1.0);
        // A clock that was set back meanwhile measured nothing.
        assert!(say(&format!("{status}\nbytes=5\nsave_ns=-1\nverify_ns=2\n")).is_err());
        assert!(say("bytes=5\nsave_ns=1\nverify_ns=2\n").is_err());
    }
}
